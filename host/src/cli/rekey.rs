//! `sluicebox rekey` and `sluicebox reseal`: other keys for the secrets of a running host.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::{Hub, client::Client};
use crate::api::{Rekeyed, RotateMainKey};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A file with the new main key, 64 hexadecimal digits; needed where the host does not have its main key in `main.key` of its data folder,
    /// unless another was put into the file where it has it from.
    #[arg(long, value_name = "FILE")]
    new_main_key_file: Option<PathBuf>,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct ResealArguments {
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn rekey(Arguments { new_main_key_file, hub }: Arguments) -> anyhow::Result<()> {
    let read = |file: PathBuf| fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()));
    let new_main_key = new_main_key_file.map(read).transpose()?.map(|text| text.trim().to_owned());
    let rekeyed: Rekeyed = Client::new(&hub)?.post("/v1/main-key/rotate", &RotateMainKey { new_main_key }).await?;
    tell(&rekeyed, hub.json)
}

pub(super) async fn reseal(ResealArguments { hub }: ResealArguments) -> anyhow::Result<()> {
    tell(&Client::new(&hub)?.post("/v1/secrets/reseal", &Value::Null).await?, hub.json)
}

fn tell(rekeyed: &Rekeyed, json: bool) -> anyhow::Result<()> {
    if json {
        outln!("{}", serde_json::to_string_pretty(rekeyed)?);
        return Ok(());
    }
    let Rekeyed { main_key, data_key, resealed, revision } = rekeyed;
    outln!("the main key in use has the id {main_key}");
    outln!("secrets are sealed under data key {data_key}; those of {resealed} entries were sealed anew, in revision {revision}");
    Ok(())
}
