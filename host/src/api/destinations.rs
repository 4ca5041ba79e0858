//! How destinations do, and what is done about it by hand.

use axum::extract::State;
use http::StatusCode;

use super::{
    Parts,
    access::Workspace,
    openapi::{Json, Path, Routes, post},
    paths::ByName,
    store_problem,
    wire::{DestinationEnabled, LaneTold},
};
use crate::{deliver::Paces, event::Name, hub::Scope, ingest::Problem, journal::Lane};

pub(super) fn routes() -> Routes {
    let enable = post("/v1/destinations/{name}/enable", Scope::Replay, enable)
        .named("enableDestination", "Let a destination go on that was disabled or is left alone")
        .refuses(&["storage-unavailable", "unknown-name"]);
    Routes::tagged("Documents").add(enable)
}

/// What the running host knows of a destination, and no revision holds.
pub(super) fn runtime(paces: &Paces, workspace: &Name, name: &Name) -> Option<LaneTold> {
    paces.status(&lane(workspace, name)).as_ref().map(LaneTold::of)
}

/// Lets a destination go on that was disabled, whose breaker is open, or that asked to be left alone.
async fn enable(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
) -> Result<Json<DestinationEnabled>, Problem> {
    let status = parts.paces.enable(&lane(&workspace, &name)).await.map_err(|error| store_problem(&error))?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-name", format!("no destination is called `{name}`"));
    Ok(Json(DestinationEnabled { runtime: LaneTold::of(&status.ok_or_else(unknown)?) }))
}

fn lane(workspace: &Name, name: &Name) -> Lane {
    Lane { workspace: workspace.clone(), name: name.clone() }
}
