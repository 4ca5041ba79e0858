//! Leave to send, asked for by `OPTIONS` before the first event (CloudEvents, HTTP 1.1 Web Hooks 1.0.1, section 4): the sender names its
//! origin, and sends only where the answer grants it. The form with a URL to call back is not needed: the answer is there at once.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};

use super::{Problem, Source};

const REQUEST_ORIGIN: &str = "webhook-request-origin";
const ALLOWED_ORIGIN: &str = "webhook-allowed-origin";
const ALLOWED_RATE: &str = "webhook-allowed-rate";

/// The answer to a handshake; `None` where the request is none, or the source takes no CloudEvents.
pub(super) fn answer(source: &Source, request: &Request<Body>) -> Option<Result<Response, Problem>> {
    let cloudevents = source.cloudevents.as_ref().filter(|_| request.method() == Method::OPTIONS)?;
    let granted = origin(request.headers()).and_then(|origin| match cloudevents.grants(origin) {
        true => Ok((HeaderValue::from_str(origin).unwrap_or(ANY), cloudevents.rate.map_or(ANY, HeaderValue::from))),
        false => Err(not_allowed()),
    });
    Some(granted.map(|(origin, rate)| {
        let grant = [(header::ALLOW.as_str(), HeaderValue::from_static("POST")), (ALLOWED_ORIGIN, origin), (ALLOWED_RATE, rate)];
        (StatusCode::OK, grant).into_response()
    }))
}

/// In the place of an origin, or of a rate.
const ANY: HeaderValue = HeaderValue::from_static("*");

fn origin(headers: &HeaderMap) -> Result<&str, Problem> {
    let origin = headers.get(REQUEST_ORIGIN).and_then(|origin| origin.to_str().ok()).filter(|origin| !origin.is_empty());
    origin.ok_or_else(|| {
        let detail = "a sender of CloudEvents asks for leave with its WebHook-Request-Origin";
        Problem::new(StatusCode::BAD_REQUEST, "no-origin", detail).allow("POST")
    })
}

fn not_allowed() -> Problem {
    let detail = "this origin is not among the source's allowed_origins";
    Problem::new(StatusCode::FORBIDDEN, "origin-not-allowed", detail)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::ingest::Spec;

    fn answered(more: &str, origin: Option<&str>) -> Option<(u16, [Option<String>; 3])> {
        let spec = format!("{{ \"verify\": {{ \"scheme\": \"none\" }} {more} }}");
        let source = serde_json::from_str::<Spec>(&spec).expect("a spec").refine(&HashMap::new()).expect("a source");
        let mut request = Request::options("/in/shop");
        if let Some(origin) = origin {
            request = request.header(REQUEST_ORIGIN, origin);
        }
        let response = answer(&source, &request.body(Body::empty()).expect("a request"))?;
        let response = response.into_response();
        let header = |name| response.headers().get(name).map(|value: &HeaderValue| value.to_str().expect("text").to_owned());
        Some((response.status().as_u16(), ["allow", ALLOWED_ORIGIN, ALLOWED_RATE].map(header)))
    }

    #[test]
    fn leave_is_given_to_those_who_are_named() {
        let text = |text: &str| Some(text.to_owned());
        let some = r#", "format": "cloudevents", "allowed_origins": ["shop.example"], "allowed_rate": 600"#;
        assert_eq!(answered(some, Some("Shop.Example")), Some((200, [text("POST"), text("Shop.Example"), text("600")])));
        assert_eq!(answered(some, Some("other.example")), Some((403, [None, None, None])));
        assert_eq!(answered(some, None), Some((400, [text("POST"), None, None])));
        let all = r#", "format": "cloudevents", "allowed_origins": ["*"]"#;
        assert_eq!(answered(all, Some("a.example")), Some((200, [text("POST"), text("a.example"), text("*")])));
        assert_eq!(answered(r#", "format": "cloudevents""#, Some("a.example")).map(|(status, _)| status), Some(403));
        assert_eq!(answered("", Some("a.example")), None, "it takes no CloudEvents");
    }
}
