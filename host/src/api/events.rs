//! What came in: events, each with its runs and deliveries.

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    response::Response,
    routing::get,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Parts, parsed,
    query::{Checked, Moment, page_size},
    store_problem, wire,
};
use crate::{
    event::{EventId, Name, Timestamp},
    ingest::Problem,
    journal::{EventFilter, EventHistory},
};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/v1/events", get(list).post(publish))
        .route("/v1/events/{id}", get(one))
        .route("/v1/events/{id}/runs/{rule}/saw", get(saw))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishQuery {
    /// Of CloudEvents.
    source: Option<String>,
}

async fn publish(State(parts): State<Parts>, Checked(query): Checked<PublishQuery>, request: Request) -> Response {
    parts.publisher.publish(Name::default_workspace(), query.source, request).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    subject: Option<String>,
    external_id: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    before: Option<u64>,
    limit: Option<usize>,
}

impl EventQuery {
    /// Whether it asks for some events rather than for all.
    pub(super) fn chooses(&self) -> bool {
        let by_name = self.source.is_some() || self.event_type.is_some() || self.subject.is_some() || self.external_id.is_some();
        by_name || self.since.is_some() || self.until.is_some()
    }

    /// Whether it asks for a page.
    pub(super) fn is_paged(&self) -> bool {
        self.before.is_some() || self.limit.is_some()
    }

    pub(super) fn filter(self, limit: usize) -> EventFilter {
        EventFilter {
            source: self.source,
            event_type: self.event_type,
            subject: self.subject,
            external_id: self.external_id,
            since: self.since.map(Timestamp::from),
            until: self.until.map(Timestamp::from),
            before: self.before,
            ..EventFilter::newest(Name::default_workspace(), limit)
        }
    }
}

async fn list(State(parts): State<Parts>, Checked(query): Checked<EventQuery>) -> Result<Json<Value>, Problem> {
    let limit = page_size(query.limit)?;
    let page = parts.journal.events(query.filter(limit)).await.map_err(|error| store_problem(&error))?;
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
