//! `POST /in/{source}`, or by another method that the source takes: one request becomes one event on disk, or a refusal. It may also be a
//! handshake, by `POST` or `GET`, which is answered and leaves nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::access::DynAccess;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::any,
};
use http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};
use tokio::sync::Semaphore;

use super::{
    Book, Current, Problem, Publisher, Source,
    admission::{self, refused_method},
    answer,
    append::{Appender, Stored},
    body::Bodies,
    events::{self, Request},
    gate::Gates,
    handshake,
    jwks::KeySets,
    problem::method_not_allowed,
    schema,
    traced::Receiving,
    verifier::{Verified, Verifier},
    workspace_rate::WorkspaceRates,
};
use crate::{
    event::{Clock, Name},
    failpoint::{self, Step},
    journal::{Arrival, Journal},
    net::Client,
    observe::{Known, Tracer},
    plugin::{self, Plugins},
};

/// After so long a request may be tried again that took too long.
const TOO_SLOW_RETRY_SECS: u64 = 5;

/// What this part works with.
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each request.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// Those that verify.
    pub plugins: Arc<Plugins>,
    /// What the keys of issuers are fetched by.
    pub client: Client,
    /// Who is told of what comes in.
    pub tracer: Tracer,
    /// The time.
    pub clock: Clock,
}

/// What requests to sources, and what is published, have in common.
pub(super) struct Ingest {
    pub(super) parts: Parts,
    gates: Gates,
    pub(super) workspace_rates: WorkspaceRates,
    pub(super) appender: Appender,
    pub(super) bodies: Bodies,
    verifier: Verifier,
    pub(super) options: Current,
    /// For holding events against schemas.
    pub(super) schema_turns: Arc<Semaphore>,
    received: Family<ReceivedLabels, Counter>,
    seconds: Histogram,
    known: Known<(String, String)>,
}

/// Sources with time series of their own.
pub(super) const SOURCES_MAX: usize = 1_000;
/// In seconds: from a body in memory and a fast disk to the longest that a request may take.
const SECONDS_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReceivedLabels {
    workspace: String,
    source: String,
    outcome: &'static str,
}

/// What became of a request that was not refused.
enum Received {
    /// These are on disk.
    Events(Vec<Stored>),
    Handshake(plugin::Response),
}

/// The routes by which events come in, and what takes those that own services publish.
pub fn router(options: Current, parts: Parts, registry: &mut Registry) -> (Router, Publisher) {
    let received = Family::default();
    registry.register("sluicebox_ingest_requests", "Requests to sources, by outcome", Family::clone(&received));
    let bodies = Bodies::new(Arc::clone(&options), registry);
    let key_sets = KeySets::new(parts.client.clone(), Arc::clone(&parts.clock), registry);
    let verifier = Verifier::new(Arc::clone(&options), Arc::clone(&parts.plugins), key_sets, registry);
    let appender = Appender::new(Arc::clone(&options), Arc::clone(&parts.journal), registry);
    let (gates, workspace_rates) = (Gates::default(), WorkspaceRates::default());
    let schema_turns = Arc::new(Semaphore::new(schema::JUDGED_AT_ONCE));
    let seconds = Histogram::new(SECONDS_BUCKETS);
    let what = "From the end of a request's headers to its answer, refusals included";
    registry.register("sluicebox_ingest_request_seconds", what, seconds.clone());
    let known = Known::new(SOURCES_MAX);
    let ingest =
        Ingest { parts, gates, workspace_rates, appender, bodies, verifier, options, schema_turns, received, seconds, known };
    let ingest = Arc::new(ingest);
    let published = Family::default();
    registry.register(
        "sluicebox_ingest_published",
        "Events published by the API, by source and outcome",
        Family::clone(&published),
    );
    let publisher = Publisher { ingest: Arc::clone(&ingest), published };
    let routes = Router::new()
        .route("/in/{source}", any(receive_default))
        .route("/w/{workspace}/in/{source}", any(receive_named))
        .with_state(ingest);
    (routes, publisher)
}

