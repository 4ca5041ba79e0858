//! Revisions: listed, shown, compared, brought back; and what changed since the last hub file by other ways.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::{Call, Workspace},
    apply::note,
    documents::{REFUSALS, hub_problem, told},
    openapi::{Checked, Json, Path, Routes, get, post},
    query::{Cursor, page_size},
    wire::{Applied, ChangeTold, DriftTold, RevisionDiffTold, RevisionTold, RevisionsTold},
};
use crate::{
    hub::{Origin, Scope},
    ingest::Problem,
};

/// What a question about revisions may be refused for.
const UNKNOWN: &[&str] = &["revision-gone", "storage-unavailable", "unknown-revision"];

pub(super) fn routes() -> Routes {
    let list = get("/v1/revisions", Scope::Read, list)
        .named("listRevisions", "List revisions, newest first")
        .refuses(&["bad-query", "storage-unavailable"]);
    let show = get("/v1/revisions/{revision}", Scope::Read, show)
        .named("getRevision", "Get a revision with what it changed")
        .refuses(UNKNOWN);
    let diff = get("/v1/revisions/{revision}/diff", Scope::Read, diff)
        .named("diffRevisions", "Tell what differs between two revisions, field by field")
        .refuses(UNKNOWN);
    let roll_back = post("/v1/revisions/{revision}/rollback", Scope::Rules, roll_back)
        .named("rollBack", "Make everything what it was in a revision, in a new one")
        .told("Secrets too. The key needs the scope `plugins` as well.")
        .refuses(REFUSALS)
        .refuses(UNKNOWN)
        .refuses(&["revision-changed"]);
    let drift = get("/v1/drift", Scope::Read, drift)
        .named("getDrift", "Tell what was changed by other ways since the last hub file")
        .refuses(&["storage-unavailable"]);
    Routes::tagged("Hub file").add(list).add(show).add(diff).add(roll_back).add(drift)
}

/// A revision.
#[derive(Deserialize, JsonSchema)]
struct ByNumber {
    /// Its number.
    revision: u64,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `next` of the page before.
    after: Option<Cursor>,
    /// At most so many; 50 unless told otherwise.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

async fn list(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<ListQuery>,
) -> Result<Json<RevisionsTold>, Problem> {
    let page = parts.hub.revisions(&workspace, query.after.map(u64::from), page_size(query.limit)?).await;
    let page = page.map_err(|error| hub_problem(&error))?;
    let next = page.next.map(|next| next.to_string());
    Ok(Json(RevisionsTold { items: page.items.into_iter().map(RevisionTold::of).collect(), next }))
}

async fn show(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByNumber { revision }): Path<ByNumber>,
) -> Result<Json<RevisionTold>, Problem> {
    let revision = parts.hub.revision(&workspace, revision).await;
    Ok(Json(RevisionTold::with_changes(revision.map_err(|error| hub_problem(&error))?)))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffQuery {
    /// The one that is in force unless told otherwise.
    to: Option<u64>,
}

async fn diff(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByNumber { revision: from }): Path<ByNumber>,
    Checked(query): Checked<DiffQuery>,
) -> Result<Json<RevisionDiffTold>, Problem> {
    let to = query.to.unwrap_or_else(|| parts.hub.revision_of(&workspace));
    let changes = parts.hub.revision_diff(&workspace, from, query.to).await.map_err(|error| hub_problem(&error))?;
    Ok(Json(RevisionDiffTold { from, to, changes: changes.into_iter().map(ChangeTold::of).collect() }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RollbackQuery {
    /// The revision that is in force; after another one nothing is done.
    expect: Option<u64>,
    /// What is said of it.
    message: Option<String>,
}

async fn roll_back(
    State(parts): State<Parts>,
    call: Call,
    Path(ByNumber { revision }): Path<ByNumber>,
    Checked(query): Checked<RollbackQuery>,
) -> Result<Json<Applied>, Problem> {
    call.needs(Scope::Plugins)?;
    let note = note(Origin::Rollback, query.message, &call)?;
    let applied = parts.hub.roll_back_to(&call.workspace, revision, query.expect, note).await;
    parts.paces.applied();
    Ok(told(applied.map_err(|error| hub_problem(&error))?))
}

async fn drift(State(parts): State<Parts>, Workspace(workspace): Workspace) -> Result<Json<DriftTold>, Problem> {
    let drift = parts.hub.drift(&workspace).await;
    Ok(Json(DriftTold::of(drift.map_err(|error| hub_problem(&error))?)))
}
