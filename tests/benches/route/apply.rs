//! The whole way of one rule more through the API, with 100,000 standing.

use std::time::Instant;

use serde_json::{Map, Value, json};
use sluicebox_tests::{
    Host,
    bench::{Figures, Table},
};

use super::{ms, spread_row};

const RULES: usize = 100_000;
/// Rules in one hub file, whose bytes have a limit.
const RULES_PER_FILE: usize = 25_000;
/// How many are added one by one.
const ADDED: usize = 30;

/// Milliseconds from the request to the answer, which says that the rule is on disk and in effect.
#[tokio::main]
pub(super) async fn to_many(figures: &mut Figures) -> Table {
    let host = Host::start().await;
    let pull = json!({ "kind": "pull" });
    assert_eq!(host.put("/v1/destinations/out", &pull).await.status, 200);
    let few = add(&host, "few").await;
    for file in 0..RULES / RULES_PER_FILE {
        let rules: Map<String, Value> =
            (0..RULES_PER_FILE).map(|n| (format!("rule-{file}-{n}"), rule(&format!("{file}-{n}")))).collect();
        let answer = host.send("/v1/apply", &json!({ "rules": rules })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json["detail"]);
    }
    let many = add(&host, "many").await;
    host.stop().await;
    let mut table = Table::new("One rule more, through the API", &["standing", "ms, median", "min", "max"]);
    for (name, told, measured) in [("apply_to_none.time", "0", &few), ("apply_to_100000.time", "100,000", &many)] {
        spread_row(figures, &mut table, name, told, measured);
    }
    table
}

async fn add(host: &Host, name: &str) -> Vec<f64> {
    let mut measured = Vec::new();
    for n in 0..ADDED {
        let begun = Instant::now();
        let answer = host.put(&format!("/v1/rules/{name}-{n}"), &rule(&format!("{name}-{n}"))).await;
        measured.push(ms(begun));
        assert_eq!(answer.status, 200, "{:?}", answer.json);
    }
    measured
}

fn rule(own: &str) -> Value {
    json!({ "match": { "type": ["issues"], "data": { "repository": { "name": [own] } } }, "destinations": ["out"] })
}
