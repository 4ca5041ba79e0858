//! The REST API: what operators and the command line speak to. Every route but `/healthz`, `/readyz` and `/confirm/{token}` needs the admin
//! key.
//!
//! It holds no state and no policy: documents go to the hub, questions to the journal. Times are RFC 3339 in UTC, ids are those of
//! [`crate::event`], listings are newest first with a cursor, refusals are RFC 9457 problems.

mod confirm;
mod dead;
mod deliveries;
mod destinations;
mod diff;
mod documents;
mod events;
mod explain;
mod message;
mod plugins;
mod pull;
mod query;
mod repeat;
mod replay;
mod retry;
mod rotation;
mod stream;
mod tail;
mod versions;
mod wire;

pub use explain::Explain;
pub use tail::{Options, Tails};
pub use wire::{
    Activate, Applied, ApplyRequest, Canary, ComponentStored, Replay, ReplayAll, Retry, RetryAll, SpecProblem, TakenUp, Through,
    VersionTold, VersionsTold,
};

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use prometheus_client::{encoding::text, registry::Registry};

use crate::{
    deliver::{self, Paces},
    dispatch,
    event::Clock,
    hub::Hub,
    ingest::{Problem, Publisher, method_not_allowed},
    journal::{Journal, JournalError, Space},
};

/// What this part works with.
#[derive(Clone)]
pub struct Parts {
    /// The control plane.
    pub hub: Arc<Hub>,
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// Takes what own services publish.
    pub publisher: Publisher,
    /// How destinations do.
    pub paces: Arc<Paces>,
    /// Runs once more what ran.
    pub repeater: dispatch::Repeater,
    /// The time.
    pub clock: Clock,
    /// Queues that are fetched from, and confirmations.
    pub delivering: deliver::Ways,
    /// Who follows the journal live.
    pub tails: Arc<Tails>,
    /// All metrics.
    pub registry: Arc<Registry>,
}

/// The routes of operators.
pub fn router(parts: Parts) -> Router {
    let closed = Router::new()
        .merge(documents::routes())
        .merge(versions::routes())
        .merge(diff::routes())
        .merge(events::routes())
        .merge(stream::routes())
        .merge(explain::routes())
        .merge(repeat::routes())
        .merge(plugins::routes())
        .merge(rotation::routes())
        .merge(deliveries::routes())
        .merge(dead::routes())
        .merge(retry::routes())
        .merge(replay::routes())
        .merge(pull::routes())
        .merge(destinations::routes())
        .route("/metrics", get(metrics))
        // Below the key: without it nobody is told which methods there are.
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(parts.clone(), authorize));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        // Whoever has the URL may call it.
        .merge(confirm::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .merge(closed)
        .fallback(unknown_route)
        .with_state(parts)
}

/// Whether senders are taken in: a balancer in front sends them elsewhere, or holds them, where there is no space for events.
async fn ready(State(parts): State<Parts>) -> (StatusCode, String) {
    match parts.journal.space() {
        Space::Full(short) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: new events are refused, because {short}\n")),
        Space::Ample | Space::Scarce => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn unknown_route() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-route",
        "there is nothing here; sources are at /in/{source}, the API is under /v1",
    )
}

/// Lets through who presents the admin key as a bearer token (RFC 6750).
async fn authorize(State(parts): State<Parts>, request: Request, next: Next) -> Response {
    let presented = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match presented.and_then(|value| value.strip_prefix("Bearer ")) {
        Some(key) if parts.hub.authenticate(key).is_some() => next.run(request).await,
        _ => {
            let detail = "send the admin key as `Authorization: Bearer ...`; it is in admin.key in the data folder";
            let mut response = Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail).into_response();
            response.headers_mut().insert(header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
            response
        }
    }
}

async fn metrics(State(parts): State<Parts>) -> Result<Response, Problem> {
    let mut page = String::new();
    text::encode(&mut page, &parts.registry)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics could not be written"))?;
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    Ok((kind, page).into_response())
}

/// A store that does not answer is nobody's fault outside; a question that takes it too long is.
fn store_problem(error: &JournalError) -> Problem {
    if matches!(error, JournalError::TooSlow) {
        return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "query-too-slow", error.to_string());
    }
    tracing::error!(error = error as &dyn std::error::Error, "the journal did not answer");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable", "the journal did not answer; try again").retry_after(5)
}

/// A text in a path or a query that has to be an id, a name or a number.
fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", format!("{what}: {error}")))
}
