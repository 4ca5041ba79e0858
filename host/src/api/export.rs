//! What there is, as a hub file declares it, and the components that it names.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::header;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Workspace,
    documents::hub_problem,
    openapi::{Json, Path, Routes, get},
    parsed,
    wire::ExportTold,
};
use crate::{hub::Scope, ingest::Problem};

/// What a component is.
const WASM: &str = "application/wasm";

pub(super) fn routes() -> Routes {
    let export = get("/v1/export", Scope::Read, export)
        .named("export", "Get everything as the tables of a hub file")
        .told("Of secrets only their references are shown, or that they are set; `apply` takes either for those that stand.");
    let component = get("/v1/components/{digest}", Scope::Plugins, component)
        .named("getComponent", "Get the bytes of a component that a plugin of the workspace names")
        .answers_text(200, "The component.", WASM)
        .refuses(&["bad-parameter", "storage-unavailable", "unknown-component"]);
    Routes::tagged("Hub file").add(export).add(component)
}

async fn export(State(parts): State<Parts>, Workspace(workspace): Workspace) -> Json<ExportTold> {
    Json(ExportTold::of(parts.hub.export(&workspace)))
}

/// A component.
#[derive(Deserialize, JsonSchema)]
struct ByBytes {
    /// `sha256:` and 64 digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    digest: String,
}

async fn component(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByBytes { digest }): Path<ByBytes>,
) -> Result<Response, Problem> {
    let digest = parsed("digest", &digest)?;
    let bytes = parts.hub.component(&workspace, digest).await.map_err(|error| hub_problem(&error))?;
    Ok(([(header::CONTENT_TYPE, WASM)], bytes).into_response())
}
