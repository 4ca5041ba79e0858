//! What came in: events, each with its runs and deliveries.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::get,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Parts, parsed,
    query::{Checked, page_size},
    store_problem, wire,
};
use crate::{
    event::{EventId, Name},
    ingest::Problem,
    journal::{EventFilter, EventHistory},
};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/v1/events", get(list))
        .route("/v1/events/{id}", get(one))
        .route("/v1/events/{id}/runs/{rule}/saw", get(saw))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventQuery {
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    before: Option<u64>,
    limit: Option<usize>,
}

async fn list(State(parts): State<Parts>, Checked(query): Checked<EventQuery>) -> Result<Json<Value>, Problem> {
    let EventQuery { source, event_type, before, limit } = query;
    let filter = EventFilter { workspace: Name::default_workspace(), source, event_type, before, limit: page_size(limit)? };
    let page = parts.journal.events(filter).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::event)))
}

async fn one(State(parts): State<Parts>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: EventId = parsed("id", &id)?;
    let (record, runs, deliveries) = find(&parts, id).await?;
    Ok(Json(wire::whole_event(&record, &runs, &deliveries)))
}

/// An event with its runs and deliveries.
pub(super) async fn find(parts: &Parts, id: EventId) -> Result<EventHistory, Problem> {
    let found = parts.journal.event(Name::default_workspace(), id).await.map_err(|error| store_problem(&error))?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-event", format!("there is no event {id}")))
}

/// What the plugins of a failed run were told, so that their calls can be repeated.
async fn saw(State(parts): State<Parts>, Path((id, rule)): Path<(String, String)>) -> Result<Json<Value>, Problem> {
    let (id, rule): (EventId, Name) = (parsed("id", &id)?, parsed("rule", &rule)?);
    let found = parts.journal.saw(Name::default_workspace(), id, rule.clone()).await.map_err(|error| store_problem(&error))?;
    let saw = found.ok_or_else(|| {
        let text = format!("no run of rule `{rule}` on event {id} has failed last: only of those is kept what they saw");
        Problem::new(StatusCode::NOT_FOUND, "no-failed-run", text)
    })?;
    Ok(Json(wire::saw(&saw)))
}
