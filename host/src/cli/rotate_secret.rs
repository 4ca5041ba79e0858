//! `sluicebox rotate-secret NAME`: gives a destination a new signing secret, and prints it.

use serde_json::Value;

use super::{Hub, apply, client::Client};
use crate::{api::Applied, event::Name};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The destination's name.
    name: Name,
    /// How long the old secret signs beside the new one.
    #[arg(long, default_value = "24h")]
    overlap: String,
    /// What the new secret is for: v1 (HMAC) or v1a (Ed25519); as it was otherwise.
    #[arg(long, value_parser = ["v1", "v1a"])]
    version: Option<String>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { name, overlap, version, hub }: Arguments) -> anyhow::Result<()> {
    let mut query = vec![("overlap", overlap)];
    query.extend(version.map(|version| ("version", version)));
    let path = format!("/v1/destinations/{name}/rotate-secret");
    let applied: Applied = Client::new(&hub)?.post_with(&path, &query, &Value::Null).await?;
    apply::tell(&applied, hub.json)
}
