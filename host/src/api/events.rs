//! What came in: events, each with its runs and deliveries.

use axum::{
    extract::{Request, State},
    response::Response,
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Workspace,
    openapi::{Checked, Json, Path, Route, Routes, describe_contents, get, post},
    paths::{ById, ByRule},
    query::{Cursor, Moment, page_size},
    store_problem,
    wire::{EventTold, PageTold, Publish, Published, SawTold, WholeEvent},
};
use crate::{
    event::{EventId, Name, Timestamp},
    hub::Scope,
    ingest::Problem,
    journal::{EventFilter, EventHistory},
};

pub(super) fn routes() -> Routes {
    let list = get("/v1/events", Scope::Read, list)
        .named("listEvents", "List events")
        .refuses(&["query-too-slow", "storage-unavailable"]);
    let one = get("/v1/events/{id}", Scope::Read, one)
        .named("getEvent", "Get an event with its runs and deliveries")
        .refuses(&["storage-unavailable", "unknown-event"]);
    let saw = get("/v1/events/{id}/runs/{rule}/saw", Scope::Read, saw)
        .named("getWhatRunSaw", "Get what the plugins of a failed run were told")
        .refuses(&["no-failed-run", "storage-unavailable"]);
    Routes::tagged("Events").add(list).add(publishing()).add(one).add(saw)
}

/// CloudEvents in structured and batched mode; in binary mode the body is of any type.
const PUBLISHED_AS: &[&str] = &["application/cloudevents+json", "application/cloudevents-batch+json", "*/*"];

/// Of several events: the status that all refusals have in common, else 422.
const NONE_STORED: &str = "Of several events none is stored; `events` has why not.";

fn publishing() -> Route {
    post("/v1/events", Scope::Ingest, publish)
        .publishes()
        .named("publishEvents", "Publish events")
        .told("One event, an array of them, or CloudEvents in any mode, told by the content type; see docs/api.md.")
        .with(describe_contents::<Publish>(PUBLISHED_AS))
        .answers::<Published>(202, "All are stored.")
        .answers::<Published>(207, "Some are stored; `events` has what became of each.")
        .answers::<Published>(400, NONE_STORED)
        .answers::<Published>(404, NONE_STORED)
        .answers::<Published>(413, NONE_STORED)
        .answers::<Published>(422, NONE_STORED)
        .refuses(&[
            "bad-body",
            "bad-event",
            "body-broken",
            "body-rate",
            "body-too-large",
            "body-too-slow",
            "busy",
            "cloudevents-format",
            "content-encoding",
            "no-randomness",
            "not-a-cloudevent",
            "schema",
            "storage-full",
            "storage-slow",
            "storage-unavailable",
            "too-many-events",
            "unknown-source",
            "workspace-rate",
        ])
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PublishQuery {
    /// Of CloudEvents, which name none.
    source: Option<String>,
}

async fn publish(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<PublishQuery>,
    request: Request,
) -> Response {
    parts.publisher.publish(workspace, query.source, request).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    subject: Option<String>,
    external_id: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    after: Option<Cursor>,
    #[schemars(range(min = 1, max = 500))]
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
        self.after.is_some() || self.limit.is_some()
    }

    pub(super) fn filter(self, workspace: Name, limit: usize) -> EventFilter {
        EventFilter {
            source: self.source,
            event_type: self.event_type,
            subject: self.subject,
            external_id: self.external_id,
            since: self.since.map(Timestamp::from),
            until: self.until.map(Timestamp::from),
            before: self.after.map(u64::from),
            ..EventFilter::newest(workspace, limit)
        }
    }
}

async fn list(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<EventQuery>,
) -> Result<Json<PageTold<EventTold>>, Problem> {
    let limit = page_size(query.limit)?;
    let page = parts.journal.events(query.filter(workspace, limit)).await.map_err(|error| store_problem(&error))?;
    Ok(Json(PageTold::of(&page, EventTold::of)))
}

async fn one(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<EventId>>,
) -> Result<Json<WholeEvent>, Problem> {
    let (record, runs, deliveries) = find(&parts, &workspace, id).await?;
    Ok(Json(WholeEvent::of(&record, &runs, &deliveries)))
}

/// An event with its runs and deliveries.
pub(super) async fn find(parts: &Parts, workspace: &Name, id: EventId) -> Result<EventHistory, Problem> {
    let found = parts.journal.event(workspace.clone(), id).await.map_err(|error| store_problem(&error))?;
    found.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-event", format!("there is no event {id}")))
}

/// What the plugins of a failed run were told, so that their calls can be repeated.
async fn saw(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByRule { id, rule }): Path<ByRule>,
) -> Result<Json<SawTold>, Problem> {
    let found = parts.journal.saw(workspace, id, rule.clone()).await.map_err(|error| store_problem(&error))?;
    let saw = found.ok_or_else(|| {
        let text = format!("no run of rule `{rule}` on event {id} has failed last: only of those is kept what they saw");
        Problem::new(StatusCode::NOT_FOUND, "no-failed-run", text)
    })?;
    Ok(Json(SawTold::of(&saw)))
}
