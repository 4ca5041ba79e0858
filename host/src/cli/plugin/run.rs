//! `sluicebox plugin run`: one event through a plugin on this machine, or an event of a host once more there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail, ensure};
use serde_json::{Map, Value};

use super::{
    fixture::{self, Given},
    repeat, told,
    trial::{Became, Bench},
};
use crate::{
    cli::Hub,
    event::{EventId, Name},
    plugin::FaultKind,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file. Without one, an event of a host goes once more through what it went through there; nothing follows from it.
    file: Option<PathBuf>,
    /// The event: a .toml file (a fixture, or an event's keys alone), or any other file as the body; without a .wasm file an
    /// event's id on the host (evt_...).
    #[arg(long, value_name = "FILE|ID")]
    event: PathBuf,
    /// Which of the rules that ran on the host's event; the one that failed otherwise.
    #[arg(long, conflicts_with = "file")]
    rule: Option<Name>,
    #[command(flatten)]
    instead: Instead,
    #[command(flatten)]
    hub: Hub,
}

/// What counts in place of what stands in the event's file.
#[derive(Debug, clap::Args)]
pub(super) struct Instead {
    /// The event's type.
    #[arg(long = "type", value_name = "TYPE", requires = "file")]
    event_type: Option<String>,
    /// The event's source.
    #[arg(long, requires = "file")]
    source: Option<String>,
    /// The settings: a JSON object, or a .json or .toml file.
    #[arg(long, value_name = "JSON|FILE", requires = "file")]
    config: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let id = arguments.event.to_str().and_then(|text| text.parse::<EventId>().ok());
    match (&arguments.file, id) {
        (Some(file), None) => on_this_machine(file, &arguments).await.map(|()| ExitCode::SUCCESS),
        (None, Some(event)) => repeat::run(event, arguments.rule.as_ref(), &arguments.hub).await,
        (Some(_), Some(_)) => bail!("an event of the host goes through the host's own plugins: leave out the .wasm file"),
        (None, None) => {
            bail!("{} is no event of the host (evt_ and 32 digits): name the .wasm file too", arguments.event.display())
        }
    }
}

/// Fails where the plugin did: what it rejects, or wants to be asked again, is an answer of its own.
async fn on_this_machine(file: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let given = given(&arguments.event, &arguments.instead)?;
    let trial = Bench::start(file).await?.run(&given).await?;
    if arguments.hub.json {
        outln!("{}", serde_json::to_string_pretty(&told::as_json(&trial))?);
    } else {
        outln!("{}", told::text(&trial));
    }
    match trial.became {
        Became::Failed(fault) if !matches!(fault.kind, FaultKind::Rejected | FaultKind::RetryAsked { .. }) => {
            bail!("{} failed: {}", file.display(), fault.failure.code)
        }
        _ => Ok(()),
    }
}

/// What a plugin is called with: the event of a file, unless told otherwise.
pub(super) fn given(file: &Path, instead: &Instead) -> anyhow::Result<Given> {
    let is_toml = file.extension().is_some_and(|extension| extension == "toml");
    let mut given = if is_toml { fixture::read_given(file)? } else { fixture::given_body(file)? };
    let source: Option<Name> = instead.source.as_deref().map(str::parse).transpose().context("--source")?;
    for event in &mut given.events {
        let event = Arc::make_mut(event);
        if let Some(source) = &source {
            event.source = source.clone();
        }
        if let Some(event_type) = &instead.event_type {
            event.event_type.clone_from(event_type);
        }
    }
    if let Some(config) = &instead.config {
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
