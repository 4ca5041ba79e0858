//! What goes out: runs, batches and deliveries, each with what was tried and why it failed.

use axum::extract::State;
use http::StatusCode;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Parts,
    access::Workspace,
    openapi::{Checked, Json, Path, Routes, get},
    paths::ById,
    query::{Cursor, Moment, bad_query, page_size},
    store_problem,
    wire::{BatchTold, DeliveryTold, InState, PageTold, RunTold, StateName, WholeDelivery},
};
use crate::{
    event::{MessageId, Name, Timestamp},
    hub::Scope,
    ingest::Problem,
    journal::{BatchState, DeliveryState, Narrow, RunState, WorkFilter},
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
#[serde(deny_unknown_fields, bound = "")]
#[schemars(bound = "", transform = without_destination::<S>)]
struct WorkQuery<S: StateName> {
    state: Option<InState<S>>,
    rule: Option<Name>,
    destination: Option<Name>,
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    code: Option<String>,
    text: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    after: Option<Cursor>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// Only deliveries have a destination.
fn without_destination<S: StateName>(schema: &mut Schema) {
    if !S::HAS_DESTINATION
        && let Some(Value::Object(properties)) = schema.get_mut("properties")
    {
        properties.remove("destination");
    }
}

impl<S: StateName> WorkQuery<S> {
    fn filter(self, workspace: Name) -> Result<WorkFilter<S>, Problem> {
        if self.destination.is_some() && !S::HAS_DESTINATION {
            return Err(bad_query("destination: runs and batches have none, their deliveries do"));
        }
        Ok(WorkFilter {
            workspace,
            state: self.state.map(|InState(state)| state),
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
            before: self.after.map(u64::from),
            limit: page_size(self.limit)?,
        })
    }
}

async fn runs(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery<RunState>>,
) -> Result<Json<PageTold<RunTold>>, Problem> {
    let page = parts.journal.runs(query.filter(workspace)?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(PageTold::of(&page, RunTold::of)))
}

async fn batches(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery<BatchState>>,
) -> Result<Json<PageTold<BatchTold>>, Problem> {
    let page = parts.journal.batches(query.filter(workspace)?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(PageTold::of(&page, BatchTold::of)))
}

async fn deliveries(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<WorkQuery<DeliveryState>>,
) -> Result<Json<PageTold<DeliveryTold>>, Problem> {
    let page = parts.journal.deliveries(query.filter(workspace)?).await.map_err(|error| store_problem(&error))?;
    Ok(Json(PageTold::of(&page, DeliveryTold::of)))
}

async fn delivery(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<MessageId>>,
) -> Result<Json<WholeDelivery>, Problem> {
    let found = parts.journal.delivery(workspace, id).await.map_err(|error| store_problem(&error))?;
    let (sent, record, attempts) =
        found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-delivery", format!("there is no delivery {id}")))?;
    Ok(Json(WholeDelivery::of(&sent, &record, &attempts)))
}
