//! `sluicebox apply FILE`: reads a hub file, uploads the components that it names, and applies it as a whole.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;

use super::{
    Hub,
    client::{Client, Refused},
    progress::Progress,
};
use crate::{
    api::{Applied, ApplyRequest, ComponentStored, SpecProblem},
    hub::file::{self, FileError, HubFile},
    plugin,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The hub file.
    file: PathBuf,
    /// Delete what the file does not name.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let label = arguments.file.display().to_string();
    let text = fs::read_to_string(&arguments.file).with_context(|| format!("cannot read {label}"))?;
    let folder = arguments.file.parent().unwrap_or(Path::new("."));
    let mut hub_file = file::read(&text, &label).map_err(|errors| all(&errors))?;
    hub_file.resolve_secrets(&|name| env::var(name).ok(), folder).map_err(|errors| all(&errors))?;
    hub_file.resolve_schemas(folder).map_err(|errors| all(&errors))?;
    let client = Client::new(&arguments.hub)?;
    upload(&client, &mut hub_file, folder).await?;
    let path = if arguments.prune { "/v1/apply?prune=true" } else { "/v1/apply" };
    let applied: Applied = match client.post(path, &ApplyRequest::of(&hub_file.entries)).await {
        Ok(applied) => applied,
        Err(error) => bail!(located(error, &hub_file)),
    };
    tell(&applied, arguments.hub.json)
}

/// Makes a component of each file that a plugin names, uploads it, and puts its digest in the path's place.
async fn upload(client: &Client, hub_file: &mut HubFile, folder: &Path) -> anyhow::Result<()> {
    let paths = hub_file.plugin_paths.clone();
    let progress = Progress::of_many(paths.len(), "uploading plugins, which the host compiles:");
    for (name, path) in paths {
        let component = component(&folder.join(&path)).with_context(|| format!("plugins.{name}"))?;
        let stored: ComponentStored = client
            .upload(Method::POST, "/v1/components", component)
            .await
            .with_context(|| format!("plugins.{name}: {} was refused", path.display()))?;
        hub_file.set_digest(&name, &stored.digest.parse()?);
        progress.one_more();
    }
    Ok(())
}

/// The component in a file; a core module that a plain `cargo build` made is turned into one.
pub(super) fn component(path: &Path) -> anyhow::Result<Bytes> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let component = plugin::componentize(&bytes).with_context(|| format!("{} is no plugin", path.display()))?;
    Ok(Bytes::from(component))
}

/// The server's problems, with the lines of the file that they are about.
fn located(error: anyhow::Error, hub_file: &HubFile) -> anyhow::Error {
    let Some(Refused { problem, .. }) = error.downcast_ref::<Refused>() else { return error };
    let problems: Vec<SpecProblem> = serde_json::from_value(problem["problems"].clone()).unwrap_or_default();
    let errors: Vec<FileError> = problems.into_iter().map(|problem| hub_file.locate(&problem.into())).collect();
    if errors.is_empty() { error } else { all(&errors) }
}

fn all(errors: &[FileError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("nothing was applied\n{}", lines.join("\n"))
}

/// Prints what was done, and each secret that was made, this once.
pub(super) fn tell(applied: &Applied, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(applied)?);
        return Ok(());
    }
    for change in &applied.changes {
        println!("{change}");
    }
    for (destination, secret) in &applied.generated_secrets {
        println!("secret of destination {destination}, shown this once: {secret}");
    }
    let nothing = if applied.changes.is_empty() { ", nothing to change" } else { "" };
    println!("revision {}{nothing}", applied.revision);
    Ok(())
}
