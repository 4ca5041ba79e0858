//! A destination's signing secret: a new one in the old one's place.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Call,
    documents::{noted, to_its_end, told},
    openapi::{Checked, Json, Path, Routes, post},
    paths::ByName,
    query::bad_query,
    wire::Applied,
};
use crate::{
    event::Duration,
    hub::{KeyVersion, Rotation, Scope},
    ingest::Problem,
};

/// How long an old secret is good beside the new one, unless told otherwise: a day.
const OVERLAP_MS_DEFAULT: u64 = 24 * 60 * 60 * 1000;
const OVERLAP_MS_MAX: u64 = 30 * OVERLAP_MS_DEFAULT;

pub(super) fn routes() -> Routes {
    let rotate = post("/v1/destinations/{name}/rotate-secret", Scope::Rules, rotate)
        .named("rotateSecret", "Give a destination a new signing secret")
        .told("The answer is the only place where the new secret is shown. The old one signs beside it for a while.")
        .refuses(&["invalid-document", "storage-unavailable", "unknown-name"]);
    Routes::tagged("Documents").add(rotate)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RotateQuery {
    /// As in `24h`; `0s`: the old secret ends at once.
    overlap: Option<Duration>,
    /// `v1` or `v1a`; else as it was.
    #[schemars(with = "Option<String>", regex(pattern = "^v1a?$"))]
    version: Option<KeyVersion>,
}

async fn rotate(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name }): Path<ByName>,
    Checked(query): Checked<RotateQuery>,
) -> Result<Json<Applied>, Problem> {
    let overlap_ms = overlap_ms(query.overlap, "; a secret that has to stay longer stands in `secrets` of the hub file")?;
    let rotation = Rotation { overlap_ms, version: query.version };
    let rotate = async move { parts.hub.rotate_secret(&call.workspace, &name, rotation, noted(&call)).await };
    Ok(told(to_its_end(rotate).await?))
}

/// How long the secret before is good beside a new one; `hint` ends the sentence that refuses a longer time.
pub(super) fn overlap_ms(asked: Option<Duration>, hint: &str) -> Result<u64, Problem> {
    match asked.map_or(OVERLAP_MS_DEFAULT, |overlap| overlap.ms) {
        ms if ms <= OVERLAP_MS_MAX => Ok(ms),
        _ => Err(bad_query(format!("overlap: at most 30d{hint}"))),
    }
}
