//! API keys: whoever has the scope `admin` manages those of their workspace, the operator also those of the host.

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::{
    Parts,
    access::Call,
    audit::Remark,
    documents::hub_problem,
    openapi::{Checked, Document, Json, Path, Routes, delete, get, patch, post},
    query::{bad_query, page_size},
    rotation::overlap_ms,
    wire::{KeyChange, KeyShown, KeyTold, KeysTold, NewKey},
};
use crate::{
    event::Duration,
    hub::{ADMIN_KEY, Scope, TenancyError, named_key},
    ingest::Problem,
};

pub(super) fn routes() -> Routes {
    Routes::tagged("Keys")
        .add(get("/v1/keys", Scope::Admin, list).named("listKeys", "List the keys of the workspace, and for the operator the host's"))
        .add(
            post("/v1/keys", Scope::Admin, create)
                .named("createKey", "Make a key")
                .told("The answer is the only place where its secret is shown. Nobody gives scopes that they do not have.")
                .answers::<KeyShown>(201, "The key, and its secret.")
                .refuses(&["invalid-value", "limit-reached", "not-granted", "quota-reached", "storage-unavailable"]),
        )
        .add(get("/v1/keys/{id}", Scope::Admin, one).named("getKey", "Show a key").refuses(&["unknown-key"]))
        .add(
            patch("/v1/keys/{id}", Scope::Admin, change)
                .named("changeKey", "Change a key; what is left out stays as it is")
                .refuses(&["invalid-value", "not-granted", "storage-unavailable", "unknown-key"]),
        )
        .add(
            delete("/v1/keys/{id}", Scope::Admin, revoke)
                .named("revokeKey", "End a key for good")
                .refuses(&["storage-unavailable", "unknown-key"]),
        )
        .add(
            post("/v1/keys/{id}/rotate", Scope::Admin, rotate)
                .named("rotateKey", "Give a key a new secret")
                .told("The secret before stays good for a while. `admin` in the place of the id is the key in admin.key, which ends at once.")
                .refuses(&["not-granted", "storage-unavailable", "unknown-key"]),
        )
}

/// One key.
#[derive(Deserialize, JsonSchema)]
struct ByKey {
    /// The key's id.
    #[serde(deserialize_with = "named")]
    id: String,
}

fn named<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|text| named_key(&text).to_owned())
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// `next` of the page before.
    after: Option<String>,
    /// At most so many; 50 unless told otherwise.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

async fn list(
    State(parts): State<Parts>,
    call: Call,
    Checked(ListQuery { after, limit }): Checked<ListQuery>,
) -> Result<Json<KeysTold>, Problem> {
    let limit = page_size(limit)?;
    let keys = parts.hub.keys(&call.caller, &call.workspace).into_iter().map(KeyTold::from);
    let mut rest = keys.filter(|key| after.as_ref().is_none_or(|after| key.id > *after));
    let items: Vec<_> = rest.by_ref().take(limit).collect();
    let next = if rest.next().is_some() { items.last().map(|key| key.id.clone()) } else { None };
    Ok(Json(KeysTold { items, next }))
}

async fn one(State(parts): State<Parts>, call: Call, Path(ByKey { id }): Path<ByKey>) -> Result<Json<KeyTold>, Problem> {
    let key = parts.hub.key(&call.caller, &id).map_err(|error| tenancy_problem(&error))?;
    Ok(Json(key.into()))
}

async fn create(
    State(parts): State<Parts>,
    call: Call,
    remark: Remark,
    Document(new): Document<NewKey>,
) -> Result<(StatusCode, Json<KeyShown>), Problem> {
    let made = parts.hub.create_key(&call.caller, &call.workspace, new.into()).await.map_err(|error| tenancy_problem(&error))?;
    if made.key.as_ref().is_some_and(|key| key.workspace.is_none()) {
        remark.is_of_host();
    }
    Ok((StatusCode::CREATED, Json(made.into())))
}

async fn change(
    State(parts): State<Parts>,
    call: Call,
    Path(ByKey { id }): Path<ByKey>,
    Document(change): Document<KeyChange>,
) -> Result<Json<KeyTold>, Problem> {
    let changed = parts.hub.change_key(&call.caller, &id, change.into()).await;
    Ok(Json(changed.map_err(|error| tenancy_problem(&error))?.into()))
}

async fn revoke(State(parts): State<Parts>, call: Call, Path(ByKey { id }): Path<ByKey>) -> Result<Json<KeyTold>, Problem> {
    let revoked = parts.hub.revoke_key(&call.caller, &id).await;
    Ok(Json(revoked.map_err(|error| tenancy_problem(&error))?.into()))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RotateQuery {
    /// As in `24h`; `0s`: the secret before ends at once.
    overlap: Option<Duration>,
}

async fn rotate(
    State(parts): State<Parts>,
    call: Call,
    Path(ByKey { id }): Path<ByKey>,
    Checked(query): Checked<RotateQuery>,
) -> Result<Json<KeyShown>, Problem> {
    let rotated = if id == ADMIN_KEY {
        if query.overlap.is_some_and(|overlap| overlap.ms > 0) {
            return Err(bad_query("overlap: there is one admin key, and the old one ends with the new one"));
        }
        parts.hub.rotate_admin_key(&call.caller).await
    } else {
        parts.hub.rotate_key(&call.caller, &id, overlap_ms(query.overlap, "")?).await
    };
    Ok(Json(rotated.map_err(|error| tenancy_problem(&error))?.into()))
}

pub(super) fn tenancy_problem(error: &TenancyError) -> Problem {
    let (status, kind) = match error {
        TenancyError::UnknownKey(_) => (StatusCode::NOT_FOUND, "unknown-key"),
        TenancyError::UnknownWorkspace { .. } => (StatusCode::NOT_FOUND, "unknown-workspace"),
        TenancyError::NotGranted(_) => (StatusCode::FORBIDDEN, "not-granted"),
        TenancyError::Invalid(invalid) => {
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-value", invalid.to_string());
            return problem.with("pointer", json!(invalid.pointer));
        }
        TenancyError::WorkspaceExists(_) => (StatusCode::CONFLICT, "workspace-exists"),
        TenancyError::WorkspaceNotEmpty { .. } => (StatusCode::CONFLICT, "workspace-not-empty"),
        TenancyError::Limit { .. } => (StatusCode::CONFLICT, "limit-reached"),
        TenancyError::Hub(error) => return hub_problem(error),
    };
    Problem::new(status, kind, error.to_string())
}
