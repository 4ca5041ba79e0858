//! The events of a request that is its source's.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::{
    Problem, Source, cloudevent,
    extract::{Facts, text_of_header},
};
use crate::{
    event::{Attribute, Event, EventId, Header, Name, Timestamp},
    journal::Arrival,
};

/// A request that is its source's.
pub(super) struct Request<'a> {
    /// The workspace and the name of its source.
    pub(super) key: (Name, Name),
    pub(super) source: &'a Source,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
    /// What verifying told of it.
    pub(super) attributes: Vec<Attribute>,
    pub(super) received_at: Timestamp,
}

/// The events of a request, in their order, at most `events_max`.
pub(super) fn of(request: Request<'_>, events_max: usize) -> Result<Vec<Arrival>, Problem> {
    if request.source.cloudevents.is_some() { cloudevent::all(request, events_max) } else { Ok(vec![one(request)?]) }
}

/// The one event that a request is.
fn one(request: Request<'_>) -> Result<Arrival, Problem> {
    let Request { key, source, headers, body, attributes, received_at } = request;
    let mut facts = Facts::new(headers, &body);
    let (event_type, subject) = (facts.find(source.event_type.as_ref()), facts.find(source.subject.as_ref()));
    let external_id = facts.find(source.id.as_ref());
    let once = source.idempotency.as_ref().and_then(|idempotency| idempotency.once(&mut facts, received_at));
    let event = Event {
        workspace: key.0,
        id: new_id(received_at)?,
        source: key.1,
        event_type: event_type.unwrap_or_default(),
        subject,
        received_at,
        time: None,
        external_id,
        content_type: headers.get(header::CONTENT_TYPE).map(|v| text_of_header(v.as_bytes())),
        headers: kept_headers(source, headers),
        body,
        attributes,
    };
    Ok(Arrival { once, ..Arrival::of(event) })
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
