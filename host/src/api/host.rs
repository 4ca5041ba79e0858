//! What is asked of the host as a whole: how it does, its metrics, and the description of this API.

use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;

use super::{
    health::{self, OPENMETRICS, Readiness},
    openapi::{Access, Route, Routes, get},
};
use crate::hub::Scope;

/// The same for all hosts of this version; made when somebody first asks.
static DESCRIPTION: LazyLock<Bytes> = LazyLock::new(|| super::openapi().to_string().into());

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) fn routes() -> Routes {
    let ready = get("/readyz", Access::Open, health::ready)
        .named("getReadiness", "Whether the host takes events")
        .answers::<Readiness>(200, "It does.")
        .answers::<Readiness>(503, "It does not, and why.");
    let metrics = get("/metrics", Scope::Metrics, health::metrics)
        .named("getMetrics", "Get the metrics of the whole host")
        .answers_text(200, "As OpenMetrics has them.", OPENMETRICS);
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

async fn description() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DESCRIPTION.clone()).into_response()
}
