//! `sluicebox health`: whether a host takes events in. It needs no key, so that whatever watches a host may ask.

use std::time::Duration;

use anyhow::Context;
use serde_json::json;

use super::{Hub, exit::Exit, place::Place};
use crate::net;

/// A host that is well answers at once.
const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask only whether it runs, not whether it takes events in.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { live, hub }: Arguments) -> anyhow::Result<Exit> {
    let url = Place::of(&hub)?.url;
    let path = if live { "/healthz" } else { "/readyz" };
    let http = net::side_client().context("no HTTP client")?;
    let response = http.get(format!("{url}{path}")).timeout(TIMEOUT).send().await;
    let response = response.with_context(|| format!("no host answers at {url} (is `sluicebox serve` running?)"))?;
    let status = response.status();
    let told = response.text().await.context("the answer could not be read")?;
    if hub.json {
        let told = json!({ "ok": status.is_success(), "status": status.as_u16(), "message": told.trim() });
        outln!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        outln!("{}", told.trim());
    }
    Ok(if status.is_success() { Exit::Done } else { Exit::Failed })
}
