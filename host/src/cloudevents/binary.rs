//! Binary mode: an attribute is a header, the body is the data, and its media type the `Content-Type` (HTTP binding 1.0, section 3.1).

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use percent_encoding::percent_decode;

use super::context::{Context, Malformed, Received};

const PREFIX: &str = "ce-";
const CONTENT_TYPE_ATTRIBUTE: &str = "datacontenttype";

/// Whether there is an attribute among these headers.
pub(super) fn is_meant(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

/// The event of these headers.
pub(super) fn received(headers: &HeaderMap, data: Bytes) -> Result<Received, Malformed> {
    let mut context = Context::default();
    if let Some(value) = headers.get(CONTENT_TYPE) {
        context.put(CONTENT_TYPE_ATTRIBUTE, value.as_bytes().iter().map(|&byte| char::from(byte)).collect())?;
    }
    for (header, value) in headers {
        let Some(name) = header.as_str().strip_prefix(PREFIX) else { continue };
        let value = decoded(name, value.as_bytes())?;
        // Not allowed there; some senders write it all the same.
        if name == CONTENT_TYPE_ATTRIBUTE && context.content_type().is_none_or(|content_type| content_type == value) {
            continue;
        }
        context.put(name, value)?;
    }
    context.received(data)
}

/// Unquoted, and then percent-decoded once, whatever comes out (section 3.1.3.2).
fn decoded(name: &str, value: &[u8]) -> Result<String, Malformed> {
    let unquoted = unquoted(value);
    let decoded = percent_decode(unquoted.as_deref().unwrap_or(value)).decode_utf8();
    decoded
        .map(String::from)
        .map_err(|_| Malformed(format!("the header `{PREFIX}{name}` is no UTF-8 when it is percent-decoded")))
}

/// What stands between double quotes (RFC 9110, section 5.6.4).
fn unquoted(value: &[u8]) -> Option<Vec<u8>> {
    let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let (mut plain, mut escaped) = (Vec::with_capacity(inner.len()), false);
    for &byte in inner {
        if byte == b'\\' && !escaped {
            escaped = true;
        } else {
            plain.push(byte);
            escaped = false;
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn event(more: &[(&'static str, &'static [u8])]) -> Result<Received, Malformed> {
        let good: [(&'static str, &'static [u8]); 4] =
            [("ce-specversion", b"1.0"), ("ce-id", b"1"), ("ce-source", b"/s"), ("ce-type", b"t")];
        let mut headers = HeaderMap::new();
        for (name, value) in good.iter().chain(more) {
            headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value).expect("a value"));
        }
        received(&headers, Bytes::from_static(b"data"))
    }

    fn subject(value: &'static [u8]) -> Option<String> {
        event(&[("ce-subject", value)]).ok()?.subject
    }

    #[test]
    fn a_value_is_decoded_exactly_once() {
        assert_eq!(subject(b"%E2%82%AC%205%25").as_deref(), Some("\u{20ac} 5%"));
        assert_eq!(subject(b"%2541").as_deref(), Some("%41"), "not twice");
        assert_eq!(subject(b"5% off").as_deref(), Some("5% off"), "of senders that encode nothing");
        assert_eq!(subject(br#""say \"%41\"""#).as_deref(), Some("say \"A\""));
        assert_eq!(subject(b"\"").as_deref(), Some("\""));
        assert_eq!(subject("\u{20ac}".as_bytes()).as_deref(), Some("\u{20ac}"));
        for no_utf8 in [&b"%FF"[..], b"%E2%82", b"\xfc"] {
            assert!(event(&[("ce-subject", no_utf8)]).is_err(), "{no_utf8:?}");
        }
    }

    #[test]
    fn headers_are_attributes_and_the_body_is_the_data() {
        let event = event(&[("content-type", b"text/plain"), ("ce-tenant", b"a"), ("x-other", b"b")]).expect("an event");
        assert_eq!((event.content_type.as_deref(), event.data.as_ref()), (Some("text/plain"), &b"data"[..]));
        assert_eq!(event.extensions.len(), 1);
    }

    #[test]
    fn an_attribute_stands_once_and_has_a_name_of_the_standard() {
        for bad in ["ce-id", "ce-a-b", "ce-data", "ce-"] {
            assert!(event(&[(bad, b"2")]).is_err(), "{bad}");
        }
        let json: (&str, &[u8]) = ("content-type", b"application/json");
        assert!(event(&[json, ("ce-datacontenttype", b"application/json")]).is_ok());
        assert!(event(&[json, ("ce-datacontenttype", b"text/plain")]).is_err());
    }
}
