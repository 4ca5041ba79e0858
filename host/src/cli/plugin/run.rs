//! `sluicebox plugin run`: one event through a plugin on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};

use super::{
    fixture::{self, Given},
    told,
    trial::{Became, Bench},
};
use crate::{event::Name, plugin::FaultKind};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file.
    file: PathBuf,
    /// The event: a .toml file (a fixture, or an event's keys alone), or any other file as the body.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// The event's type.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// The event's source.
    #[arg(long)]
    source: Option<String>,
    /// The settings: a JSON object, or a .json or .toml file.
    #[arg(long, value_name = "JSON|FILE")]
    config: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Fails where the plugin did: what it rejects, or wants to be asked again, is an answer of its own.
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let given = given(&arguments)?;
    let trial = Bench::start(&arguments.file).await?.run(&given).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&told::as_json(&trial))?);
    } else {
        println!("{}", told::text(&trial));
    }
    match trial.became {
        Became::Failed(fault) if !matches!(fault.kind, FaultKind::Rejected | FaultKind::RetryAsked { .. }) => {
            bail!("{} failed: {}", arguments.file.display(), fault.failure.code)
        }
        _ => Ok(()),
    }
}

fn given(arguments: &Arguments) -> anyhow::Result<Given> {
    let file = &arguments.event;
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let mut given = if is_toml { fixture::read_given(file)? } else { fixture::given_body(file)? };
    let source: Option<Name> = arguments.source.as_deref().map(str::parse).transpose().context("--source")?;
    for event in &mut given.events {
        let event = Arc::make_mut(event);
        if let Some(source) = &source {
            event.source = source.clone();
        }
        if let Some(event_type) = &arguments.event_type {
            event.event_type.clone_from(event_type);
        }
    }
    if let Some(config) = &arguments.config {
        given.config = settings(config).context("--config")?;
    }
    Ok(given)
}

pub(super) fn settings(text: &str) -> anyhow::Result<Map<String, Value>> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).context("this is no JSON object");
    }
    let file = Path::new(text);
    let read = fs::read_to_string(file).with_context(|| format!("cannot read {text} (a JSON object begins with a brace)"))?;
    if file.extension().is_some_and(|extension| extension == "toml") {
        return fixture::config_of_toml(&read).with_context(|| text.to_owned());
    }
    ensure!(file.extension().is_some_and(|extension| extension == "json"), "{text} is neither a .json nor a .toml file");
    serde_json::from_str(&read).with_context(|| format!("{text} is no JSON object"))
}
