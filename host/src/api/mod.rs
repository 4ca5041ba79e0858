//! The REST API: what operators and the command line speak to.
//!
//! To add a route: write its handler with the extractors of [`openapi`] ([`openapi::Path`], [`openapi::Checked`] for queries,
//! [`openapi::Document`] for bodies) and [`access::Workspace`], which is the only workspace that it may look into; let it answer
//! [`openapi::Json`] of a type of [`wire`]; and add it in its file's `routes()` by `get`, `post`, `put` or `delete`, which take the path and the
//! [`Scope`](crate::hub::Scope) that a key needs. `named` and `refuses` say the rest. Both the check of keys and the OpenAPI document come from
//! that one declaration. A new type of problem goes into [`crate::ingest::PROBLEM_TYPES`] and the table of docs/api.md.
//!
//! It holds no policy, and no state but what [`Guards`] remember of who called: documents go to the hub, questions to the journal. Times are RFC 3339 in UTC, ids are those of
//! [`crate::event`], listings are newest first with a cursor, refusals are RFC 9457 problems.

mod access;
mod allowance;
mod apart;
mod apply;
mod audit;
mod backup;
mod beside;
mod confirm;
mod dead;
mod deliveries;
mod destinations;
mod diff;
mod documents;
mod events;
mod explain;
mod export;
mod guards;
mod health;
mod host;
mod idempotency;
mod keys;
mod last_use;
mod main_key;
mod once;
mod openapi;
mod options;
mod pace;
mod paths;
mod plugins;
mod precondition;
mod pull;
mod query;
mod repeat;
mod replay;
mod retry;
mod revisions;
mod rotation;
mod standing;
mod stream;
mod tail;
mod versions;
mod warnings;
mod wire;
mod workspaces;

pub use apart::for_senders;
pub use audit::Audit;
pub use backup::{BACKUP_BYTES, BACKUP_MAIN_KEY};
pub use explain::Explain;
pub use guards::Guards;
pub use last_use::keep_last_use;
pub use options::Options;
pub use tail::Tails;
pub use wire::{
    Activate, Applied, ApplyRequest, AuditOutcomeName, AuditPage, AuditTold, Canary, ChangeTold, ComponentStored, DriftTold,
    DriftedTold, ExportTold, FailureTold, FieldTold, KeyChange, KeyShown, KeyState, KeyTold, KeysTold, MissingTold, Moment,
    NewKey, NewWorkspace, PlanTold, Rekeyed, Replay, ReplayAll, Retry, RetryAll, RevisionDiffTold, RevisionTold, RevisionsTold,
    RotateMainKey, SpecProblem, TakenUp, Through, VersionTold, VersionsTold, WorkspaceCounts, WorkspaceDeleted,
    WorkspaceDocument, WorkspaceTold, WorkspacesTold,
};

use std::sync::Arc;

use axum::{Router, middleware};
use http::StatusCode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::sync::watch;

use access::authorize;
use audit::on_record;
use once::once;
use openapi::Routes;

use crate::{
    backup::Backups,
    deliver::{self, Paces},
    dispatch,
    event::Clock,
    hub::Hub,
    ingest::{Problem, Publisher, method_not_allowed},
    journal::{Journal, JournalError},
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
    /// Who changed what.
    pub audit: Arc<Audit>,
    /// Everything there is, for a safe place.
    pub backups: Arc<Backups>,
    /// What is remembered of who called.
    pub guards: Arc<Guards>,
    /// All metrics.
    pub registry: Arc<Registry>,
    /// True from the moment on that the host is told to stop.
    pub draining: watch::Receiver<bool>,
}

/// The routes of operators.
pub fn router(parts: Parts) -> Router {
    answered(routes(), parts)
}

fn answered(routes: Routes, parts: Parts) -> Router {
    let (routes, access) = routes.into_router();
    let authorize = middleware::from_fn_with_state((parts.clone(), Arc::new(access)), authorize);
    let once = middleware::from_fn_with_state(parts.clone(), once);
    let on_record = middleware::from_fn_with_state(parts.clone(), on_record);
    // Below the key: without it nothing is answered, whatever the method.
    let routes = routes.method_not_allowed_fallback(method_not_allowed);
    // The last is asked first.
    let routes = routes.layer(on_record).layer(once).layer(authorize);
    routes.fallback(unknown_route).with_state(parts)
}

/// The OpenAPI document, which `GET /openapi.json` answers.
#[must_use]
pub fn openapi() -> Value {
    routes().into_document()
}

fn routes() -> Routes {
    let parts = [
        confirm::routes(),
        events::routes(),
        stream::routes(),
        repeat::routes(),
        replay::routes(),
        deliveries::routes(),
        retry::routes(),
        dead::routes(),
        apply::routes(),
        documents::routes(),
        export::routes(),
        revisions::routes(),
        explain::routes(),
        rotation::routes(),
        destinations::routes(),
        versions::routes(),
        diff::routes(),
        plugins::routes(),
        pull::routes(),
        keys::routes(),
        workspaces::routes(),
        main_key::routes(),
        host::routes(),
        backup::routes(),
        audit::routes(),
    ];
    parts.into_iter().fold(Routes::tagged("Host"), Routes::merge)
}

async fn unknown_route() -> Problem {
    let detail = "there is nothing here; sources are at /in/{source}, the API is under /v1, its description is at /openapi.json";
    Problem::new(StatusCode::NOT_FOUND, "unknown-route", detail)
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
