//! How plugins do, and what is done about it by hand.

use axum::extract::State;
use http::StatusCode;

use super::{
    Parts,
    access::Workspace,
    openapi::{Json, Path, Routes, post},
    paths::ByName,
    wire::{PluginBreakerTold, PluginEnabled},
};
use crate::{hub::Scope, ingest::Problem};

pub(super) fn routes() -> Routes {
    let enable = post("/v1/plugins/{name}/enable", Scope::Replay, enable)
        .named("enablePlugin", "Close the breakers of a plugin")
        .refuses(&["unknown-name"]);
    Routes::tagged("Plugins").add(enable)
}

/// Closes the breakers of a plugin, of all its versions in use: what was held goes on.
async fn enable(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
) -> Result<Json<PluginEnabled>, Problem> {
    let closed = parts.hub.enable_plugin(&workspace, &name);
    let breaker =
        closed.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-name", format!("no plugin is called `{name}`")))?;
    Ok(Json(PluginEnabled { breaker: PluginBreakerTold::of(&breaker) }))
}
