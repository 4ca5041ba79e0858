//! How destinations do, and what is done about it by hand.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Parts, parsed, store_problem, wire};
use crate::{deliver::Paces, event::Name, ingest::Problem, journal::Lane};

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/v1/destinations/{name}/enable", post(enable))
}

/// What the running host knows of a destination, and no revision holds.
pub(super) fn runtime(paces: &Paces, name: &Name) -> Option<Value> {
    paces.status(&lane(name)).as_ref().map(wire::lane_status)
}

/// Lets a destination go on that was disabled, whose breaker is open, or that asked to be left alone.
async fn enable(State(parts): State<Parts>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let name: Name = parsed("name", &name)?;
    let status = parts.paces.enable(&lane(&name)).await.map_err(|error| store_problem(&error))?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, "unknown-name", format!("no destination is called `{name}`"));
    Ok(Json(json!({ "runtime": wire::lane_status(&status.ok_or_else(unknown)?) })))
}

fn lane(name: &Name) -> Lane {
    Lane { workspace: Name::default_workspace(), name: name.clone() }
}
