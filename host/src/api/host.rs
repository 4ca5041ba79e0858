//! What is asked of the host as a whole: how it does, its metrics, and the description of this API.

use std::sync::LazyLock;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{StatusCode, header};
use prometheus_client::encoding::text;

use super::{
    Parts,
    openapi::{Access, Route, Routes, get},
};
use crate::{hub::Scope, ingest::Problem, journal::Space};

/// The same for all hosts of this version; made when somebody first asks.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| super::openapi().to_string().into());

const TEXT: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes() -> Routes {
    let ready = get("/readyz", Access::Open, ready)
        .named("getReadiness", "Whether the host takes events")
        .answers_text(200, "It does.", TEXT)
        .answers_text(503, "It does not, and why.", TEXT);
    let metrics = get("/metrics", Scope::Metrics, metrics).named("getMetrics", "Get the metrics of the whole host").answers_text(
        200,
        "As OpenMetrics has them.",
        OPENMETRICS,
    );
    let description = get("/openapi.json", Access::Open, description)
        .named("getDescription", "Get this description of the API")
        .answers::<serde_json::Map<String, serde_json::Value>>(200, "An OpenAPI 3.1 document.");
    Routes::tagged("Host").add(health()).add(ready).add(metrics).add(description)
}

/// For senders too, where operators have an address of their own.
pub(super) fn health() -> Route {
    get("/healthz", Access::Open, async || "ok\n")
        .named("getHealth", "Whether the host answers")
        .answers_text(200, "It does.", TEXT)
}

/// Whether senders are taken in: a balancer in front sends them elsewhere, or holds them, where there is no space for events.
async fn ready(State(parts): State<Parts>) -> (StatusCode, String) {
    match parts.journal.space() {
        Space::Full(short) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: new events are refused, because {short}\n")),
        Space::Ample | Space::Scarce => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn metrics(State(parts): State<Parts>) -> Result<Response, Problem> {
    let mut page = String::new();
    text::encode(&mut page, &parts.registry)
        .map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics could not be written"))?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], page).into_response())
}

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.clone()).into_response()
}
