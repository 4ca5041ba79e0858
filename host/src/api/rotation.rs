//! A destination's signing secret: a new one in the old one's place.

use axum::{
    Json, Router,
    extract::{Path, State},
    routing::post,
};
use http::StatusCode;
use serde::Deserialize;

use super::{
    Parts,
    documents::{to_its_end, told},
    parsed,
    query::Checked,
    wire::Applied,
};
use crate::{
    event::{Duration, Name},
    hub::{KeyVersion, Rotation},
    ingest::Problem,
};

/// How long the old secret signs beside the new one, unless told otherwise: a day.
const OVERLAP_MS_DEFAULT: u64 = 24 * 60 * 60 * 1000;
const OVERLAP_MS_MAX: u64 = 30 * OVERLAP_MS_DEFAULT;

pub(super) fn routes() -> Router<Parts> {
    Router::new().route("/v1/destinations/{name}/rotate-secret", post(rotate))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateQuery {
    /// As in `24h`; `0s`: the old secret ends at once.
    overlap: Option<Duration>,
    /// `v1` or `v1a`; else as it was.
    version: Option<KeyVersion>,
}

async fn rotate(
    State(parts): State<Parts>,
    Path(name): Path<String>,
    Checked(query): Checked<RotateQuery>,
) -> Result<Json<Applied>, Problem> {
    let destination: Name = parsed("name", &name)?;
    let overlap_ms = query.overlap.map_or(OVERLAP_MS_DEFAULT, |overlap| overlap.ms);
    if overlap_ms > OVERLAP_MS_MAX {
        let detail = "overlap: at most 30d; a secret that has to stay longer stands in `secrets` of the hub file";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail));
    }
    let rotation = Rotation { overlap_ms, version: query.version };
    let rotate = async move { parts.hub.rotate_secret(&Name::default_workspace(), &destination, rotation).await };
    Ok(told(to_its_end(rotate).await?))
}
