//! `POST /in/{source}`: one request becomes one event on disk, or a refusal.

use std::{sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use axum::{
    Json, Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header, request};
use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};
use serde_json::json;

use super::{
    Book, Options, Problem, Source,
    body::Bodies,
    extract::{Facts, text_of_header},
    problem::method_not_allowed,
};
use crate::{
    event::{Clock, Event, EventId, Header, Name, Timestamp},
    journal::{Journal, JournalError},
    verify,
};

/// What this part works with.
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each request.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// The time.
    pub clock: Clock,
}

struct Ingest {
    parts: Parts,
    options: Options,
    bodies: Bodies,
    received: Family<ReceivedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReceivedLabels {
    workspace: String,
    source: String,
    outcome: &'static str,
}

/// The routes by which events come in.
pub fn router(options: Options, parts: Parts, registry: &mut Registry) -> Router {
    let received = Family::default();
    registry.register("sluicebox_ingest_requests", "Requests to sources, by outcome", Family::clone(&received));
    let bodies = Bodies::new(&options, registry);
    let ingest = Arc::new(Ingest { parts, options, bodies, received });
    Router::new()
        .route("/in/{source}", post(receive_default))
        .route("/w/{workspace}/in/{source}", post(receive_named))
        .method_not_allowed_fallback(method_not_allowed)
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
        let outcome = self.try_receive(workspace, source, request).await;
        self.received.get_or_create(&labels(workspace, source, outcome.as_ref().err())).inc();
        match outcome {
            Ok(id) => (StatusCode::ACCEPTED, Json(json!({ "id": id.to_string() }))).into_response(),
            Err(problem) => problem.into_response(),
        }
    }

    async fn try_receive(&self, workspace: &str, source: &str, request: http::Request<Body>) -> Result<EventId, Problem> {
        let (key, source) = self.source(workspace, source)?;
        let (head, body) = request.into_parts();
        let (body, _share) = self.bodies.read(&head.headers, body, source.body_bytes_max).await?;
        let received_at = (self.parts.clock)();
        let verified = self.verify(&key.1, &source, &head, &body, received_at)?;
        let mut event = event(key, &source, &head.headers, body, received_at)?;
        event.attributes = verified.attributes;
        let id = event.id;
        self.append(event).await?;
        tracing::debug!(event = %id, "accepted");
        Ok(id)
    }

    fn source(&self, workspace: &str, source: &str) -> Result<((Name, Name), Arc<Source>), Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-source", "there is no source of this name");
        let key: (Name, Name) = (workspace.parse().map_err(|_| unknown())?, source.parse().map_err(|_| unknown())?);
        let book = self.parts.book.load();
        let source = book.sources.get(&key).cloned().ok_or_else(unknown)?;
        Ok((key, source))
    }

    fn verify(
        &self,
        name: &Name,
        source: &Source,
        head: &request::Parts,
        body: &[u8],
        now: Timestamp,
    ) -> Result<verify::Verified, Problem> {
        let url = self.url(head);
        let request = verify::Request { method: head.method.as_str(), url: &url, headers: &head.headers, body };
        source.scheme.verify(request, now).map_err(|refusal| {
            tracing::warn!(source = %name, %refusal, "a request was not its source's");
            Problem::new(StatusCode::UNAUTHORIZED, "not-verified", "the request could not be verified")
        })
    }

    /// The URL as the sender called it: some schemes sign it.
    fn url(&self, head: &request::Parts) -> String {
        let path = head.uri.path_and_query().map_or("/", |p| p.as_str());
        match &self.options.public_url {
            Some(base) => format!("{}{path}", base.trim_end_matches('/')),
            None => {
                let host = head.headers.get(header::HOST).and_then(|h| h.to_str().ok());
                format!("http://{}{path}", host.or_else(|| head.uri.host()).unwrap_or_default())
            }
        }
    }

    async fn append(&self, event: Event) -> Result<(), Problem> {
        let unavailable = |kind, detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
        let appending = self.parts.journal.append(vec![event]);
        match tokio::time::timeout(Duration::from_millis(self.options.append_timeout_ms), appending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(JournalError::Full)) => {
                Err(unavailable("storage-full", "no space to store the event; try again later").retry_after(60))
            }
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an event could not be stored");
                Err(unavailable("storage-unavailable", "the event could not be stored; try again").retry_after(5))
            }
            // It may yet be stored; the sender's repeat is then a duplicate, which at-least-once allows.
            Err(_) => Err(unavailable("storage-slow", "the event was not stored in time; try again").retry_after(5)),
        }
    }
}

/// A name that nobody configured must not become a metric label.
fn labels(workspace: &str, source: &str, refusal: Option<&Problem>) -> ReceivedLabels {
    let outcome = refusal.map_or("accepted", |problem| problem.kind);
    let (workspace, source) = if outcome == "unknown-source" { ("", "") } else { (workspace, source) };
    ReceivedLabels { workspace: workspace.to_owned(), source: source.to_owned(), outcome }
}

fn event(key: (Name, Name), source: &Source, headers: &HeaderMap, body: Bytes, now: Timestamp) -> Result<Event, Problem> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(|error| {
        tracing::error!(%error, "the system gives no random bytes");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-randomness", "this is a fault of the server; try again").retry_after(5)
    })?;
    let mut facts = Facts::new(headers, &body);
    let (event_type, subject) = (facts.find(source.event_type.as_ref()), facts.find(source.subject.as_ref()));
    let external_id = facts.find(source.id.as_ref());
    Ok(Event {
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
    })
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
        let slow = Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "");
        assert_ne!(labels("a", "github", None), labels("b", "github", None));
        assert_ne!(labels("a", "github", None), labels("a", "github", Some(&slow)));
    }

    #[test]
    fn a_name_that_nobody_configured_is_no_label() {
        let unknown = Problem::new(StatusCode::NOT_FOUND, "unknown-source", "");
        assert_eq!(labels("a", "x", Some(&unknown)), labels("b", "y", Some(&unknown)));
    }
}
