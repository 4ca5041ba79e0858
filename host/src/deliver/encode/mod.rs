//! From a delivery to the request that is sent. Pure: an attempt differs from the one before by the time it is signed at, and nothing
//! else, unless the destination was changed. Where nothing is converted, the body is the journal's very bytes.

mod compress;
mod form;
mod format;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request,
    header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};

use super::destination::{Destination, Signing, carries_no_body};
use crate::{
    event::{Failure, Header, Timestamp, is_host_owned},
    journal::Delivery,
    sign,
};
use compress::compressed;
use format::{Formatted, formatted};

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const AGENT: HeaderValue = HeaderValue::from_static("Sluicebox/0.1");

/// The request of one attempt, signed at `now`.
///
/// The destination's headers replace the message's, and the host's (Standard Webhooks 1.0.0) replace all. A message without a content
/// type is sent without one. What is signed is the payload as it is before compression: most frameworks hand their applications the
/// decompressed body, so a signature over the compressed one could not be checked by them.
///
/// # Errors
///
/// Where the message cannot be converted or filled in, or holds a header that HTTP cannot carry; no later attempt would go better.
pub(super) fn encode(delivery: &Delivery, destination: &Destination, now: Timestamp) -> Result<Request<Bytes>, Failure> {
    let url = destination.url.url(delivery)?;
    let mut payload = formatted(delivery, destination.format)?;
    if carries_no_body(&destination.method) {
        (payload.body, payload.content_type) = (Bytes::new(), None);
    }
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, AGENT);
    put_message_headers(&mut headers, delivery, &payload)?;
    for (name, text) in &destination.headers {
        headers.insert(name.clone(), text.value(name.as_str(), delivery)?);
    }
    let (id, to) = (delivery.id.to_string(), url.to_string());
    let content = sign::Content { id: &id, timestamp_secs: now.secs(), url: &to, body: &payload.body };
    put_signatures(&mut headers, content, &destination.signing, now)?;
    // What came compressed is not compressed again.
    let body = match destination.compression.filter(|_| !headers.contains_key(CONTENT_ENCODING)) {
        Some(compression) => {
            let (body, name) = compressed(&payload.body, compression);
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
            body
        }
        None => payload.body,
    };
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (destination.method.clone(), url, headers);
    Ok(request)
}

fn put_message_headers(headers: &mut HeaderMap, delivery: &Delivery, payload: &Formatted<'_>) -> Result<(), Failure> {
    for Header { name, value } in &delivery.message.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid_header(name))?;
        if !is_host_owned(parsed.as_str()) {
            headers.append(parsed, latin1(name, value)?);
        }
    }
    for (name, value) in &payload.headers {
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid_header(name))?;
        headers.insert(parsed, latin1(name, value)?);
    }
    match &payload.content_type {
        Some(content_type) => drop(headers.insert(CONTENT_TYPE, latin1("content-type", content_type)?)),
        None => drop(headers.remove(CONTENT_TYPE)),
    }
    Ok(())
}

fn put_signatures(headers: &mut HeaderMap, content: sign::Content<'_>, signing: &Signing, now: Timestamp) -> Result<(), Failure> {
    headers.insert(WEBHOOK_ID, latin1("webhook-id", content.id)?);
    if let Some(scheme) = &signing.other {
        for (name, value) in scheme.headers(signing.keys_at(now), content) {
            let value = latin1(name.as_str(), &value)?;
            headers.insert(name, value);
        }
    }
    if signing.other.as_ref().is_none_or(sign::Scheme::is_beside_standard_webhooks) {
        let signature = sign::standard_webhooks(signing.keys_at(now), content);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(content.timestamp_secs));
        headers.insert(WEBHOOK_SIGNATURE, latin1("webhook-signature", &signature)?);
    }
    Ok(())
}

/// The value as the bytes that [`Header`] read as ISO-8859-1.
fn latin1(name: &str, value: &str) -> Result<HeaderValue, Failure> {
    let bytes: Result<Vec<u8>, _> = value.chars().map(|c| u8::try_from(u32::from(c))).collect();
    bytes.ok().and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()).ok_or_else(|| invalid_header(name))
}

