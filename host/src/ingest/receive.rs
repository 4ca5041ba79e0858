//! `POST /in/{source}`: one request becomes one event on disk, or a refusal. Where a plugin verifies it may also be a handshake, by
//! `POST` or `GET`, which is answered and leaves nothing.

use std::{sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};
use serde_json::json;

use super::{
    Book, Options, Problem, Source,
    body::Bodies,
    extract::{Facts, text_of_header},
    problem::method_not_allowed,
    verifier::{Verified, Verifier},
};
use crate::{
    event::{Clock, Event, EventId, Header, Name, Timestamp},
    failpoint::{self, Step},
    journal::{Journal, JournalError, Once, Pending, Space},
    plugin::{self, Plugins},
};

/// After so long a sender that found no space may try again.
const FULL_RETRY_SECS: u64 = 60;

/// What this part works with.
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each request.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// Those that verify.
    pub plugins: Arc<Plugins>,
    /// The time.
    pub clock: Clock,
}

struct Ingest {
    parts: Parts,
    options: Options,
    bodies: Bodies,
    verifier: Verifier,
    received: Family<ReceivedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceivedLabels {
    workspace: String,
    source: String,
    outcome: &'static str,
}

/// What became of a request that was not refused.
enum Received {
    Event(EventId),
    /// It was there already.
    Duplicate(EventId),
    Handshake(plugin::Response),
}

/// The routes by which events come in.
pub fn router(options: Options, parts: Parts, registry: &mut Registry) -> Router {
    let received = Family::default();
    registry.register("sluicebox_ingest_requests", "Requests to sources, by outcome", Family::clone(&received));
    let bodies = Bodies::new(&options, registry);
    let verifier = Verifier::new(&options, Arc::clone(&parts.plugins));
    let ingest = Arc::new(Ingest { parts, options, bodies, verifier, received });
    Router::new()
        .route("/in/{source}", any(receive_default))
        .route("/w/{workspace}/in/{source}", any(receive_named))
        .with_state(ingest)
}

async fn receive_default(state: State<Arc<Ingest>>, Path(source): Path<String>, request: http::Request<Body>) -> Response {
    answer(state.0, Name::default_workspace().to_string(), source, request).await
}

async fn receive_named(
    state: State<Arc<Ingest>>,
    Path((workspace, source)): Path<(String, String)>,
    request: http::Request<Body>,
) -> Response {
    answer(state.0, workspace, source, request).await
}

/// Requests under way are finished even where the sender goes away, because the event may be on disk already: so a task.
async fn answer(ingest: Arc<Ingest>, workspace: String, source: String, request: http::Request<Body>) -> Response {
    let answered = tokio::spawn(async move { ingest.receive(&workspace, &source, request).await }).await;
    answered.unwrap_or_else(|error| {
        tracing::error!(%error, "a request could not be handled");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is a fault of the server; try again").into_response()
    })
}

impl Ingest {
    async fn receive(&self, workspace: &str, source: &str, request: http::Request<Body>) -> Response {
        // Not counted: the name need not be one that anybody configured.
        if let Some(refused) = self.refused_method(workspace, source, request.method()).await {
            return refused.into_response();
        }
        let received = self.try_receive(workspace, source, request).await;
        let outcome = match &received {
            Ok(Received::Event(_)) => "accepted",
            Ok(Received::Duplicate(_)) => "duplicate",
            Ok(Received::Handshake(_)) => "answered",
            Err(problem) => problem.kind,
        };
        self.received.get_or_create(&labels(workspace, source, outcome)).inc();
        match received {
            Ok(Received::Event(id)) => accepted(&json!({ "id": id.to_string() })),
            Ok(Received::Duplicate(id)) => accepted(&json!({ "id": id.to_string(), "duplicate": true })),
            Ok(Received::Handshake(response)) => handshake(response),
            Err(problem) => problem.into_response(),
        }
    }

    /// Sources take `POST`, and `GET` where a plugin may answer it.
    async fn refused_method(&self, workspace: &str, source: &str, method: &Method) -> Option<Problem> {
        let asks_a_plugin = || self.source(workspace, source).is_ok_and(|(_, source)| source.plugin.is_some());
        match *method {
            Method::POST => None,
            Method::GET if asks_a_plugin() => None,
            _ => {
                let allowed = if asks_a_plugin() { "GET,POST" } else { "POST" };
                Some(method_not_allowed(method.clone()).await.allow(allowed))
            }
        }
    }

