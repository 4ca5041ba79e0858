//! A request on trial: one call of a plugin that exports `verify`, and what of its answer the host lets pass.
//!
//! The sender waits meanwhile, and is not trusted yet. So the plugin has workers of its own kind, of which nobody waits for a place
//! in the queue, and whatever fails here accepts nothing.

use bytes::Bytes;
use wasmtime::Engine;

use super::{
    Bound, Fault,
    call::{Asked, Done, Session},
    exchange::HOST_ATTRIBUTES,
    fault::{Cause, FaultKind},
    limits::{ANSWER_BYTES_MAX, ATTRIBUTES_BYTES_MAX, FIELDS_MAX, HEADERS_BYTES_MAX},
    metrics::Metrics,
    room::{attribute_bytes, header_bytes},
    text::one_line,
};
use crate::event::{Attribute, Digest, Header, Stage, Timestamp};

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// Upper case.
    pub method: String,
    /// As the sender called it, with scheme and host.
    pub url: String,
    /// Names in lower case, in order of arrival, credentials among them.
    pub headers: Vec<Header>,
    /// As received.
    pub body: Bytes,
    /// When its last byte had arrived: what the plugin is told that the time is.
    pub received_at: Timestamp,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is from the source, and these are facts of it.
    Accepted(Vec<Attribute>),
    /// It is not, for this reason, which is not the sender's to know.
    Refused(String),
    /// It is a handshake, to be answered so.
    Answered(Response),
}

/// An answer to a handshake: nothing in it is the host's own to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// 200 to 299, or 400 to 499.
    pub status: u16,
    /// One `content-type`, `x-*` but for what proxies obey, and `webhook-*`, fit for HTTP.
    pub headers: Vec<Header>,
    /// At most 16 KiB.
    pub body: Bytes,
}

/// What a verifying plugin did.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The call, where there was one.
    pub stages: Vec<Stage>,
    /// What it decided. A fault of the kind `Rejected` is a refusal of the plugin's own; any other says nothing about the request.
    pub result: Result<Decision, Fault>,
}

/// As many requests wait for this plugin, or for all, as may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many requests wait to be verified")]
pub struct QueueFull;

/// Judges a request.
pub(super) fn verify(engine: &Engine, metrics: &Metrics, plugin: &Bound, request: &Request) -> Judged {
    let mut session = Session::start(engine, metrics, request.received_at);
    let id = request.digest().to_string();
    let result = session.call(
        plugin,
        Asked { export: "verify", id: &id, input_bytes: request.bytes() },
        |store| plugin.loaded.guest.verify(store, request),
        |decision| accept(decision).map_err(|cause| cause.told_of(&plugin.name)),
    );
    Judged { stages: session.stages, result }
}

impl Request {
    fn bytes(&self) -> usize {
        self.method.len() + self.url.len() + header_bytes(&self.headers) + self.body.len()
    }

    /// Of all that the guest sees of the request itself; of the digests of its parts, so that no two requests are one.
    fn digest(&self) -> Digest {
        let headers = self.headers.iter().flat_map(|header| [header.name.as_bytes(), header.value.as_bytes()]);
        let parts = [self.method.as_bytes(), self.url.as_bytes(), &self.body].into_iter().chain(headers);
        Digest::of(&parts.flat_map(|part| *Digest::of(part).as_bytes()).collect::<Vec<u8>>())
    }
}

fn accept(decision: Decision) -> Result<Done<Decision>, Cause> {
    let (result, value) = match decision {
        Decision::Accepted(attributes) => ("accept", Decision::Accepted(facts(attributes)?)),
        Decision::Refused(reason) => ("refuse", Decision::Refused(one_line(&reason))),
        Decision::Answered(response) => ("answer", Decision::Answered(answer(response)?)),
    };
    Ok(Done { value, result, messages: 0 })
}

/// Under the limits of a message's attributes. A name of the host's is a mistake that only the author can mend, so it is told.
fn facts(attributes: Vec<Attribute>) -> Result<Vec<Attribute>, Cause> {
    few("attributes", attributes.len())?;
    small("limit-attributes", "attributes", attribute_bytes(&attributes), ATTRIBUTES_BYTES_MAX)?;
    let mut facts: Vec<Attribute> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        if attribute.key.is_empty() || HOST_ATTRIBUTES.contains(&attribute.key.as_str()) {
            let text = format!("it may not set the attribute `{}`: it has no name, or one of the host's", attribute.key);
            return Err(broken("attribute-not-allowed", &text));
        }
        // Of a key that is given twice the first value stands, as everywhere.
        if facts.iter().all(|fact| fact.key != attribute.key) {
            facts.push(attribute);
        }
    }
    Ok(facts)
}

fn answer(response: Response) -> Result<Response, Cause> {
    let Response { status, headers, body } = response;
    if !matches!(status, 200..=299 | 400..=499) {
        let text = format!("it answered with the status {status}; a handshake is answered with 200 to 299, or 400 to 499");
        return Err(broken("status-not-allowed", &text));
    }
    few("headers", headers.len())?;
    small("limit-headers", "headers", header_bytes(&headers), HEADERS_BYTES_MAX)?;
    small("limit-answer", "body", body.len(), ANSWER_BYTES_MAX)?;
    // RFC 9110, sections 15.3.5 and 15.3.6: these have none.
    let body = if matches!(status, 204 | 205) { Bytes::new() } else { body };
    let mut own: Vec<Header> = Vec::with_capacity(headers.len());
    for header in headers.into_iter().filter_map(own_header) {
        // RFC 9110, section 8.3: one body is of one type.
        if header.name != "content-type" || own.iter().all(|other| other.name != "content-type") {
            own.push(header);
        }
    }
    Ok(Response { status, headers: own, body })
}

