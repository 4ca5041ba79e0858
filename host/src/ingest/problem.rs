//! Refusals as RFC 9457 problem details. The type is a stable URN; the detail says what to do about it.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, Method, StatusCode, header};
use serde_json::{Map, Value};
use tokio::task::JoinError;

use super::ProblemType;

/// A refusal that somebody outside is told.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// The last part of `urn:sluicebox:problem:...`: one of [`super::PROBLEM_TYPES`].
    pub kind: &'static str,
    /// What is wrong, and how to mend it.
    pub detail: String,
    /// Seconds to wait before trying again.
    pub retry_after_secs: Option<u64>,
    /// What the `Allow` header says.
    pub allow: Option<Box<str>>,
    /// What the `Accept-Encoding` header says (RFC 7694, section 3).
    pub accept_encoding: Option<Box<str>>,
    /// Further members.
    pub members: Map<String, Value>,
}

impl Problem {
    /// A task did not end as it should have, which is told in the log.
    pub(crate) fn of_fault(error: &JoinError) -> Self {
        tracing::error!(%error, "a request could not be handled");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is a fault of the server; try again")
    }

    /// A problem of this status and kind, told in these words.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(ProblemType::of(kind).is_some(), "`{kind}` is missing in PROBLEM_TYPES");
        let (detail, members) = (detail.into(), Map::new());
        Self { status, kind, detail, retry_after_secs: None, allow: None, accept_encoding: None, members }
    }

    /// With a time to wait.
    #[must_use]
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    /// With the methods that are there instead.
    #[must_use]
    pub fn allow(mut self, methods: &str) -> Self {
        self.allow = Some(methods.into());
        self
    }

    /// With the content codings that are taken instead.
    #[must_use]
    pub fn accept_encoding(mut self, codings: String) -> Self {
        self.accept_encoding = Some(codings.into());
        self
    }

    /// With a further member.
    #[must_use]
    pub fn with(mut self, key: &str, value: Value) -> Self {
        self.members.insert(key.to_owned(), value);
        self
    }
}

/// What a route answers that is there, but not for this method; the `Allow` header (RFC 9110, section 15.5.6) is the router's,
/// unless the problem has one.
pub async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("this is not there for {method}; see the Allow header");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}

impl Problem {
    /// As JSON.
    pub(super) fn document(&self) -> Value {
        let mut body = self.members.clone();
        body.insert("type".into(), format!("urn:sluicebox:problem:{}", self.kind).into());
        body.insert("title".into(), self.kind.replace('-', " ").into());
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("detail".into(), self.detail.as_str().into());
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.document())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        if let Some(methods) = self.allow.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
            headers.insert(header::ALLOW, methods);
        }
        if let Some(codings) = self.accept_encoding.and_then(|codings| HeaderValue::from_str(&codings).ok()) {
            headers.insert(header::ACCEPT_ENCODING, codings);
        }
        response
    }
}
