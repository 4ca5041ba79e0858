//! How plugins do, and what is done about it by hand.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use http::StatusCode;
use serde_json::{Value, json};

use super::{Parts, parsed, wire};
use crate::{event::Name, ingest::Problem};

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/v1/plugins/{name}/enable", post(enable))
}

/// Closes the breakers of a plugin, of all its versions in use: what was held goes on.
async fn enable(State(parts): State<Parts>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let name: Name = parsed("name", &name)?;
    let closed = parts.hub.enable_plugin(&Name::default_workspace(), &name);
    let breaker =
        closed.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "unknown-name", format!("no plugin is called `{name}`")))?;
    Ok(Json(json!({ "breaker": wire::health(&breaker) })))
}
