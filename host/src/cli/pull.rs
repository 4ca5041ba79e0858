//! `sluicebox pull`: fetches messages of a destination of kind `pull`, as any consumer does.

use std::io::{self, Write as _};

use anyhow::bail;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::{
    Hub,
    client::{Client, segment},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The destination.
    name: String,
    /// At most this many messages, up to 100.
    #[arg(long)]
    max: Option<usize>,
    /// How long to wait where there is none, up to 60s.
    #[arg(long, value_name = "TIME")]
    wait: Option<String>,
    /// How long the messages are not given to anybody else, as in 5m; else as the destination says.
    #[arg(long, value_name = "TIME")]
    lease: Option<String>,
    /// Acknowledge what was printed. Without it, it is given again when its lease is over.
    #[arg(long)]
    ack: bool,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { name, max, wait, lease, ack, hub } = arguments;
    let query = [("max", max.map(|max| max.to_string())), ("wait", wait), ("lease", lease)];
    let query: Vec<_> = query.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    let client = Client::new(&hub)?;
    let path = format!("/v1/destinations/{}/messages", segment(&name));
    let answer: Value = client.get_slowly(&path, &query).await?;
    print(&answer, hub.json)?;
    let items = answer["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let receipts: Vec<&Value> = items.iter().map(|item| &item["receipt"]).collect();
    if ack && !receipts.is_empty() {
        let acked: Value = client.post(&format!("{path}/ack"), &json!({ "receipts": receipts })).await?;
        let refused = acked["items"].as_array().into_iter().flatten().find_map(|item| item["failure"]["message"].as_str());
        if let Some(message) = refused {
            bail!("not all messages were acknowledged: {message}");
        }
    }
    Ok(())
}

/// As JSON, or a line on each message and its body as it is. What is acknowledged has been printed: so it fails where it was not.
fn print(answer: &Value, as_json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{}", serde_json::to_string_pretty(answer)?)?;
        return Ok(out.flush()?);
    }
    for item in answer["items"].as_array().into_iter().flatten() {
        let field = |name: &str| item[name].as_str().unwrap_or("-");
        writeln!(out, "# {} {:?} attempt {} until {}", field("id"), field("type"), item["attempt"], field("lease_until"))?;
        match (item["body"]["text"].as_str(), item["body"]["base64"].as_str()) {
            (Some(text), _) => out.write_all(text.as_bytes())?,
            (None, base64) => out.write_all(&BASE64_STANDARD.decode(base64.unwrap_or_default())?)?,
        }
        writeln!(out)?;
    }
    Ok(out.flush()?)
}