/// How headers begin that proxies take for orders: to send a file of theirs, or to ask another server.
const PROXY_HEADERS: [&str; 4] = ["x-accel-", "x-sendfile", "x-lighttpd-", "x-reproxy-"];

/// What a handshake may say of itself; everything else is between the server and the connection.
fn own_header(header: Header) -> Option<Header> {
    let name = header.name.to_ascii_lowercase();
    let is_order = PROXY_HEADERS.iter().any(|prefix| name.starts_with(prefix));
    let own = name == "content-type" || (name.starts_with("x-") && !is_order) || name.starts_with("webhook-");
    let sendable = http::HeaderName::from_bytes(name.as_bytes()).is_ok() && http::HeaderValue::from_str(&header.value).is_ok();
    (own && sendable).then_some(Header { name, value: header.value })
}

fn few(what: &str, count: usize) -> Result<(), Cause> {
    match count {
        0..=FIELDS_MAX => Ok(()),
        _ => Err(broken("limit-fields", &format!("its answer has {count} {what}, the limit is {FIELDS_MAX}"))),
    }
}

fn small(code: &'static str, what: &str, bytes: usize, limit: usize) -> Result<(), Cause> {
    if bytes > limit {
        return Err(broken(code, &format!("the {what} of its answer: {bytes} bytes, the limit is {limit}")));
    }
    Ok(())
}

/// Not `Rejected`, which here is the plugin's own word about the request.
fn broken(code: &'static str, text: &str) -> Cause {
    Cause::new(FaultKind::Output, code, one_line(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str) -> Attribute {
        Attribute { key: key.into(), value: "1".into() }
    }

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.into(), value: value.into() }
    }

    fn label(decision: Decision) -> &'static str {
        match accept(decision) {
            Ok(done) => done.result,
            Err(cause) => {
                assert_eq!(cause.kind, FaultKind::Output, "never taken for a word about the request");
                cause.label
            }
        }
    }

    #[test]
    fn facts_are_few_and_none_is_the_hosts() {
        let accepted = |keys: &[&str]| Decision::Accepted(keys.iter().map(|key| attribute(key)).collect());
        assert_eq!(label(accepted(&["team", "team"])), "accept");
        assert_eq!(facts(vec![attribute("team"), attribute("team")]).expect("accepted").len(), 1);
        assert_eq!(label(accepted(&["subject"])), "attribute-not-allowed");
        assert_eq!(label(accepted(&[""])), "attribute-not-allowed");
        assert_eq!(label(Decision::Accepted(vec![attribute("a"); 101])), "limit-fields");
        let long = Attribute { key: "a".into(), value: "x".repeat(65_536) };
        assert_eq!(label(Decision::Accepted(vec![long])), "limit-attributes");
    }

    #[test]
    fn an_answer_is_small_and_says_nothing_of_the_hosts() {
        let answered = |status, body: Vec<u8>| Decision::Answered(Response { status, headers: Vec::new(), body: body.into() });
        assert_eq!(label(answered(200, vec![0; 16 << 10])), "answer");
        assert_eq!(label(answered(200, vec![0; (16 << 10) + 1])), "limit-answer");
        for status in [0, 100, 199, 301, 500, 999] {
            assert_eq!(label(answered(status, Vec::new())), "status-not-allowed", "{status}");
        }
        let names = ["Content-Type", "content-type", "X-Token", "webhook-id", "set-cookie", "location", "content-length", "x- y"];
        let orders = ["X-Accel-Redirect", "x-sendfile", "X-Sendfile2", "x-lighttpd-send-file", "X-Reproxy-URL"];
        let names = names.into_iter().chain(orders);
        let headers = names.map(|name| header(name, "v")).chain([header("x-b", "1\r\nset-cookie: a")]).collect();
        let response = answer(Response { status: 204, headers, body: "x".into() }).expect("accepted");
        let kept: Vec<&str> = response.headers.iter().map(|header| header.name.as_str()).collect();
        assert_eq!((kept.as_slice(), response.body.len()), (["content-type", "x-token", "webhook-id"].as_slice(), 0));
    }

    #[test]
    fn requests_that_differ_are_told_apart() {
        let request = |url: &str, headers: &[(&str, &str)]| Request {
            method: "POST".into(),
            url: url.into(),
            headers: headers.iter().map(|(name, value)| header(name, value)).collect(),
            body: Bytes::from_static(b"{}"),
            received_at: Timestamp(0),
        };
        assert_eq!(request("/a", &[]).digest(), request("/a", &[]).digest());
        assert_ne!(request("/a", &[("b", "c")]).digest(), request("/a", &[("bc", "")]).digest());
        assert_ne!(request("/a", &[]).digest(), request("/b", &[]).digest());
    }
}