async fn receive_default(state: State<Arc<Ingest>>, Path(source): Path<String>, request: http::Request<Body>) -> Response {
    answered(state.0, Name::default_workspace().to_string(), source, request).await
}

async fn receive_named(
    state: State<Arc<Ingest>>,
    Path((workspace, source)): Path<(String, String)>,
    request: http::Request<Body>,
) -> Response {
    answered(state.0, workspace, source, request).await
}

/// Requests under way are finished even where the sender goes away, because the event may be on disk already: so a task.
async fn answered(ingest: Arc<Ingest>, workspace: String, source: String, request: http::Request<Body>) -> Response {
    let task = tokio::spawn(async move { ingest.receive(&workspace, &source, request).await }).await;
    task.unwrap_or_else(|error| Problem::of_fault(&error).into_response())
}

impl Ingest {
    async fn receive(&self, workspace: &str, source: &str, request: http::Request<Body>) -> Response {
        let begun = Instant::now();
        // Not counted: the name need not be one that anybody configured.
        let known = self.source(workspace, source).ok().map(|(_, source)| source);
        if let Some(answer) = known.as_deref().and_then(|known| handshake::answer(known, &request)) {
            let answer = self.let_in(workspace, source, &request).and(answer);
            let outcome = answer.as_ref().map_or_else(|problem| problem.kind, |_| "answered");
            self.count(workspace, source, outcome, begun);
            return answer.into_response();
        }
        if let Some(refused) = refused_method(known.as_deref(), request.method()).await {
            return refused.into_response();
        }
        let timeout = Duration::from_millis(self.options.load().request_timeout_ms);
        let received = tokio::time::timeout(timeout, self.try_receive(workspace, source, request)).await;
        let received = received.unwrap_or_else(|_| Err(too_slow()));
        let outcome = match &received {
            Ok(Received::Events(stored)) => outcome_of(stored),
            Ok(Received::Handshake(_)) => "answered",
            Err(problem) => problem.kind,
        };
        self.count(workspace, source, outcome, begun);
        match received {
            Ok(Received::Events(stored)) => answer::accepted(&stored, known.as_ref().and_then(|source| source.answer.as_ref())),
            Ok(Received::Handshake(response)) => answer::handshake(response),
            Err(problem) => problem.into_response(),
        }
    }

    fn count(&self, workspace: &str, source: &str, outcome: &'static str, begun: Instant) {
        self.seconds.observe(begun.elapsed().as_secs_f64());
        self.received.get_or_create(&self.labels(workspace, source, outcome)).inc();
    }

    /// Those of a source that has no time series of its own are the others'.
    pub(super) fn labels(&self, workspace: &str, source: &str, outcome: &'static str) -> ReceivedLabels {
        let labels = labels(workspace, source, outcome);
        if labels.source.is_empty() || self.known.has(&(labels.workspace.clone(), labels.source.clone())) {
            return labels;
        }
        ReceivedLabels { workspace: Known::OTHERS.to_owned(), source: Known::OTHERS.to_owned(), outcome }
    }

    /// Whether a request that has no body comes from where it may, and as often as it may.
    fn let_in(&self, workspace: &str, source: &str, request: &http::Request<Body>) -> Result<(), Problem> {
        let (key, source) = self.source(workspace, source)?;
        admission::address(&source, request.extensions().get())?;
        admission::headers(&source, request.headers())?;
        self.gates.enter(&key, &source, &self.parts.book.load(), (self.parts.clock)()).map(drop)
    }

