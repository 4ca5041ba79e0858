//! Bodies that are not JSON, as JSON: where a source says so, and only those of the content type that it names. Pure.
//!
//! The request is verified over the bytes that came; what it is decoded to is the event's body from then on.

mod form;
mod spec;
mod xml;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header};
use serde_json::value::RawValue;

pub use spec::DecodeSpec;

/// What a source decodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decode {
    /// Forms, as an object of their fields.
    Form,
    /// Forms, one field of which holds the JSON document.
    FormField(String),
    /// XML.
    Xml,
}

/// Why a body cannot be decoded: what is wrong, and where. It may quote names of the body, never its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Undecodable(String);

impl Decode {
    /// The body as JSON of at most `bytes_max` bytes; `None` where its content type is not one that is decoded.
    pub(super) fn decode(&self, headers: &HeaderMap, body: &[u8], bytes_max: usize) -> Result<Option<Bytes>, Undecodable> {
        let content_type = headers.get(header::CONTENT_TYPE);
        let json = match self {
            Self::Form if is_form(content_type) => form::object(body)?.to_string(),
            Self::FormField(name) if is_form(content_type) => document(form::field(body, name)?, name)?,
            Self::Xml if is_xml(content_type) => xml::object(body)?.to_string(),
            _ => return Ok(None),
        };
        if json.len() > bytes_max {
            return Err(Undecodable(format!(
                "it becomes more than {bytes_max} bytes of JSON, which is this source's max_body_bytes"
            )));
        }
        Ok(Some(Bytes::from(json)))
    }
}

/// The text of a field, if it is JSON.
fn document(text: String, field: &str) -> Result<String, Undecodable> {
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            Err(Undecodable(format!("the form's field `{field}` holds no JSON ({place})")))
        }
    }
}

/// Whether a content type is that of a form.
pub(super) fn is_form(content_type: Option<&HeaderValue>) -> bool {
    essence(content_type).is_some_and(|essence| essence == "application/x-www-form-urlencoded")
}

/// `application/xml`, `text/xml`, or any with the suffix `+xml` (RFC 7303).
fn is_xml(content_type: Option<&HeaderValue>) -> bool {
    let is_xml = |essence: String| essence == "text/xml" || essence == "application/xml" || essence.ends_with("+xml");
    essence(content_type).is_some_and(is_xml)
}

/// The media type without its parameters, in lower case.
fn essence(content_type: Option<&HeaderValue>) -> Option<String> {
    let text = content_type?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(decode: &Decode, content_type: &'static str, body: &str) -> Result<Option<String>, String> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(content_type))]);
        let decoded = decode.decode(&headers, body.as_bytes(), 40).map_err(|error| error.to_string())?;
        Ok(decoded.map(|json| String::from_utf8(json.to_vec()).expect("JSON is text")))
    }

    #[test]
    fn only_the_named_content_type_is_decoded() {
        let form = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        assert_eq!(decode(&Decode::Form, form, "a=1"), Ok(Some(r#"{"a":"1"}"#.into())));
        for xml in ["text/xml", "application/xml; charset=utf-8", "application/soap+xml"] {
            assert_eq!(decode(&Decode::Xml, xml, "<a>1</a>"), Ok(Some(r#"{"a":"1"}"#.into())), "{xml}");
        }
        for (kind, other) in [(Decode::Form, "text/xml"), (Decode::Xml, form), (Decode::Xml, ""), (Decode::Form, "text/plain")] {
            assert_eq!(decode(&kind, other, "a=%ff<"), Ok(None), "{other}");
        }
        assert_eq!(Decode::Form.decode(&HeaderMap::new(), b"a=1", 40), Ok(None));
    }

    #[test]
    fn a_document_in_a_field_stands_as_it_came() {
        let payload = Decode::FormField("payload".into());
        let decode = |body| decode(&payload, "application/x-www-form-urlencoded", body);
        assert_eq!(decode("x=1&payload=%7B%22n%22%3A+1.10%7D"), Ok(Some(r#"{"n": 1.10}"#.into())));
        assert_eq!(decode("payload=%7B%22n%22"), Err("the form's field `payload` holds no JSON (line 1, column 4)".into()));
        assert_eq!(decode("x=1"), Err("the form has no field `payload`".into()));
    }

    #[test]
    fn what_it_becomes_is_bounded() {
        let body = format!("a={}", "x".repeat(40));
        let error = decode(&Decode::Form, "application/x-www-form-urlencoded", &body).expect_err("too large");
        assert!(error.contains("more than 40 bytes"), "{error}");
    }
}
