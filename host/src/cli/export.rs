//! `sluicebox export`: what there is, as a hub file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::{Value, json};

use super::{Hub, client::Client};
use crate::{
    api::ExportTold,
    hub::{Kind, file},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Write to this file, not to standard output.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Write the plugins' components into this folder, and name them by their paths there.
    #[arg(long, value_name = "FOLDER")]
    components: Option<PathBuf>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { output, components, hub }: Arguments) -> anyhow::Result<()> {
    let client = Client::new(&hub)?;
    let mut exported: ExportTold = client.get("/v1/export", &[]).await?;
    if let Some(folder) = &components {
        let base = output.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        write_components(&client, &mut exported, folder, base).await?;
    }
    let text = if hub.json { serde_json::to_string_pretty(&exported)? + "\n" } else { file::write(&exported.into_entries())? };
    match output {
        Some(path) => fs::write(&path, text).with_context(|| format!("cannot write {}", path.display())),
        None => {
            out!("{text}");
            Ok(())
        }
    }
}

/// Fetches each plugin's component; paths are written from the hub file's folder where that is above them.
async fn write_components(client: &Client, exported: &mut ExportTold, folder: &Path, base: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, plugin) in &mut exported.plugins {
        let digest = plugin.get("digest").and_then(Value::as_str).unwrap_or_default();
        let bytes =
            client.download(&format!("/v1/components/{digest}")).await.with_context(|| format!("{}.{name}", Kind::Plugin))?;
        let file = folder.join(format!("{name}.wasm"));
        fs::write(&file, bytes).with_context(|| format!("cannot write {}", file.display()))?;
        let path = file.strip_prefix(base).unwrap_or(&file);
        plugin.insert("path".to_owned(), json!(path.to_string_lossy()));
    }
    Ok(())
}
