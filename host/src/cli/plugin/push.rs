//! `sluicebox plugin push`: uploads a component as a version of a plugin, and waits until the host has compiled it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, bail};
use http::Method;

use super::versions::tell;
use crate::{
    api::VersionTold,
    cli::{Hub, client::Client, hub_file::component, progress::Progress},
    event::Name,
};

/// Between two looks at a version that is being compiled.
const POLL_PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file.
    file: PathBuf,
    /// The plugin's name; that of the file otherwise.
    #[arg(long)]
    name: Option<Name>,
    /// Make it the active version as soon as it is ready; a plugin that is not there yet is made.
    #[arg(long)]
    activate: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { file, name, activate, hub }: Arguments) -> anyhow::Result<()> {
    let name = name.map_or_else(|| name_of(&file), Ok)?;
    let component = component(&file)?;
    let client = Client::new(&hub)?;
    let path = format!("/v1/plugins/{name}{}", if activate { "?activate=true" } else { "" });
    let uploaded = client.upload(Method::PUT, &path, component).await;
    let version = when_settled(&client, uploaded.with_context(|| format!("{} was refused", file.display()))?).await?;
    tell(std::slice::from_ref(&version), hub.json)?;
    match version.problem {
        Some(problem) => bail!("{}", problem.message),
        None => Ok(()),
    }
}

/// `plugins/big_orders.wasm` is `big-orders`, as cargo names files of crates.
fn name_of(file: &Path) -> anyhow::Result<Name> {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().replace('_', "-")).unwrap_or_default();
    stem.parse().with_context(|| format!("{} does not name a plugin: give --name", file.display()))
}

/// Asks until there is nothing more to wait for; tells meanwhile how far it is.
async fn when_settled(client: &Client, mut version: VersionTold) -> anyhow::Result<VersionTold> {
    let mut told = String::new();
    let progress = Progress::of("uploaded");
    while matches!(version.state.as_str(), "queued" | "compiling") || version.activate_when_ready {
        if version.state != told {
            told.clone_from(&version.state);
            progress.tell(format!("{} {}: {told}", version.plugin, version.digest));
        }
        tokio::time::sleep(POLL_PAUSE).await;
        version = client.get(&format!("/v1/plugins/{}/versions/{}", version.plugin, version.digest), &[]).await?;
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_by_its_file() {
        assert_eq!(name_of(Path::new("a/big_orders.wasm")).expect("a name").as_str(), "big-orders");
        assert!(name_of(Path::new("a/Ünnamed.wasm")).expect_err("no name").to_string().contains("--name"));
    }
}
