//! The events of a request that is its source's.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header, request};

use super::{
    Problem, Source, cloudevent,
    decode::Undecodable,
    extract::{Facts, text_of_header},
    idempotency,
    methods::METHOD_HEADER,
};
use crate::{
    event::{Event, EventId, Header, Name, Timestamp},
    journal::Arrival,
    verify,
};

/// A request that is its source's.
pub(super) struct Request<'a> {
    /// The workspace and the name of its source.
    pub(super) key: (Name, Name),
    pub(super) source: &'a Source,
    pub(super) head: request::Parts,
    pub(super) body: Bytes,
    /// What verifying told of it.
    pub(super) proven: verify::Facts,
    pub(super) received_at: Timestamp,
}

/// The events of a request, in their order, at most `events_max`.
pub(super) fn of(mut request: Request<'_>, events_max: usize) -> Result<Vec<Arrival>, Problem> {
    tell_method(request.source, &mut request.head);
    if request.source.cloudevents.is_some() { cloudevent::all(request, events_max) } else { Ok(vec![one(request)?]) }
}

/// The one event that a request is.
fn one(request: Request<'_>) -> Result<Arrival, Problem> {
    let Request { key, source, head, body, proven, received_at } = request;
    let headers = &head.headers;
    let decoded = decoded(source, headers, &body)?;
    let mut facts = Facts::new(headers, head.uri.query(), &body);
    if let Some(decoded) = &decoded {
        facts = facts.decoded(decoded);
    }
    let (event_type, subject) = (facts.find(source.event_type.as_ref()), facts.find(source.subject.as_ref()));
    let (external_id, time) = (facts.find(source.id.as_ref()), facts.time(source.time.as_ref()));
    let once = source.idempotency.as_ref().and_then(|idempotency| idempotency.once(&mut facts, received_at));
    let once = once.or(proven.replay.map(idempotency::of_replay));
    let content_type = match &decoded {
        Some(_) => Some(JSON.to_owned()),
        None => headers.get(header::CONTENT_TYPE).map(|v| text_of_header(v.as_bytes())),
    };
    let event = Event {
        workspace: key.0,
        id: new_id(received_at)?,
        source: key.1,
        event_type: event_type.unwrap_or_default(),
        subject,
        received_at,
        time,
        external_id,
        content_type,
        headers: kept_headers(source, headers),
        body: decoded.unwrap_or(body),
        attributes: proven.attributes,
    };
    Ok(Arrival { once, ..Arrival::of(event) })
}

/// The content type of what was decoded.
const JSON: &str = "application/json";

/// The body as JSON, where the source says so and this is one of those bodies.
fn decoded(source: &Source, headers: &HeaderMap, body: &[u8]) -> Result<Option<Bytes>, Problem> {
    let Some(decode) = &source.decode else { return Ok(None) };
    let undecodable = |error: Undecodable| {
        let detail = format!("the body could not be decoded: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "body-undecodable", detail)
    };
    decode.decode(headers, body, source.limits.body_bytes_max).map_err(undecodable)
}

/// Only the host says by which method an event came.
fn tell_method(source: &Source, head: &mut request::Parts) {
    head.headers.remove(METHOD_HEADER);
    if source.methods.are_told()
        && let Ok(method) = HeaderValue::from_str(head.method.as_str())
    {
        head.headers.insert(METHOD_HEADER, method);
    }
}

/// An id of our own.
pub(super) fn new_id(now: Timestamp) -> Result<EventId, Problem> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-randomness", "this is a fault of the server; try again").retry_after(5)
    })?;
    Ok(EventId::new(now, random))
}

/// All headers but those that carry credentials: those never reach the journal, a plugin or a destination.
pub(super) fn kept_headers(source: &Source, headers: &HeaderMap) -> Vec<Header> {
    let credentials = source.scheme.credential_headers();
    headers
        .iter()
        .filter(|(name, _)| !credentials.contains(name))
        .map(|(name, value)| Header { name: name.as_str().to_owned(), value: text_of_header(value.as_bytes()) })
        .collect()
}