fn invalid_header(name: &str) -> Failure {
    Failure::new(
        "invalid-header",
        format!("the message's header `{name}` cannot be sent: names are tokens, values ISO-8859-1 without control characters"),
    )
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::deliver::{Compression, Format, destination::TimedKey, fake, header::HeaderText};

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: value.into() }
    }

    #[test]
    fn a_request_carries_the_bytes_and_the_headers_of_standard_webhooks() {
        let delivery = fake::delivery("crm", 1);
        let request =
            encode(&delivery, &fake::destination("https://example.com/a?b"), Timestamp(1_790_000_000_999)).expect("it is good");
        assert_eq!((request.method(), request.uri().to_string()), (&Method::POST, "https://example.com/a?b".to_owned()));
        assert_eq!(request.headers()["webhook-id"], delivery.id.to_string());
        assert_eq!(request.headers()["webhook-timestamp"], "1790000000");
        assert_eq!(request.headers()["user-agent"], "Sluicebox/0.1");
        assert_eq!(request.headers()["webhook-signature"], "", "there is no key");
        assert_eq!(request.body().as_ptr(), delivery.body.as_ptr(), "not a copy");
    }

    #[test]
    fn a_key_signs_until_its_end_and_another_scheme_beside_or_instead() {
        let key = |byte| sign::Key::parse(&sign::Key::text_of(sign::Version::V1, &[byte; 32])).expect("a key");
        let mut destination = fake::destination("https://example.com/");
        destination.signing.keys =
            vec![TimedKey { key: key(1), until: None }, TimedKey { key: key(2), until: Some(Timestamp(2_000)) }];
        let signed = |destination: &Destination, now| {
            let request = encode(&fake::delivery("crm", 1), destination, Timestamp(now)).expect("it is good");
            let text = |name: &str| request.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
            (text("webhook-signature").map(|all| all.split(' ').count()), text("webhook-timestamp"), text("x-hub-signature-256"))
        };
        assert_eq!(signed(&destination, 1_999).0, Some(2));
        assert_eq!(signed(&destination, 2_000).0, Some(1), "its time is over");
        let github = |standard_webhooks| sign::Spec {
            scheme: "github".into(),
            secret: Some(crate::event::Secret::new("s".into())),
            standard_webhooks,
            ..sign::Spec::default()
        };
        destination.signing.other = Some(github(None).refine().expect("a scheme"));
        let (standard, timestamp, github_signature) = signed(&destination, 1_000);
        assert!(standard.is_some() && timestamp.is_some() && github_signature.is_some());
        destination.signing.other = Some(github(Some(false)).refine().expect("a scheme"));
        let (standard, timestamp, again) = signed(&destination, 1_000);
        assert_eq!((standard, timestamp, &again), (None, None, &github_signature));
    }

    #[test]
    fn what_is_signed_is_the_payload_before_it_is_compressed() {
        let mut destination = fake::destination("https://example.com/");
        let key = sign::Key::parse(&sign::Key::text_of(sign::Version::V1, &[1; 32])).expect("a key");
        destination.signing.keys = vec![TimedKey { key, until: None }];
        let encoded =
            |destination: &Destination| encode(&fake::delivery("crm", 1), destination, Timestamp(0)).expect("it is good");
        let plain = encoded(&destination);
        destination.compression = Some(Compression::Gzip);
        let gzipped = encoded(&destination);
        assert_eq!(gzipped.headers()["content-encoding"], "gzip");
        assert_eq!(gzipped.headers()["webhook-signature"], plain.headers()["webhook-signature"]);
        assert_ne!(gzipped.body(), plain.body());
        assert_eq!(gzipped.body(), encoded(&destination).body(), "a retry sends the same bytes");
    }

    #[test]
    fn a_method_without_a_body_sends_none() {
        for method in [Method::GET, Method::DELETE] {
            let mut destination = fake::destination("https://example.com/");
            (destination.method, destination.format) = (method, Format::CloudeventsBinary);
            let request = encode(&fake::delivery("crm", 1), &destination, Timestamp(0)).expect("it is good");
            assert!(request.body().is_empty() && !request.headers().contains_key(CONTENT_TYPE));
            assert!(request.headers().contains_key("ce-id"));
        }
    }

    #[test]
    fn the_content_type_is_the_messages_or_none() {
        let mut delivery = fake::delivery("crm", 1);
        delivery.message.content_type = None;
        let encoded =
            |delivery: &Delivery| encode(delivery, &fake::destination("https://example.com/"), Timestamp(0)).expect("it is good");
        assert!(!encoded(&delivery).headers().contains_key(CONTENT_TYPE));
        delivery.message.content_type = Some("text/plain; charset=latin1".into());
        assert_eq!(encoded(&delivery).headers()[CONTENT_TYPE], "text/plain; charset=latin1");
    }

    #[test]
    fn the_destination_replaces_and_the_host_owns() {
        let mut delivery = fake::delivery("crm", 1);
        delivery.message.headers = vec![
            header("x-twice", "1"),
            header("x-twice", "2"),
            header("x-name", "J\u{fc}rgen"),
            header("authorization", "theirs"),
            header("webhook-id", "forged"),
            header("content-length", "0"),
        ];
        let mut destination = fake::destination("https://example.com/");
        destination.headers = vec![(http::header::AUTHORIZATION, HeaderText::Fixed(HeaderValue::from_static("ours")))];
        let request = encode(&delivery, &destination, Timestamp(0)).expect("it is good");
        let all = |name: &str| request.headers().get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
        assert_eq!(all("x-twice"), [b"1", b"2"]);
        assert_eq!(all("x-name"), [b"J\xfcrgen"]);
        assert_eq!(all("authorization"), [b"ours"]);
        assert_eq!(all("webhook-id"), [delivery.id.to_string().as_bytes()]);
        assert!(all("content-length").is_empty());
    }

    #[test]
    fn a_header_that_http_cannot_carry_fails_for_good() {
        for bad in [header("a b", "x"), header("x", "two\nlines"), header("x", "\u{20ac}")] {
            let mut delivery = fake::delivery("crm", 1);
            delivery.message.headers = vec![bad];
            let failure = encode(&delivery, &fake::destination("https://example.com/"), Timestamp(0)).expect_err("it is bad");
            assert_eq!(failure.code, "invalid-header");
        }
    }
}
