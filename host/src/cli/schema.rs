//! `sluicebox schema`: the JSON Schema of the hub file, for editors.

use crate::hub::hub_file_schema;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {}

pub(super) fn run() -> anyhow::Result<()> {
    outln!("{}", serde_json::to_string_pretty(&hub_file_schema())?);
    Ok(())
}
