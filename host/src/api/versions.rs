//! The versions of a plugin: uploaded, looked at, activated, rolled back.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::{Call, Workspace},
    documents::{REFUSALS, hub_problem, noted, to_its_end, told},
    openapi::{Checked, Document, Json, Path, Routes, delete, get, post, put},
    parsed,
    paths::{ByDigest, ByName},
    query::{bad_query, page_size},
    wire::{Activate, Applied, Canary, VersionTold, VersionsTold},
};
use crate::{
    event::Name,
    hub::{self, HubError, Scope},
    ingest::Problem,
};

pub(super) fn routes() -> Routes {
    let list = get("/v1/plugins/{name}/versions", Scope::Read, list)
        .named("listVersions", "List the versions of a plugin")
        .refuses(&["unknown-name"]);
    let one = get("/v1/plugins/{name}/versions/{digest}", Scope::Read, one)
        .named("getVersion", "Get a version of a plugin")
        .refuses(&["unknown-name", "unknown-version"]);
    let activate = post("/v1/plugins/{name}/activate", Scope::Plugins, activate)
        .named("activateVersion", "Make a version the active one")
        .refuses(REFUSALS);
    let roll_back = post("/v1/plugins/{name}/rollback", Scope::Plugins, roll_back)
        .named("rollBackPlugin", "Make the version active that was active before")
        .refuses(REFUSALS);
    let begin = put("/v1/plugins/{name}/canary", Scope::Plugins, begin_canary)
        .named("beginCanary", "Give a version a share of the events")
        .refuses(REFUSALS);
    let end = delete("/v1/plugins/{name}/canary", Scope::Plugins, end_canary)
        .named("endCanary", "Give all events to the active version again")
        .refuses(REFUSALS);
    Routes::tagged("Plugins").add(list).add(one).add(activate).add(roll_back).add(begin).add(end)
}

/// Takes a component in: 202 while there is something to wait for, 200 where it is ready already.
pub(super) async fn upload(
    parts: Parts,
    call: Call,
    plugin: Name,
    activate: bool,
    component: Bytes,
) -> Result<Response, Problem> {
    let activate = activate.then(|| noted(&call));
    let upload = async move { parts.hub.upload_version(&call.workspace, &plugin, component, activate).await };
    let status = to_its_end(upload).await?;
    let place = format!("/v1/plugins/{}/versions/{}", status.plugin, status.version.digest);
    let waits = matches!(status.version.state, hub::State::Queued | hub::State::Compiling) || status.version.activate.is_some();
    let code = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((code, [(header::LOCATION, place)], Json(VersionTold::of(&status))).into_response())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct VersionsQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

async fn list(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name: plugin }): Path<ByName>,
    Checked(VersionsQuery { after, limit }): Checked<VersionsQuery>,
) -> Result<Json<VersionsTold>, Problem> {
    let (limit, versions) = (page_size(limit)?, parts.hub.versions(&workspace, &plugin));
    if versions.is_empty() && parts.hub.get(&workspace, hub::Kind::Plugin, &plugin).is_none() {
        return Err(hub_problem(&HubError::NotFound { kind: hub::Kind::Plugin, name: plugin }));
    }
    let begin = match after {
        None => 0,
        Some(after) => {
            let place = versions.iter().position(|status| status.version.digest.to_string() == after);
            place.ok_or_else(|| bad_query("after: no cursor of this listing; give `next` of the page before"))? + 1
        }
    };
    let items: Vec<_> = versions[begin..].iter().take(limit).map(VersionTold::of).collect();
    let is_last = begin + items.len() == versions.len();
    let next = items.last().filter(|_| !is_last).map(|version| version.digest.clone());
    Ok(Json(VersionsTold { items, next }))
}

async fn one(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByDigest { name, digest }): Path<ByDigest>,
) -> Result<Json<VersionTold>, Problem> {
    let found = parts.hub.version(&workspace, &name, &parsed("digest", &digest)?);
    found.map(|status| Json(VersionTold::of(&status))).map_err(|error| hub_problem(&error))
}

async fn activate(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name: plugin }): Path<ByName>,
    Document(Activate { digest }): Document<Activate>,
) -> Result<Json<Applied>, Problem> {
    let pin = parsed("digest", &digest)?;
    let digest = parts.hub.resolve(&call.workspace, &plugin, &pin).map_err(|error| hub_problem(&error))?;
    let applied = parts.hub.activate(&call.workspace, &plugin, digest, noted(&call)).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn roll_back(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name: plugin }): Path<ByName>,
) -> Result<Json<Applied>, Problem> {
    let applied = parts.hub.roll_back(&call.workspace, &plugin, noted(&call)).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn begin_canary(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name: plugin }): Path<ByName>,
    Document(Canary { digest, percent }): Document<Canary>,
) -> Result<Json<Applied>, Problem> {
    let pin = parsed("digest", &digest)?;
    let digest = parts.hub.resolve(&call.workspace, &plugin, &pin).map_err(|error| hub_problem(&error))?;
    let applied = parts.hub.set_canary(&call.workspace, &plugin, Some((digest, percent)), noted(&call)).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}

async fn end_canary(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name: plugin }): Path<ByName>,
) -> Result<Json<Applied>, Problem> {
    let applied = parts.hub.set_canary(&call.workspace, &plugin, None, noted(&call)).await;
    applied.map(told).map_err(|error| hub_problem(&error))
}
