//! What goes out: runs, batches and deliveries, each with what was tried and why it failed.

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
    query::{Checked, Moment, bad_query, page_size},
    store_problem,
    wire::{self, StateName},
};
use crate::{
    event::{MessageId, Name, Timestamp},
    ingest::Problem,
    journal::{Narrow, WorkFilter},
};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/v1/runs", get(runs))
        .route("/v1/batches", get(batches))
        .route("/v1/deliveries", get(deliveries))
        .route("/v1/deliveries/{id}", get(delivery))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkQuery {
    state: Option<String>,
    rule: Option<Name>,
    destination: Option<Name>,
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    code: Option<String>,
    text: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    before: Option<u64>,
    limit: Option<usize>,
}

impl WorkQuery {
    fn filter<S: StateName>(self) -> Result<WorkFilter<S>, Problem> {
        let state = self.state.as_deref().map(S::read).transpose();
        Ok(WorkFilter {
            workspace: Name::default_workspace(),
            state: state.map_err(|text| bad_query(format!("state: {text}")))?,
            rule: self.rule,
            destination: self.destination,
            narrow: Narrow {
                source: self.source,
                event_type: self.event_type,
                code: self.code,
                text: self.text,
                since: self.since.map(Timestamp::from),
                until: self.until.map(Timestamp::from),
            },
            before: self.before,
            limit: page_size(self.limit)?,
        })
    }
}

/// Only deliveries have a destination.
fn without_destination(query: WorkQuery, what: &str) -> Result<WorkQuery, Problem> {
    match query.destination {
        None => Ok(query),
        Some(_) => Err(bad_query(format!("destination: {what} have none, their deliveries do"))),
    }
}

async fn runs(State(parts): State<Parts>, Checked(query): Checked<WorkQuery>) -> Result<Json<Value>, Problem> {
    let filter = without_destination(query, "runs")?.filter()?;
    let page = parts.journal.runs(filter).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::run)))
}

async fn batches(State(parts): State<Parts>, Checked(query): Checked<WorkQuery>) -> Result<Json<Value>, Problem> {
    let filter = without_destination(query, "batches")?.filter()?;
    let page = parts.journal.batches(filter).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::batch)))
}

async fn deliveries(State(parts): State<Parts>, Checked(query): Checked<WorkQuery>) -> Result<Json<Value>, Problem> {
    let page = parts.journal.deliveries(query.filter()?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::delivery)))
}

async fn delivery(State(parts): State<Parts>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: MessageId = parsed("id", &id)?;
    let found = parts.journal.delivery(Name::default_workspace(), id).await.map_err(|error| store_problem(&error))?;
    let (sent, record, attempts) =
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-delivery", format!("there is no delivery {id}")))?;
    Ok(Json(wire::whole_delivery(&sent, &record, &attempts)))
}