    async fn try_receive(&self, workspace: &str, source: &str, request: http::Request<Body>) -> Result<Received, Problem> {
        let (key, source) = self.source(workspace, source)?;
        admission::address(&source, request.extensions().get())?;
        admission::space(&*self.parts.journal)?;
        admission::backlog(&self.appender)?;
        let (mut head, body) = request.into_parts();
        let receiving = Receiving::begin(&self.parts.tracer, &head.headers);
        admission::headers(&source, &head.headers)?;
        let now = (self.parts.clock)();
        let events_max = self.options.load().events_per_request_max;
        self.workspace_rates.admit(&key.0, &self.parts.book.load(), events_max, now)?;
        let _entered = self.gates.enter(&key, &source, &self.parts.book.load(), now)?;
        let limits = &source.limits;
        let (body, _share) = self.bodies.read(&mut head.headers, body, limits.body_bytes_max, &limits.codings).await?;
        failpoint::reach(Step::RequestRead);
        let received_at = (self.parts.clock)();
        let proven = match self.verifier.verify(&key, &source, &head, &body, received_at).await? {
            Verified::Handshake(response) => return Ok(Received::Handshake(response)),
            // A GET is safe (RFC 9110, section 9.2.1): whatever proves it, nothing comes of it, unless the source says so.
            Verified::Event(_) if !source.methods.take(&head.method) => {
                return Err(method_not_allowed(head.method).await.allow(&source.methods.allow(false)));
            }
            Verified::Event(proven) => proven,
        };
        let workspace = key.0.clone();
        let request = Request { key, source: &source, head, body, proven, received_at };
        let arrivals = events::of(request, events_max)?;
        let mut arrivals = by_schema(&self.schema_turns, &source, arrivals).await?;
        self.workspace_rates.count(&workspace, &self.parts.book.load(), events_max, received_at, arrivals.len());
        failpoint::reach(Step::RequestVerified);
        let storing = receiving.storing(arrivals.iter_mut());
        let stored = self.appender.append(arrivals).await?;
        storing.stored(&stored);
        failpoint::reach(Step::EventStored);
        Ok(Received::Events(stored))
    }

    fn source(&self, workspace: &str, source: &str) -> Result<((Name, Name), Arc<Source>), Problem> {
        let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-source", "there is no source of this name");
        let key: (Name, Name) = (workspace.parse().map_err(|_| unknown())?, source.parse().map_err(|_| unknown())?);
        let book = self.parts.book.load();
        let source = book.sources.get(&key).cloned().ok_or_else(unknown)?;
        Ok((key, source))
    }
}

/// Of several events what most matters: that one is new, and else that one was given up.
fn outcome_of(stored: &[Stored]) -> &'static str {
    let outcomes = || stored.iter().map(|one| one.outcome());
    let first = ["accepted", "dead-letter", "duplicate"].into_iter().find(|wanted| outcomes().any(|outcome| outcome == *wanted));
    first.unwrap_or("accepted")
}

/// The events as they are to be stored; of several the first that is refused is told.
async fn by_schema(turns: &Arc<Semaphore>, source: &Arc<Source>, arrivals: Vec<Arrival>) -> Result<Vec<Arrival>, Problem> {
    let Some(schemas) = source.schemas.clone() else { return Ok(arrivals) };
    let is_batch = arrivals.len() > 1;
    let judge = move || {
        let judged = arrivals.into_iter().enumerate().map(|(index, arrival)| {
            let refused = |problem: Problem| if is_batch { problem.with("index", index.into()) } else { problem };
            schemas.admit(arrival).map_err(refused)
        });
        judged.collect()
    };
    schema::aside(turns, judge).await?
}

/// It may be stored all the same; the sender's repeat is then a duplicate, as after any answer that was lost.
fn too_slow() -> Problem {
    let detail = "the request took too long; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "request-too-slow", detail).retry_after(TOO_SLOW_RETRY_SECS)
}

/// A name that nobody configured must not become a metric label.
fn labels(workspace: &str, source: &str, outcome: &'static str) -> ReceivedLabels {
    let (workspace, source) = if outcome == "unknown-source" { ("", "") } else { (workspace, source) };
    ReceivedLabels { workspace: workspace.to_owned(), source: source.to_owned(), outcome }
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
