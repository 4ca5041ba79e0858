//! The answer of a source whose provider demands one of its own, as TwiML in Twilio's case. It tells what 202 tells elsewhere: the event is on
//! disk.

use std::collections::BTreeMap;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;

use super::answer::is_no_page;
use crate::event::{self, Invalid};

/// The largest body of such an answer.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The most headers of it.
const HEADERS_MAX: usize = 16;
/// The size of their names and values together.
const HEADER_BYTES_MAX: usize = 4 * 1024;

/// What the host says of every answer itself, beside what it owns on the way out.
const HOST_HEADERS: [HeaderName; 3] = [header::DATE, header::X_CONTENT_TYPE_OPTIONS, header::CONTENT_SECURITY_POLICY];

/// An answer as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Answer")]
pub struct AnswerSpec {
    /// 200 to 299; 200 unless told otherwise.
    pub status: Option<u16>,
    /// By name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// `text/plain` unless a header says otherwise.
    #[serde(default)]
    pub body: String,
}

/// Refined.
#[derive(Clone, Debug)]
pub(super) struct CustomAnswer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl AnswerSpec {
    /// Checks it.
    pub(super) fn refine(&self) -> Result<CustomAnswer, Invalid> {
        let status = self.status.unwrap_or(200);
        let status = StatusCode::from_u16(status).ok().filter(StatusCode::is_success).ok_or_else(|| {
            let message = format!("{status} is no status from 200 to 299, and only those say that the event was taken");
            Invalid::at("/answer/status", message)
        })?;
        if self.body.len() > BODY_BYTES_MAX {
            return Err(Invalid::at("/answer/body", format!("larger than {BODY_BYTES_MAX} bytes; make it shorter")));
        }
        // RFC 9110, sections 15.3.5 and 15.3.6.
        if !self.body.is_empty() && matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
            return Err(Invalid::at(
                "/answer/body",
                format!("an answer with the status {status} has no body; remove it, or write 200"),
            ));
        }
        let mut headers = self.headers()?;
        if !self.body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        }
        Ok(CustomAnswer { status, headers, body: Bytes::from(self.body.clone()) })
    }

    fn headers(&self) -> Result<HeaderMap, Invalid> {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.headers.len() > HEADERS_MAX || bytes > HEADER_BYTES_MAX {
            let message = format!("more than {HEADERS_MAX} headers or {HEADER_BYTES_MAX} bytes of them; remove some");
            return Err(Invalid::at("/answer/headers", message));
        }
        self.headers.iter().map(|(name, value)| own_header(name, value)).collect()
    }
}

fn own_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Invalid> {
    let refused =
        |message: String| Invalid::at(format!("/answer/headers/{}", name.replace('~', "~0").replace('/', "~1")), message);
    let known = HeaderName::try_from(name).map_err(|_| refused(format!("`{name}` is not a header name")))?;
    if event::is_host_owned(known.as_str()) || HOST_HEADERS.contains(&known) {
        return Err(refused(format!("the header `{known}` is the host's own; remove it")));
    }
    let value = HeaderValue::try_from(value).map_err(|_| refused(format!("the value of `{known}` cannot stand in a header")))?;
    Ok((known, value))
}

impl CustomAnswer {
    /// The answer to one request.
    pub(super) fn response(&self) -> Response {
        let mut response = Response::new(Body::from(self.body.clone()));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        is_no_page(response)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refine(spec: Value) -> Result<CustomAnswer, Invalid> {
        serde_json::from_value::<AnswerSpec>(spec).expect("the right form").refine()
    }

    #[test]
    fn an_answer_is_as_it_is_written() {
        let twiml = json!({ "headers": { "Content-Type": "text/xml" }, "body": "<Response/>" });
        let response = refine(twiml).expect("it is good").response();
        assert_eq!(
            (response.status(), &response.headers()["content-type"]),
            (StatusCode::OK, &HeaderValue::from_static("text/xml"))
        );
        let plain = refine(json!({ "status": 201, "body": "ok" })).expect("it is good").response();
        assert_eq!(plain.headers()["content-type"], "text/plain; charset=utf-8");
        let empty = refine(json!({ "status": 204 })).expect("it is good").response();
        assert_eq!((empty.status(), empty.headers().get("content-type")), (StatusCode::NO_CONTENT, None));
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (spec, pointer) in [
            (json!({ "status": 302 }), "/answer/status"),
            (json!({ "status": 199 }), "/answer/status"),
            (json!({ "status": 1000 }), "/answer/status"),
            (json!({ "status": 204, "body": "x" }), "/answer/body"),
            (json!({ "body": "x".repeat(BODY_BYTES_MAX + 1) }), "/answer/body"),
            (json!({ "headers": { "Content-Length": "1" } }), "/answer/headers/Content-Length"),
            (json!({ "headers": { "connection": "close" } }), "/answer/headers/connection"),
            (json!({ "headers": { "content-security-policy": "" } }), "/answer/headers/content-security-policy"),
            (json!({ "headers": { "a b": "1" } }), "/answer/headers/a b"),
            (json!({ "headers": { "x-a": "1\n2" } }), "/answer/headers/x-a"),
            (json!({ "headers": { "x-a": "1".repeat(HEADER_BYTES_MAX) } }), "/answer/headers"),
        ] {
            assert_eq!(refine(spec.clone()).expect_err("it is refused").pointer, pointer, "{spec}");
        }
    }
}
