//! Workspaces: the operator makes, changes and deletes them.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Call,
    keys::tenancy_problem,
    openapi::{Checked, Document, Json, Path, Routes, delete, get, post, put},
    paths::ByName,
    query::{NamedPage, NamedQuery},
    store_problem,
    wire::{NewWorkspace, WorkspaceDeleted, WorkspaceDocument, WorkspaceTold, WorkspacesTold},
};
use crate::{
    event::Name,
    hub::{Scope, WorkspaceChange},
    ingest::Problem,
    journal::{Journal, JournalError},
};

/// Rows of a deleted workspace that are removed in one transaction, between which all others commit.
const FORGOTTEN_AT_ONCE: usize = 1_000;

pub(super) fn routes() -> Routes {
    Routes::tagged("Workspaces")
        .add(get("/v1/workspaces", Scope::Operator, list).named("listWorkspaces", "List workspaces, and how much they have"))
        .add(
            post("/v1/workspaces", Scope::Operator, create)
                .named("createWorkspace", "Make a workspace")
                .answers::<WorkspaceTold>(201, "The workspace.")
                .refuses(&["invalid-value", "limit-reached", "storage-unavailable", "workspace-exists", "workspace-remains"]),
        )
        .add(get("/v1/workspaces/{name}", Scope::Operator, one).named("getWorkspace", "Show a workspace"))
        .add(
            put("/v1/workspaces/{name}", Scope::Operator, change)
                .named("changeWorkspace", "Change a workspace's description and quotas, all of them anew")
                .refuses(&["invalid-value", "storage-unavailable"]),
        )
        .add(
            delete("/v1/workspaces/{name}", Scope::Operator, remove)
                .named("deleteWorkspace", "Delete a workspace and its keys")
                .refuses(&["invalid-value", "storage-unavailable", "workspace-not-empty"]),
        )
}

async fn list(State(parts): State<Parts>, Checked(query): Checked<NamedQuery>) -> Result<Json<WorkspacesTold>, Problem> {
    let all = parts.hub.workspaces().into_iter().map(WorkspaceTold::from);
    let NamedPage { items, next } = query.page(all.map(|workspace| (workspace.name.clone(), workspace)))?;
    Ok(Json(WorkspacesTold { items: items.into_iter().map(|(_, workspace)| workspace).collect(), next }))
}

async fn one(State(parts): State<Parts>, Path(ByName { name }): Path<ByName>) -> Result<Json<WorkspaceTold>, Problem> {
    let told = parts.hub.workspace(&name);
    Ok(Json(told.map_err(|error| tenancy_problem(&error))?.into()))
}

async fn create(
    State(parts): State<Parts>,
    call: Call,
    Document(new): Document<NewWorkspace>,
) -> Result<(StatusCode, Json<WorkspaceTold>), Problem> {
    let NewWorkspace { name, description, quotas } = new;
    let naming = parts.hub.naming().await;
    if parts.hub.workspace(&name).is_err() {
        // One of this name may have been there before: its events are not the new one's.
        vacated(&parts, &name).await?;
    }
    let made = parts.hub.create_workspace(&naming, &call.caller, &name, WorkspaceChange { description, quotas }).await;
    Ok((StatusCode::CREATED, Json(made.map_err(|error| tenancy_problem(&error))?.into())))
}

async fn change(
    State(parts): State<Parts>,
    Path(ByName { name }): Path<ByName>,
    Document(document): Document<WorkspaceDocument>,
) -> Result<Json<WorkspaceTold>, Problem> {
    let changed = parts.hub.change_workspace(&name, document.into()).await;
    Ok(Json(changed.map_err(|error| tenancy_problem(&error))?.into()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeleteQuery {
    /// Whether what is in it goes with it.
    #[serde(default)]
    force: bool,
}

async fn remove(
    State(parts): State<Parts>,
    Path(ByName { name }): Path<ByName>,
    Checked(query): Checked<DeleteQuery>,
) -> Result<Json<WorkspaceDeleted>, Problem> {
    // Until nothing is left that `forget` would take from who has the name next.
    let naming = parts.hub.naming().await;
    let applied = parts.hub.delete_workspace(&naming, &name, query.force).await.map_err(|error| tenancy_problem(&error))?;
    parts.paces.applied();
    if let Err(error) = forget(&parts.journal, &name).await {
        // It is tried again before the name is given again.
        tracing::warn!(%error, workspace = %name, "what the plugins of a deleted workspace remember could not be removed");
    }
    Ok(Json(WorkspaceDeleted { changes: applied.changes.iter().map(ToString::to_string).collect() }))
}

/// Makes certain that nothing is stored under this name.
async fn vacated(parts: &Parts, name: &Name) -> Result<(), Problem> {
    if parts.journal.has_work_of(name.clone()).await.map_err(|error| store_problem(&error))? {
        let detail = format!(
            "the journal still keeps events of an earlier workspace `{name}`, until its retention removes them: choose another name"
        );
        return Err(Problem::new(StatusCode::CONFLICT, "workspace-remains", detail));
    }
    forget(&parts.journal, name).await.map_err(|error| store_problem(&error))
}

async fn forget(journal: &Arc<dyn Journal>, name: &Name) -> Result<(), JournalError> {
    while journal.forget_workspace(name.clone(), FORGOTTEN_AT_ONCE).await? > 0 {}
    Ok(())
}
