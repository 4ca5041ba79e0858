//! What goes out: runs, batches and deliveries, each with what was tried and why it failed.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Parts,
    access::Workspace,
    openapi::{Checked, Json, Path, Routes, get},
    paths::ById,
    query::{Moment, bad_query, page_size},
    store_problem,
    wire::{self, StateName},
};
use crate::{
    event::{MessageId, Name, Timestamp},
    hub::Scope,
    ingest::Problem,
    journal::{Narrow, WorkFilter},
};

const LIST_REFUSALS: &[&str] = &["query-too-slow", "storage-unavailable"];

pub(super) fn routes() -> Routes {
    let runs = get("/v1/runs", Scope::Read, runs).named("listRuns", "List runs").refuses(LIST_REFUSALS);
    let batches = get("/v1/batches", Scope::Read, batches).named("listBatches", "List batches").refuses(LIST_REFUSALS);
    let deliveries =
        get("/v1/deliveries", Scope::Read, deliveries).named("listDeliveries", "List deliveries").refuses(LIST_REFUSALS);
    let delivery = get("/v1/deliveries/{id}", Scope::Read, delivery)
        .named("getDelivery", "Get a delivery with what is sent and what was tried")
        .refuses(&["storage-unavailable", "unknown-delivery"]);
    Routes::tagged("Deliveries").add(runs).add(batches).add(deliveries).add(delivery)
}

#[derive(Deserialize, JsonSchema)]
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
    fn filter<S: StateName>(self, workspace: Name) -> Result<WorkFilter<S>, Problem> {
        let state = self.state.as_deref().map(S::read).transpose();
        Ok(WorkFilter {
            workspace,
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

async fn runs(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery>,
) -> Result<Json<Value>, Problem> {
    let filter = without_destination(query, "runs")?.filter(workspace)?;
    let page = parts.journal.runs(filter).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::run)))
}

async fn batches(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery>,
) -> Result<Json<Value>, Problem> {
    let filter = without_destination(query, "batches")?.filter(workspace)?;
    let page = parts.journal.batches(filter).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::batch)))
}

async fn deliveries(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery>,
) -> Result<Json<Value>, Problem> {
    let page = parts.journal.deliveries(query.filter(workspace)?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(wire::page(&page, wire::delivery)))
}

async fn delivery(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<MessageId>>,
) -> Result<Json<Value>, Problem> {
    let found = parts.journal.delivery(workspace, id).await.map_err(|error| store_problem(&error))?;
    let (sent, record, attempts) =
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-delivery", format!("there is no delivery {id}")))?;
    Ok(Json(wire::whole_delivery(&sent, &record, &attempts)))
}
