//! `sluicebox destinations`: how destinations do, and letting one go on that waits.

use serde_json::{Value, json};

use super::{Hub, client::Client, table::table};
use crate::event::Name;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List destinations, and how they do.
    List(Arguments),
    /// Let a destination go on that is disabled, whose breaker is open, or that asked to be left alone.
    Enable(EnableArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    hub: Hub,
}

#[derive(Debug, clap::Args)]
pub(super) struct EnableArguments {
    /// The destination's name.
    name: Name,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Enable(arguments) => enable(arguments).await,
    }
}

async fn list(Arguments { hub }: Arguments) -> anyhow::Result<()> {
    let items = Client::new(&hub)?.get_all("/v1/destinations").await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "items": items }))?);
        return Ok(());
    }
    let rows: Vec<Value> = items.iter().map(row).collect();
    out!("{}", table(&["name", "state", "breaker", "concurrency", "held_until", "url"], &rows));
    Ok(())
}

fn row(item: &Value) -> Value {
    let (document, runtime) = (&item["document"], &item["runtime"]);
    let state = match (&document["enabled"], &runtime["disabled"]) {
        (Value::Bool(false), _) => "off".into(),
        (_, Value::Null) => "on".into(),
        (_, disabled) => disabled["code"].clone(),
    };
    json!({
        "name": item["name"],
        "state": state,
        "breaker": runtime["breaker"]["state"],
        "concurrency": runtime["concurrency"],
        "held_until": runtime["held_until"],
        "url": document["url"],
    })
}

async fn enable(EnableArguments { name, hub }: EnableArguments) -> anyhow::Result<()> {
    let answer: Value = Client::new(&hub)?.post(&format!("/v1/destinations/{name}/enable"), &Value::Null).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        outln!("destination {name} goes on");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_a_destination_is_its_state() {
        let state = |document: Value, disabled: Value| {
            let item = json!({ "name": "crm", "document": document, "runtime": { "disabled": disabled } });
            row(&item)["state"].clone()
        };
        assert_eq!(state(json!({}), Value::Null), "on");
        assert_eq!(state(json!({ "enabled": false }), Value::Null), "off");
        assert_eq!(state(json!({}), json!({ "code": "gone" })), "gone");
    }
}
