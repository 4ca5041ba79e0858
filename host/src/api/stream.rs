//! `GET /v1/events/stream`: the live tail of events as server-sent events (HTML, section 9.2). Each message has the event's id as its
//! id and the event as its data; a reader that names the last id it saw, as browsers do by themselves, misses none.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    Parts,
    access::Workspace,
    documents::hub_problem,
    openapi::{Checked, Routes, get, header_parameters},
    parsed,
    standing::Standing,
    store_problem,
    tail::{Place, Wanted},
    wire::EventAsItCame,
};
use crate::{
    event::{EventId, Name},
    hub::{HubError, Kind, Scope},
    ingest::Problem,
    journal::EventRecord,
};

/// A comment as often, so that both sides know that the other is there.
const HEARTBEAT_SECS: u64 = 15;
/// How long a reader that lost its stream waits before it comes back.
const COME_BACK_MS: u64 = 1_000;
/// Where a refused reader is told to try again.
const RETRY_AFTER_SECS: u64 = 10;
/// What was made and not taken by the connection yet.
const MESSAGES_MAX: usize = 1;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks proxies (nginx and those that do as it does) to hand over what came and not to collect it.
const UNBUFFERED: (HeaderName, HeaderValue) = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

pub(super) fn routes() -> Routes {
    let stream = get("/v1/events/stream", Scope::Read, stream)
        .named("streamEvents", "Follow events as they come in")
        .told("Server-sent events: each has the event's id as its id, and the event as its data.")
        .with(header_parameters::<StreamHeaders>)
        .answers_text(200, "The stream, which ends only with the key, its workspace or the host.", "text/event-stream")
        .refuses(&["bad-parameter", "query-too-slow", "storage-unavailable", "too-many-streams", "unknown-name"]);
    Routes::tagged("Events").add(stream)
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct StreamHeaders {
    /// The event after which a reader goes on that lost its stream; it wins over `after`.
    #[schemars(rename = "Last-Event-ID")]
    last_event_id: Option<EventId>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StreamQuery {
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// The event after which it begins; only what comes from now on without it.
    after: Option<String>,
}

async fn stream(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    standing: Standing,
    Checked(query): Checked<StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let StreamQuery { source, event_type, after } = query;
    let after = after_which(&headers, after.as_deref())?;
    if let Some(name) = source.as_ref().filter(|name| parts.hub.get(&workspace, Kind::Source, name).is_none()) {
        return Err(hub_problem(&HubError::NotFound { kind: Kind::Source, name: name.clone() }));
    }
    let one = parts.tails.open(&workspace).map_err(|error| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", error.to_string()).retry_after(RETRY_AFTER_SECS)
    })?;
    let place = parts.tails.place(&workspace, after).await.map_err(|error| store_problem(&error))?;
    let (sender, messages) = mpsc::channel(MESSAGES_MAX);
    let _ = sender.try_send(Ok::<_, Infallible>(beginning(place)));
    let tails = Arc::clone(&parts.tails);
    tokio::spawn(async move {
        // The stream is one of those there may be for as long as this lasts.
        let _one = one;
        let wanted = Wanted { workspace, source, event_type };
        tails.follow(wanted, place, || standing.is_good(), |record| Ok(message(record)), sender).await;
    });
    let heartbeat = KeepAlive::new().interval(Duration::from_secs(HEARTBEAT_SECS));
    Ok(([UNBUFFERED], Sse::new(ReceiverStream::new(messages)).keep_alive(heartbeat)).into_response())
}

/// The header wins: a browser that comes back repeats the query that it began with.
fn after_which(headers: &HeaderMap, after: Option<&str>) -> Result<Option<EventId>, Problem> {
    let header = headers.get(LAST_EVENT_ID).map(|value| String::from_utf8_lossy(value.as_bytes()));
    match (header.as_deref().filter(|id| !id.is_empty()), after) {
        (Some(id), _) => parsed("Last-Event-ID", id).map(Some),
        (None, Some(id)) => parsed("after", id).map(Some),
        (None, None) => Ok(None),
    }
}

/// An id without data: who loses the stream before its first event goes on from there as well.
fn beginning(place: Place) -> sse::Event {
    sse::Event::default().id(place.id.to_string()).retry(Duration::from_millis(COME_BACK_MS))
}

fn message(record: &EventRecord) -> sse::Event {
    sse::Event::default().id(record.event.id.to_string()).data(json!(EventAsItCame::of(record)).to_string())
}
