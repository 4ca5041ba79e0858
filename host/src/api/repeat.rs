//! A run of an event once more, as it was. Nothing is stored.

use axum::extract::State;
use http::StatusCode;

use super::{
    Parts,
    access::Workspace,
    events,
    openapi::{Json, Path, Routes, post},
    paths::ByRule,
    store_problem,
    wire::RepeatedTold,
};
use crate::{
    dispatch::NotRepeated,
    event::{EventId, Name},
    hub::Scope,
    ingest::Problem,
};

pub(super) fn routes() -> Routes {
    let repeat = post("/v1/events/{id}/runs/{rule}/repeat", Scope::Replay, repeat)
        .named("repeatRun", "Run a rule's plugins on an event once more, as it was")
        .told("Nothing is stored, and nothing is sent.")
        .refuses(&[
            "revision-gone",
            "revision-unavailable",
            "storage-unavailable",
            "unknown-event",
            "unknown-run",
            "versions-gone",
        ]);
    Routes::tagged("Events").add(repeat)
}

async fn repeat(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByRule { id, rule }): Path<ByRule>,
) -> Result<Json<RepeatedTold>, Problem> {
    let (record, runs, _) = events::find(&parts, &workspace, id).await?;
    // Of several, through newer rules, the newest.
    let run = runs.iter().rfind(|run| run.rule == rule).ok_or_else(|| no_run(id, &rule))?;
    let repeated = parts.repeater.repeat(&record.event, run).await.map_err(|error| problem(&error))?;
    Ok(Json(RepeatedTold::of(&record.event, run, &repeated)))
}

fn no_run(id: EventId, rule: &Name) -> Problem {
    let text = format!("rule `{rule}` did not run on event {id}: GET /v1/events/{id} lists those that did");
    Problem::new(StatusCode::NOT_FOUND, "unknown-run", text)
}

fn problem(error: &NotRepeated) -> Problem {
    let (status, kind) = match error {
        NotRepeated::RuleGone { .. } => (StatusCode::CONFLICT, "revision-gone"),
        NotRepeated::VersionsGone(_) => (StatusCode::CONFLICT, "versions-gone"),
        NotRepeated::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "revision-unavailable"),
        NotRepeated::Journal(error) => return store_problem(error),
    };
    Problem::new(status, kind, error.to_string())
}
