//! What a sender is answered whose request was not refused.

use axum::{
    Json,
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::{append::Stored, custom_answer::CustomAnswer};
use crate::{event::Header, plugin};

/// They are on disk: what the source answers then, or 202, with the id of one event, or with a list of them.
pub(super) fn accepted(stored: &[Stored], custom: Option<&CustomAnswer>) -> Response {
    if let Some(custom) = custom {
        return custom.response();
    }
    let told = match stored {
        [one] => told(one),
        many => json!({ "events": many.iter().map(told).collect::<Vec<_>>() }),
    };
    (StatusCode::ACCEPTED, Json(told)).into_response()
}

fn told(stored: &Stored) -> Value {
    match stored {
        Stored { id, duplicate: false, .. } => json!({ "id": id.to_string() }),
        Stored { id, duplicate: true, .. } => json!({ "id": id.to_string(), "duplicate": true }),
    }
}

/// A plugin's answer to a handshake.
pub(super) fn handshake(answer: plugin::Response) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for Header { name, value } in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    is_no_page(response)
}

/// An answer that is not ours stands on the address where operators are at home, and may repeat what a stranger sent: no browser is to take it
/// for a page.
pub(super) fn is_no_page(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}
