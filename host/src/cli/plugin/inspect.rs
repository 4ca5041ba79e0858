//! `sluicebox plugin inspect` and `digest`: what a file is, found by reading it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;

use crate::{
    cli::hub_file::component,
    event::Digest,
    plugin::{self, About, Inspected},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DigestArguments {
    /// The .wasm file; of a core module, the digest of the component that `apply` and `push` make of it.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    tell(&arguments.file, arguments.json)
}

pub(super) fn digest(arguments: &DigestArguments) -> anyhow::Result<()> {
    let digest = Digest::of(&component(&arguments.file)?);
    if arguments.json {
        outln!("{}", json!({ "digest": digest.to_string() }));
    } else {
        outln!("{digest}");
    }
    Ok(())
}

/// What `inspect` says of a file, and `build` of what it made.
pub(super) fn tell(file: &Path, as_json: bool) -> anyhow::Result<()> {
    let inspected = inspect(file)?;
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&self::as_json(&inspected))?);
    } else {
        outln!("{}", as_text(file, &inspected));
    }
    usable(file, &inspected)
}

fn inspect(file: &Path) -> anyhow::Result<Inspected> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(plugin::inspect(&file.display().to_string(), &bytes)?)
}

/// What a host would refuse it for is told after all that was found, as the command's failure.
fn usable(file: &Path, inspected: &Inspected) -> anyhow::Result<()> {
    Ok(inspected.check(&file.display().to_string())?)
}

fn as_json(inspected: &Inspected) -> serde_json::Value {
    json!({
        "kind": kind(inspected),
        "bytes": inspected.bytes,
        "digest": inspected.digest.to_string(),
        "about": inspected.about,
        "exports": inspected.exports,
        "imports": inspected.imports,
    })
}

fn as_text(file: &Path, inspected: &Inspected) -> String {
    let mut text = format!(
        "{}: a {}, {} kB\n  digest   {}",
        file.display(),
        kind(inspected),
        inspected.bytes.div_ceil(1000),
        inspected.digest
    );
    if let Some(About { name, version, sdk, track }) = &inspected.about {
        text += &format!("\n  plugin   {name} {version}, made with {sdk} for track {track}");
    }
    for (what, names) in [("exports", &inspected.exports), ("imports", &inspected.imports)] {
        for name in names {
            text += &format!("\n  {what}  {name}");
        }
    }
    text
}

fn kind(inspected: &Inspected) -> &'static str {
    if inspected.is_component { "component" } else { "core module" }
}
