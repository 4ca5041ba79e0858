//! What monitors ask: whether the process lives (`/healthz`), whether senders should be sent here (`/readyz`), and the metrics.
//!
//! Only what a balancer can do something about makes a host not ready: a destination that fails is no reason to send its senders elsewhere.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use prometheus_client::encoding::text;
use schemars::JsonSchema;
use serde::Serialize;

use super::Parts;
use crate::{ingest::Problem, journal::Space};

/// As Prometheus reads metrics.
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// What metrics say of the journal's backlog may be as old as it was, where the journal takes longer to tell.
const MEASURE_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether senders should be sent here.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Readiness {
    /// Whether all checks are good.
    ready: bool,
    /// Each reason to send them here, or not.
    checks: Vec<Check>,
}

/// One reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Check {
    /// What is asked.
    name: &'static str,
    /// Whether it is good.
    ok: bool,
    /// In words.
    detail: String,
}

/// Whether senders are taken in: a balancer in front sends them elsewhere, or holds them, while they are not.
pub(super) async fn ready(State(parts): State<Parts>) -> Response {
    let space = match parts.journal.space() {
        Space::Full(short) => (false, format!("new events are refused, because {short}")),
        Space::Ample | Space::Scarce => (true, "new events are taken".to_owned()),
    };
    let commits = match parts.journal.failing() {
        Some(error) => (false, format!("the last transaction failed: {error}; the log says more")),
        None => (true, "transactions are committed".to_owned()),
    };
    let hub = (true, format!("revision {} is in force", parts.hub.revision_in_force()));
    let stopping = match *parts.draining.borrow() {
        true => (false, "the host was told to stop".to_owned()),
        false => (true, "the host was not told to stop".to_owned()),
    };
    let check = |name, (ok, detail)| Check { name, ok, detail };
    let checks = vec![
        check("journal-space", space),
        check("journal-commits", commits),
        check("hub", hub),
        check("not-stopping", stopping),
    ];
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(Readiness { ready, checks })).into_response()
}

/// The page of metrics.
pub(super) async fn metrics(State(parts): State<Parts>) -> Result<Response, Problem> {
    // Where it takes too long, or fails, the page has what was measured before.
    let _ = tokio::time::timeout(MEASURE_TIMEOUT, parts.journal.measure()).await;
    let mut page = String::new();
    text::encode(&mut page, &parts.registry)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], page).into_response())
}
