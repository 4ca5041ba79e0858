//! The versions of a plugin: uploaded, looked at, activated, rolled back.

use axum::{
    Json, Router,
    extract::{Path, State},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use http::{StatusCode, header};

use super::{
    Parts,
    documents::{Document, hub_problem, to_its_end, told},
    parsed,
    wire::{Activate, Applied, Canary, VersionTold, VersionsTold},
};
use crate::{
    event::Name,
    hub::{self, HubError},
    ingest::Problem,
};

pub(super) fn routes() -> Router<Parts> {
    Router::new()
        .route("/v1/plugins/{name}/versions", get(list))
        .route("/v1/plugins/{name}/versions/{digest}", get(one))
        .route("/v1/plugins/{name}/activate", post(activate))
        .route("/v1/plugins/{name}/rollback", post(roll_back))
        .route("/v1/plugins/{name}/canary", put(begin_canary).delete(end_canary))
}

/// Takes a component in: 202 while there is something to wait for, 200 where it is ready already.
pub(super) async fn upload(parts: Parts, plugin: Name, activate: bool, component: Bytes) -> Result<Response, Problem> {
    let upload = async move { parts.hub.upload_version(&Name::default_workspace(), &plugin, component, activate).await };
    let status = to_its_end(upload).await?;
    let place = format!("/v1/plugins/{}/versions/{}", status.plugin, status.version.digest);
    let waits = matches!(status.version.state, hub::State::Queued | hub::State::Compiling) || status.version.activate;
    let code = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((code, [(header::LOCATION, place)], Json(VersionTold::of(&status))).into_response())
}

async fn list(State(parts): State<Parts>, Path(name): Path<String>) -> Result<Json<VersionsTold>, Problem> {
    let plugin: Name = parsed("name", &name)?;
    let workspace = Name::default_workspace();
    let items: Vec<_> = parts.hub.versions(&workspace, &plugin).iter().map(VersionTold::of).collect();
    if items.is_empty() && parts.hub.get(&workspace, hub::Kind::Plugin, &plugin).is_none() {
        return Err(hub_problem(&HubError::NotFound { kind: hub::Kind::Plugin, name: plugin }));
    }
    Ok(Json(VersionsTold { items }))
}

async fn one(State(parts): State<Parts>, Path((name, digest)): Path<(String, String)>) -> Result<Json<VersionTold>, Problem> {
    let (plugin, pin) = (parsed("name", &name)?, parsed("digest", &digest)?);
    let found = parts.hub.version(&Name::default_workspace(), &plugin, &pin);
    found.map(|status| Json(VersionTold::of(&status))).map_err(|error| hub_problem(&error))
}

async fn activate(
    State(parts): State<Parts>,
    Path(name): Path<String>,
    Document(Activate { digest }): Document<Activate>,
) -> Result<Json<Applied>, Problem> {
    let (workspace, plugin) = (Name::default_workspace(), parsed("name", &name)?);
    let pin = parsed("digest", &digest)?;
    let digest = parts.hub.resolve(&workspace, &plugin, &pin).map_err(|error| hub_problem(&error))?;
    let applied = parts.hub.activate(&workspace, &plugin, digest).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn roll_back(State(parts): State<Parts>, Path(name): Path<String>) -> Result<Json<Applied>, Problem> {
    let plugin = parsed("name", &name)?;
    let applied = parts.hub.roll_back(&Name::default_workspace(), &plugin).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn begin_canary(
    State(parts): State<Parts>,
    Path(name): Path<String>,
    Document(Canary { digest, percent }): Document<Canary>,
) -> Result<Json<Applied>, Problem> {
    let (workspace, plugin) = (Name::default_workspace(), parsed("name", &name)?);
    let pin = parsed("digest", &digest)?;
    let digest = parts.hub.resolve(&workspace, &plugin, &pin).map_err(|error| hub_problem(&error))?;
    let applied = parts.hub.set_canary(&workspace, &plugin, Some((digest, percent))).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn end_canary(State(parts): State<Parts>, Path(name): Path<String>) -> Result<Json<Applied>, Problem> {
    let plugin = parsed("name", &name)?;
    let applied = parts.hub.set_canary(&Name::default_workspace(), &plugin, None).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}
