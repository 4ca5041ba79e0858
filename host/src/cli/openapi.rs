//! `sluicebox openapi`: prints the description of the API, as `GET /openapi.json` of a host of this version answers it.

use crate::api;

pub(super) fn run() -> anyhow::Result<()> {
    outln!("{}", serde_json::to_string_pretty(&api::openapi())?);
    Ok(())
}
