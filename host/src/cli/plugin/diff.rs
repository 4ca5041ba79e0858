//! `sluicebox plugin diff`: what another version would have made of the host's last events. Exit code 3 where it is not the same.

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

use super::versions::pinned;
use crate::{
    cli::{Hub, client::Client, exit::Exit},
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

pub(super) async fn run(Arguments { version, events, rule, hub }: Arguments) -> anyhow::Result<Exit> {
    let (name, pin) = pinned(version)?;
    let request = json!({ "digest": pin.to_string(), "rule": rule, "events": filter(&events)? });
    let told: Value = Client::new(&hub)?.post(&format!("/v1/plugins/{name}/diff"), &request).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        tell(&told);
    }
    Ok(if told["different"] == 0 { Exit::Done } else { Exit::Differs })
}

/// `source=shop&limit=10` as the host takes it.
fn filter(query: &str) -> anyhow::Result<Value> {
    let mut filter = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else { bail!("--events: `{pair}` is not KEY=VALUE") };
        let value = match key {
            "source" | "type" | "after" => json!(value),
            "limit" => json!(value.parse::<u64>().with_context(|| format!("--events: {key}"))?),
            _ => bail!("--events: `{key}` is none of source, type, after, limit"),
        };
        filter.insert(key.to_owned(), value);
    }
    Ok(filter.into())
}

fn tell(told: &Value) {
    for difference in told["differences"].as_array().into_iter().flatten() {
        lines(difference).iter().for_each(|line| outln!("{line}"));
    }
    if told["not_shown"].as_u64() > Some(0) {
        outln!("and {} more that differ: narrow --events or --rule to see them", told["not_shown"]);
    }
    let rules = told["rules"].as_array().map_or(0, Vec::len);
    outln!("{} of {} the same, in {rules} rules, over {} events", told["same"], told["compared"], told["events"]);
    if rules == 0 {
        outln!("no rule runs the active version: there is nothing to compare");
    }
    if told["out_of_time"] == true {
        outln!("the time was over before all events were compared: narrow --events");
    }
    outln!("fuel, median: {} -> {}", told["fuel_median"]["active"], told["fuel_median"]["other"]);
}

/// Where one differs. Keys and values may be a stranger's, and steer no terminal.
fn lines(difference: &Value) -> Vec<String> {
    let text = |key: &str| difference[key].as_str().unwrap_or_default();
    let paths = difference["paths"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let line = |path: &str| {
        let side = |side: &str| match shown(&difference[side], path) {
            Ok(value) => plain(&value.to_string()),
            Err(bytes) => format!("({bytes} bytes, not shown)"),
        };
        format!("  {}: {} -> {}", plain(path), side("active"), side("other"))
    };
    [format!("{}  {}", text("event"), text("rule"))].into_iter().chain(paths.map(line)).collect()
}

/// With control characters as their numbers.
fn plain(text: &str) -> String {
    let plain = |c: char| if c.is_control() { c.escape_unicode().to_string() } else { c.to_string() };
    text.chars().map(plain).collect()
}

/// What is at a place, or how long the body is that is left out around it.
fn shown<'v>(outcome: &'v Value, path: &str) -> Result<&'v Value, &'v Value> {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1).chain([path.len()]);
    let around = ends.filter_map(|end| outcome.pointer(&path[..end]));
    match around.filter_map(|value| value.get("omitted_bytes")).next() {
        Some(bytes) => Err(bytes),
        None => Ok(outcome.pointer(path).unwrap_or(&Value::Null)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_keys_and_values_steer_no_terminal() {
        let message = |value: &str| json!({ "messages": [{ "body": { "json": { "a\u{1b}[2J": value } } }] });
        let path = "/messages/0/body/json/a\u{1b}[2J";
        let difference =
            json!({ "event": "evt_1", "rule": "all", "paths": [path], "active": message("x\u{9b}"), "other": message("y") });
        let lines = lines(&difference);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| !line.contains(char::is_control)), "{lines:?}");
        assert!(lines[1].ends_with("-> \"y\""), "{lines:?}");
        let left_out = json!({ "messages": [{ "body": { "omitted_bytes": 20_000 } }] });
        assert_eq!(shown(&left_out, path), Err(&json!(20_000)));
        assert_eq!(shown(&left_out, "/outcome"), Ok(&Value::Null));
    }

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
