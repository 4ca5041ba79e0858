//! `sluicebox explain`: why a rule matches an event, or not.

use std::{fs, io::Read as _};

use anyhow::Context as _;
use serde_json::Value;

use super::{Hub, client::Client};
use crate::{api::Explain, event::Name};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The rule.
    rule: Name,
    /// The event: its id (evt_...), or a file with one as JSON: { "source", "type", "subject", "headers", "data" or "body" }; `-` is the
    /// standard input.
    event: String,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { rule, event, hub } = arguments;
    let event = if event.starts_with("evt_") { Value::from(event) } else { read(&event)? };
    let request = Explain { rule: Some(rule.clone()), pattern: None, event };
    let told: Value = Client::new(&hub)?.post("/v1/explain", &request).await?;
    if hub.json {
        outln!("{told}");
        return Ok(());
    }
    let verdict = if told["matches"] == true { "matches" } else { "does not match" };
    outln!("rule `{rule}` {verdict}");
    let conditions = told["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if conditions.is_empty() {
        outln!("it has no conditions, and so matches every event");
    }
    conditions.iter().for_each(|condition| print(condition, 0));
    Ok(())
}

fn read(file: &str) -> anyhow::Result<Value> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).context("standard input")?;
    } else {
        text =
            fs::read_to_string(file).with_context(|| format!("{file} is neither an event's id nor a file that can be read"))?;
    }
    serde_json::from_str(&text).with_context(|| format!("{file} is no JSON"))
}

fn print(condition: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    let mark = if condition["holds"] == true { "holds" } else { "fails" };
    if let Some(field) = condition["field"].as_str() {
        outln!("{indent}{mark}  {field}: wanted {}, {}", one_of(&condition["wanted"]), seen(condition));
    } else if let Some(branches) = condition["or"].as_array() {
        outln!("{indent}{mark}  one of {}", branches.len());
        for (number, branch) in branches.iter().enumerate() {
            outln!("{indent}  {}.", number + 1);
            branch.as_array().into_iter().flatten().for_each(|condition| print(condition, depth + 2));
        }
    } else if let Some(within) = condition["together"].as_str() {
        outln!(
            "{indent}{mark}  all of it together{}",
            if within.is_empty() { String::new() } else { format!(", within {within}") }
        );
    }
    if let Some(hint) = condition["hint"].as_str() {
        outln!("{indent}       {hint}");
    }
}

fn one_of(wanted: &Value) -> String {
    let values = wanted.as_array().map(Vec::as_slice).unwrap_or_default();
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(" or ")
}

fn seen(condition: &Value) -> String {
    let values = condition["seen"].as_array().map(Vec::as_slice).unwrap_or_default();
    if values.is_empty() {
        return "seen nothing".to_owned();
    }
    let more = condition["seen_more"].as_u64().map_or(String::new(), |more| format!(" and {more} more"));
    format!("seen {}{more}", values.iter().map(Value::to_string).collect::<Vec<_>>().join(", "))
}
