//! `sluicebox messages`: what a consumer says of messages that it fetched by `sluicebox pull`.

use anyhow::bail;
use serde_json::{Value, json};

use super::{Hub, client::Client};
use crate::event::Name;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Say that messages are done.
    Ack(AckArguments),
    /// Give messages back, to be given again.
    Nack(NackArguments),
    /// Keep messages for longer.
    Extend(ExtendArguments),
}

/// Which messages.
#[derive(Debug, clap::Args)]
struct Which {
    /// The destination.
    name: Name,
    /// The receipts, as `pull --json` shows them.
    #[arg(required = true)]
    receipts: Vec<String>,
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct AckArguments {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
pub(super) struct NackArguments {
    #[command(flatten)]
    which: Which,
    /// Not before this time is over, as in 5m.
    #[arg(long, value_name = "TIME")]
    delay: Option<String>,
    /// Why, for who looks at the delivery.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExtendArguments {
    #[command(flatten)]
    which: Which,
    /// For how long from now, as in 5m; else as the destination says.
    #[arg(long, value_name = "TIME")]
    lease: Option<String>,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Ack(AckArguments { which }) => say(&which, "ack", json!({})).await,
        Command::Nack(NackArguments { which, delay, reason }) => {
            say(&which, "nack", json!({ "delay": delay, "reason": reason })).await
        }
        Command::Extend(ExtendArguments { which, lease }) => say(&which, "extend", json!({ "lease": lease })).await,
    }
}

/// Fails where not all of them were taken.
async fn say(which: &Which, word: &str, mut request: Value) -> anyhow::Result<()> {
    let Which { name, receipts, hub } = which;
    request["receipts"] = json!(receipts);
    let told: Value = Client::new(hub)?.post(&format!("/v1/destinations/{name}/messages/{word}"), &request).await?;
    let failures: Vec<&str> =
        told["items"].as_array().into_iter().flatten().filter_map(|item| item["failure"]["message"].as_str()).collect();
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        outln!("{word}: {} of {}", receipts.len() - failures.len(), receipts.len());
    }
    match failures.first() {
        Some(message) => bail!("not all receipts were taken: {message}"),
        None => Ok(()),
    }
}
