//! `sluicebox plugin run --event ID`: an event of a host once more through what it went through there. Exit code 1 where that fails.

use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};

use super::told;
use crate::{
    cli::{Hub, client::Client},
    event::{EventId, Name},
};

pub(super) async fn run(event: EventId, rule: Option<&Name>, hub: &Hub) -> anyhow::Result<ExitCode> {
    let client = Client::new(hub)?;
    let rule = match rule {
        Some(rule) => rule.to_string(),
        None => rule_of(&client.get(&format!("/v1/events/{event}"), &[]).await?)?,
    };
    let told: Value = client.post(&format!("/v1/events/{event}/runs/{rule}/repeat"), &json!({})).await?;
    if hub.json {
        outln!("{}", serde_json::to_string_pretty(&told)?);
    } else {
        outln!("{}", text(&told));
    }
    Ok(if told["outcome"] == "failed" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The rule whose run failed, or the only one that ran.
fn rule_of(event: &Value) -> anyhow::Result<String> {
    let runs: Vec<&Value> = event["runs"].as_array().into_iter().flatten().collect();
    let rules = |wanted: fn(&Value) -> bool| {
        let mut rules: Vec<&str> = runs.iter().filter(|run| wanted(run)).filter_map(|run| run["rule"].as_str()).collect();
        rules.dedup();
        rules
    };
    // A drop has its reason there.
    let failed = rules(|run| !run["failure"].is_null() && run["state"] != "dropped");
    let all = rules(|_| true);
    match (failed.as_slice(), all.as_slice()) {
        ([rule], _) | ([], [rule]) => Ok((*rule).to_owned()),
        ([], []) => bail!("no rule ran on this event"),
        ([], several) | (several, _) => bail!("several rules ran on this event: name one by --rule ({})", several.join(", ")),
    }
}

fn text(told: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let stages: Vec<&Value> = told["stages"].as_array().into_iter().flatten().collect();
    let numbers = |key: &'static str| stages.iter().filter_map(move |stage| stage[key].as_u64());
    let used = told::used(numbers("fuel").sum(), None, numbers("memory_bytes").max().unwrap_or(0), numbers("elapsed_us").sum());
    let mut text = format!("{:<6}  {used}", word(&told["outcome"]));
    let basis = match (told["saw"] == true, told["cut"] == true) {
        (true, false) => "what the failed run was told",
        (true, true) => "what is kept of what the failed run was told: it was more",
        (false, _) => "the state as it is now: this run did not fail last",
    };
    text += &format!("\nrule {}, attempt {}, with {basis}", word(&told["rule"]), told["attempt"]);
    if told["outcome"] == "dropped" {
        text += &format!("\nreason: {}", word(&told["reason"]));
    }
    if told["outcome"] == "failed" {
        let failure = &told["failure"];
        text += &format!("\nplugin {}: {}: {}", word(&told["plugin"]), word(&failure["code"]), word(&failure["message"]));
    }
    for (index, message) in told["messages"].as_array().into_iter().flatten().enumerate() {
        text += &format!("\n\nmessage {}\n{message:#}\n", index + 1);
    }
    for stage in &stages {
        text += &format!("\n{} {}: {}", word(&stage["plugin"]), word(&stage["export"]), word(&stage["result"]));
        for line in stage["logs"].as_array().into_iter().flatten() {
            text += &format!("\nlog: {}", word(line));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_that_failed_need_not_be_named() {
        let run = |rule: &str, state: &str, failure: Value| json!({ "rule": rule, "state": state, "failure": failure });
        let failed = json!({ "code": "x", "message": "y" });
        let rule = |runs: &[Value]| rule_of(&json!({ "runs": runs }));
        let (a, b) = (run("a", "planned", Value::Null), run("b", "dead", failed.clone()));
        assert_eq!(rule(&[a.clone(), b.clone()]).expect("one failed"), "b");
        assert_eq!(rule(std::slice::from_ref(&a)).expect("there is one"), "a");
        let dropped = run("c", "dropped", failed.clone());
        let told = rule(&[a, dropped]).expect_err("which?").to_string();
        assert!(told.contains("--rule (a, c)"), "{told}");
        let told = rule(&[b, run("d", "pending", failed)]).expect_err("which?").to_string();
        assert!(told.contains("--rule (b, d)"), "{told}");
        assert!(rule(&[]).is_err());
    }
}
