//! `sluicebox plugin diff`: what another version would have made of the host's last events. Exit code 1 where it is not the same.

use std::process::ExitCode;

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::versions::pinned;
use crate::{
    cli::{Hub, client::Client},
    event::Name,
    plugin::Reference,
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// NAME@sha256:DIGITS, at least 12 of them: compared with the active version.
    version: Reference,
    /// Which of the host's events, as in `source=shop&type=order.paid&limit=100`; the last 100 otherwise.
    #[arg(long, default_value = "", value_name = "QUERY")]
    events: String,
    /// In this rule only.
    #[arg(long)]
    rule: Option<Name>,
    #[command(flatten)]
    hub: Hub,
}

pub(super) async fn run(Arguments { version, events, rule, hub }: Arguments) -> anyhow::Result<ExitCode> {
    let (name, pin) = pinned(version)?;
    let request = json!({ "digest": pin.to_string(), "rule": rule, "events": filter(&events)? });
    let told: Value = Client::new(&hub)?.post(&format!("/v1/plugins/{name}/diff"), &request).await?;
    if hub.json {
        println!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        tell(&told);
    }
    Ok(if told["different"] == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `source=shop&limit=10` as the host takes it.
fn filter(query: &str) -> anyhow::Result<Value> {
    let mut filter = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else { bail!("--events: `{pair}` is not KEY=VALUE") };
        let value = match key {
            "source" | "type" => json!(value),
            "limit" | "before" => json!(value.parse::<u64>().with_context(|| format!("--events: {key}"))?),
            _ => bail!("--events: `{key}` is none of source, type, before, limit"),
        };
        filter.insert(key.to_owned(), value);
    }
    Ok(filter.into())
}

fn tell(told: &Value) {
    for difference in told["differences"].as_array().into_iter().flatten() {
        let text = |key: &str| difference[key].as_str().unwrap_or_default().to_owned();
        println!("{}  {}", text("event"), text("rule"));
        let paths = difference["paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
        for path in paths {
            let side = |side: &str| difference[side].pointer(path).unwrap_or(&Value::Null).to_string();
            println!("  {path}: {} -> {}", side("active"), side("other"));
        }
    }
    let rules = told["rules"].as_array().map_or(0, Vec::len);
    println!("{} of {} the same, in {rules} rules, over {} events", told["same"], told["compared"], told["events"]);
    if rules == 0 {
        println!("no rule runs the active version: there is nothing to compare");
    }
    if told["out_of_time"] == true {
        println!("the time was over before all events were compared: narrow --events");
    }
    println!("fuel, median: {} -> {}", told["fuel_median"]["active"], told["fuel_median"]["other"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_and_what_is_none_is_told() {
        let read = filter("source=shop&type=order.paid&limit=5").expect("a query");
        assert_eq!(read, json!({ "source": "shop", "type": "order.paid", "limit": 5 }));
        assert_eq!(filter("").expect("no query"), json!({}));
        for bad in ["source", "limit=x", "sort=up"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
