//! The middleware of `Idempotency-Key`: a write with one is done once, and answered again as it was.

use aide::openapi::Operation;
use axum::{
    body::{Body, HttpBody as _, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use schemars::JsonSchema;

use super::{
    Parts,
    access::Call,
    idempotency::{ANSWER_BYTES_MAX, CallKey, Fingerprint, KEY_CHARS_MAX, Kept, Ticket, Turn},
    openapi::{BodyMax, header_parameters, note_refusals},
};
use crate::ingest::Problem;

/// The key of a write.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is that of the first call.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Headers {
    /// A key of this write and its repeats, made by who calls: a repeat is not done again, and is answered as the first was.
    #[schemars(rename = "Idempotency-Key", length(min = 1, max = 255), regex(pattern = "^[!-~]+$"))]
    key: Option<String>,
}

/// Whether calls of this method may have a key.
pub(super) fn is_write(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(method)
}

/// Describes that an operation may have a key.
pub(super) fn describe(operation: &mut Operation) {
    header_parameters::<Headers>(operation);
    note_refusals(operation, &["bad-body", "bad-parameter", "idempotency-key-reused", "idempotency-under-way"]);
}

/// Does writes with a key once.
pub(super) async fn once(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let key = request.headers().get(IDEMPOTENCY_KEY).filter(|_| is_write(request.method())).cloned();
    // Calls that need no key of the API have nobody whose repeats they could be.
    let call = request.extensions().get::<Call>().cloned();
    let (Some(key), Some(call)) = (key, call) else { return next.run(request).await };
    match judged(&parts, &call, &key, request).await {
        Ok(Judged::Again(answer)) => answer,
        Ok(Judged::First(request, ticket)) => to_its_end(parts, *request, next, ticket).await,
        Err(refused) => refused.into_response(),
    }
}

enum Judged {
    First(Box<Request>, Ticket),
    Again(Response),
}

async fn judged(parts: &Parts, call: &Call, key: &HeaderValue, request: Request) -> Result<Judged, Problem> {
    let key = text(key).ok_or_else(bad_key)?.to_owned();
    let bytes_max = body_bytes_max(parts, &request);
    let (head, body) = request.into_parts();
    let body = to_bytes(body, bytes_max).await.map_err(|_| unread(bytes_max))?;
    let key = CallKey { caller: call.caller.key.clone(), workspace: call.workspace.clone(), key };
    match parts.guards.idempotency.begin(key, fingerprint(&head, &body), (parts.clock)()) {
        Turn::First(ticket) => Ok(Judged::First(Box::new(Request::from_parts(head, Body::from(body))), ticket)),
        Turn::Again(kept) => {
            let mut answer = (kept.status, kept.headers.clone(), kept.body.clone()).into_response();
            answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
            Ok(Judged::Again(answer))
        }
        Turn::UnderWay => {
            let detail = "the first call with this Idempotency-Key is still under way; send it again in a moment";
            Err(Problem::new(StatusCode::CONFLICT, "idempotency-under-way", detail).retry_after(1))
        }
        Turn::Other => {
            let detail = "another call was made with this Idempotency-Key; a key is for one call and its repeats";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail))
        }
    }
}

/// What the route takes also without a key: more is not read to compare it.
fn body_bytes_max(parts: &Parts, request: &Request) -> usize {
    match request.extensions().get::<BodyMax>() {
        Some(BodyMax::Bytes(bytes)) => *bytes,
        Some(BodyMax::Published) => parts.publisher.body_bytes_max(),
        None => 0,
    }
}

/// The key, without the quotes that it has as a structured field (RFC 9651, section 3.3.3).
fn text(key: &HeaderValue) -> Option<&str> {
    let text = key.to_str().ok()?;
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let good = (1..=KEY_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then_some(text)
}

fn fingerprint(head: &request::Parts, body: &Bytes) -> Fingerprint {
    let of_header = |name| head.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    let target = head.uri.path_and_query().map_or("", |target| target.as_str());
    let (matches, none_match) = (of_header(header::IF_MATCH), of_header(header::IF_NONE_MATCH));
    let kind = of_header(header::CONTENT_TYPE);
    Fingerprint::of(&[head.method.as_str().as_bytes(), target.as_bytes(), kind, matches, none_match, body])
}

/// Whoever asked may go away meanwhile, and comes back for the answer: what is begun is done all the same.
async fn to_its_end(parts: Parts, request: Request, next: Next, ticket: Ticket) -> Response {
    let done = tokio::spawn(async move { kept(&parts, next.run(request).await, ticket).await });
    done.await.unwrap_or_else(|error| Problem::of_fault(&error).into_response())
}

/// Keeps an answer. What failed for now is not kept: the repeat is to be another try.
async fn kept(parts: &Parts, answer: Response, ticket: Ticket) -> Response {
    let status = answer.status();
    let (head, body) = answer.into_parts();
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || !is_short(&body) {
        return Response::from_parts(head, body);
    }
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return internal("the answer could not be made whole; what was asked is done");
    };
    let headers: HeaderMap = head.headers.clone();
    ticket.done(Kept { status, headers, body: body.clone() }, (parts.clock)());
    Response::from_parts(head, Body::from(body))
}

/// Answers that handlers make whole say how long they are; a stream does not.
fn is_short(body: &Body) -> bool {
    body.size_hint().upper().is_some_and(|bytes| bytes <= ANSWER_BYTES_MAX as u64)
}

fn internal(detail: &str) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}

fn bad_key() -> Problem {
    let detail = format!("Idempotency-Key: 1 to {KEY_CHARS_MAX} visible ASCII characters, quoted or not");
    Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail)
}

fn unread(bytes_max: usize) -> Problem {
    let detail = format!("the body could not be read, or is larger than {bytes_max} bytes, the most that this call takes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "bad-body", detail)
}
