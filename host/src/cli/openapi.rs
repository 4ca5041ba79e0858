//! `sluicebox openapi`: prints the description of the API, as `GET /openapi.json` of a host of this version answers it.

use std::io::{self, Write};

use anyhow::Context;

use crate::api;

pub(super) fn run() -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(&api::openapi())?;
    writeln!(io::stdout(), "{text}").context("standard output takes nothing")
}
