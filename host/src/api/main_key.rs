//! The keys that secrets are sealed by: another main key, another data key. The operator's alone: they are those of all workspaces.

use axum::extract::State;

use super::{
    Parts,
    documents::to_its_end,
    openapi::{Json, Routes, Wishes, post},
    wire::{Rekeyed, RotateMainKey},
};
use crate::{
    event::Secret,
    hub::{self, Scope},
    ingest::Problem,
};

pub(super) fn routes() -> Routes {
    let rotate = post("/v1/main-key/rotate", Scope::Operator, rotate)
        .named("rotateMainKey", "Put the secrets of the host under another main key")
        .told("All data keys are wrapped by it, and all secrets of today are sealed anew, while the host runs.")
        .refuses(&["bad-main-key", "limit-reached", "main-key-not-given", "same-main-key", "storage-unavailable"]);
    let reseal = post("/v1/secrets/reseal", Scope::Operator, reseal)
        .named("resealSecrets", "Seal all secrets of the host anew")
        .told("A new data key is made, and all secrets of today are sealed under it; the main key stays.")
        .refuses(&["limit-reached", "storage-unavailable"]);
    Routes::tagged("Host").add(rotate).add(reseal)
}

async fn rotate(State(parts): State<Parts>, Wishes(wishes): Wishes<RotateMainKey>) -> Result<Json<Rekeyed>, Problem> {
    let given = wishes.new_main_key.map(Secret::new);
    to_its_end(async move { parts.hub.rotate_main_key(given).await }).await.map(told)
}

async fn reseal(State(parts): State<Parts>) -> Result<Json<Rekeyed>, Problem> {
    to_its_end(async move { parts.hub.reseal().await }).await.map(told)
}

fn told(done: hub::Rekeyed) -> Json<Rekeyed> {
    let hub::Rekeyed { main_key, data_key, resealed, revision } = done;
    Json(Rekeyed { main_key, data_key, resealed, revision })
}
