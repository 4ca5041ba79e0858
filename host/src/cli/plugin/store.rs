//! `sluicebox plugin store` and `enable`: a component's bytes for documents to name, and a plugin that goes on after its breaker tripped.

use std::path::PathBuf;

use anyhow::Context;
use http::Method;
use serde_json::Value;

use crate::{
    api::ComponentStored,
    cli::{Hub, client::Client, hub_file::component},
    event::Name,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file.
    file: PathBuf,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct EnableArguments {
    /// The plugin's name.
    name: Name,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { file, hub }: Arguments) -> anyhow::Result<()> {
    let stored = Client::new(&hub)?.upload(Method::POST, "/v1/components", component(&file)?).await;
    let stored: ComponentStored = stored.with_context(|| format!("{} was refused", file.display()))?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&stored)?);
    } else {
        outln!("{}  {}", stored.digest, stored.exports.join(","));
    }
    Ok(())
}

pub(super) async fn enable(EnableArguments { name, hub }: EnableArguments) -> anyhow::Result<()> {
    let answer: Value = Client::new(&hub)?.post(&format!("/v1/plugins/{name}/enable"), &Value::Null).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        outln!("plugin {name} goes on");
    }
    Ok(())
}