    async fn try_receive(&self, workspace: &str, source: &str, request: http::Request<Body>) -> Result<Received, Problem> {
        let (key, source) = self.source(workspace, source)?;
        self.admit()?;
        let (head, body) = request.into_parts();
        let (body, _share) = self.bodies.read(&head.headers, body, source.body_bytes_max).await?;
        failpoint::reach(Step::RequestRead);
        let received_at = (self.parts.clock)();
        let attributes = match self.verifier.verify(&key.1, &source, &head, &body, received_at).await? {
            Verified::Handshake(response) => return Ok(Received::Handshake(response)),
            // A GET is safe (RFC 9110, section 9.2.1): whatever a plugin says, nothing comes of it.
            Verified::Event(_) if head.method != Method::POST => return Err(method_not_allowed(head.method).await.allow("POST")),
            Verified::Event(attributes) => attributes,
        };
        let (mut event, once) = event(key, &source, &head.headers, body, received_at)?;
        event.attributes = attributes;
        let id = event.id;
        failpoint::reach(Step::RequestVerified);
        let stored = match once {
            None => self.until_stored(self.parts.journal.append(vec![event])).await.map(|()| id)?,
            Some(once) => {
                let stored = self.until_stored(self.parts.journal.append_once(vec![(event, once)])).await?;
                stored.first().copied().unwrap_or(id)
            }
        };
        failpoint::reach(Step::EventStored);
        tracing::debug!(event = %stored, duplicate = stored != id, "accepted");
        Ok(if stored == id { Received::Event(id) } else { Received::Duplicate(stored) })
    }

    fn source(&self, workspace: &str, source: &str) -> Result<((Name, Name), Arc<Source>), Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-source", "there is no source of this name");
        let key: (Name, Name) = (workspace.parse().map_err(|_| unknown())?, source.parse().map_err(|_| unknown())?);
        let book = self.parts.book.load();
        let source = book.sources.get(&key).cloned().ok_or_else(unknown)?;
        Ok((key, source))
    }

    /// Before a byte of the body is read: what cannot be stored need not be sent.
    fn admit(&self) -> Result<(), Problem> {
        if let Space::Full(_) = self.parts.journal.space() { Err(storage_full()) } else { Ok(()) }
    }

    async fn until_stored<T>(&self, appending: Pending<T>) -> Result<T, Problem> {
        let unavailable = |kind, detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
        match tokio::time::timeout(Duration::from_millis(self.options.append_timeout_ms), appending).await {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(JournalError::Full)) => Err(storage_full()),
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an event could not be stored");
                Err(unavailable("storage-unavailable", "the event could not be stored; try again").retry_after(5))
            }
            // It may yet be stored; the sender's repeat is then a duplicate: known as one where the source has `idempotency`, and
            // otherwise what at-least-once allows.
            Err(_) => Err(unavailable("storage-slow", "the event was not stored in time; try again").retry_after(5)),
        }
    }
}

/// It is on disk.
fn accepted(told: &serde_json::Value) -> Response {
    (StatusCode::ACCEPTED, Json(told)).into_response()
}

fn storage_full() -> Problem {
    let detail = "no space to store the event; try again later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-full", detail).retry_after(FULL_RETRY_SECS)
}

/// A plugin's answer to a handshake. It may repeat what a stranger sent, on the address where operators are at home: no browser is to
/// take it for a page.
fn handshake(answer: plugin::Response) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for Header { name, value } in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    response
}

/// A name that nobody configured must not become a metric label.
fn labels(workspace: &str, source: &str, outcome: &'static str) -> ReceivedLabels {
    let (workspace, source) = if outcome == "unknown-source" { ("", "") } else { (workspace, source) };
    ReceivedLabels { workspace: workspace.to_owned(), source: source.to_owned(), outcome }
}

/// The event of a request, and by what it is the same as others.
fn event(
    key: (Name, Name),
    source: &Source,
    headers: &HeaderMap,
    body: Bytes,
    now: Timestamp,
) -> Result<(Event, Option<Once>), Problem> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-randomness", "this is a fault of the server; try again").retry_after(5)
    })?;
    let mut facts = Facts::new(headers, &body);
    let (event_type, subject) = (facts.find(source.event_type.as_ref()), facts.find(source.subject.as_ref()));
    let external_id = facts.find(source.id.as_ref());
    let once = source.idempotency.as_ref().and_then(|idempotency| idempotency.once(&mut facts, now));
    let event = Event {
        workspace: key.0,
        id: EventId::new(now, random),
        source: key.1,
        event_type: event_type.unwrap_or_default(),
        subject,
        received_at: now,
        time: None,
        external_id,
        content_type: headers.get(header::CONTENT_TYPE).map(|v| text_of_header(v.as_bytes())),
        headers: kept_headers(source, headers),
        body,
        attributes: Vec::new(),
    };
    Ok((event, once))
}

/// All headers but those that carry credentials: those never reach the journal, a plugin or a destination.
fn kept_headers(source: &Source, headers: &HeaderMap) -> Vec<Header> {
    let credentials = source.scheme.credential_headers();
    headers
        .iter()
        .filter(|(name, _)| !credentials.contains(name))
        .map(|(name, value)| Header { name: name.as_str().to_owned(), value: text_of_header(value.as_bytes()) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_one_name_are_counted_by_workspace() {
        assert_ne!(labels("a", "github", "accepted"), labels("b", "github", "accepted"));
        assert_ne!(labels("a", "github", "accepted"), labels("a", "github", "body-too-slow"));
    }

    #[test]
    fn a_name_that_nobody_configured_is_no_label() {
        assert_eq!(labels("a", "x", "unknown-source"), labels("b", "y", "unknown-source"));
    }
}
