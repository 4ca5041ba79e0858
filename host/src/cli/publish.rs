//! `sluicebox publish`: an event of one's own, by the API's key in the place of a signature.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{Hub, client::Client};
use crate::event::Name;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The source that it comes from.
    source: Name,
    /// The file of its body, byte for byte; standard input without one, or by `-`.
    body: Option<PathBuf>,
    /// What happened, as in order.paid.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// What it happened to.
    #[arg(long)]
    subject: Option<String>,
    /// Its own id, the event's `external_id`.
    #[arg(long)]
    id: Option<String>,
    /// Of the body.
    #[arg(long, default_value = "application/json")]
    content_type: String,
    /// Events of one key are stored once.
    #[arg(long)]
    idempotency_key: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let body = read(arguments.body.as_deref())?;
    let given = [
        ("source", Some(arguments.source.to_string())),
        ("type", arguments.event_type),
        ("subject", arguments.subject),
        ("id", arguments.id),
        ("content_type", Some(arguments.content_type)),
        ("idempotency_key", arguments.idempotency_key),
        ("data_base64", Some(BASE64_STANDARD.encode(body))),
    ];
    let event: Map<String, Value> = given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect();
    let stored: Value = Client::new(&arguments.hub)?.post("/v1/events", &event).await?;
    if arguments.hub.json {
        outln!("{}", serde_json::to_string_pretty(&stored)?);
        return Ok(());
    }
    let before = if stored["duplicate"] == true { " was stored before" } else { "" };
    outln!("{}{before}", stored["id"].as_str().context("the host's answer is not understood; is it of this version?")?);
    Ok(())
}

fn read(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    match file.filter(|file| *file != Path::new("-")) {
        Some(file) => fs::read(file).with_context(|| format!("cannot read {}", file.display())),
        None => {
            let mut body = Vec::new();
            std::io::stdin().read_to_end(&mut body).context("standard input")?;
            Ok(body)
        }
    }
}
