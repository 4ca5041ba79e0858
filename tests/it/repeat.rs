//! A run that failed is run once more as it was, whatever has changed since, and nothing comes of it.

use std::process::Command;

use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, Receiver, eventually, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// `remember` in the rule `all`; it does this with its state.
async fn apply(host: &Api, receiver: &Receiver, does: &str) {
    let digest = host.upload(guests::component("remember")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let plugin = format!("[plugins.remember]\ndigest = \"{digest}\"\nconfig = {{ does = \"{does}\" }}\ngrants.state = true\n");
    let rule = "[rules.all]\nplugins = [\"remember\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{plugin}{out}{rule}")).await;
}

/// Counts one more event, and gives the count.
async fn count(host: &Api, receiver: &Receiver) -> u64 {
    let before = receiver.received("/out").len();
    host.post("open", &[], "{}").await;
    let received = receiver.wait_for("/out", before + 1).await;
    serde_json::from_slice(&received[before].body).expect("a number")
}

async fn repeat(host: &Api, event: &str, rule: &str) -> Value {
    let answer = host.send(&format!("/v1/events/{event}/runs/{rule}/repeat"), &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json
}

/// Without what a clock measured.
fn timeless(mut told: Value) -> Value {
    for stage in told["stages"].as_array_mut().expect("stages") {
        (stage["elapsed_us"], stage["instantiate_us"]) = (Value::Null, Value::Null);
    }
    told
}

/// What a host has on record, and what its breakers know, as soon as nothing is on its way.
async fn on_record(host: &Api) -> [Value; 4] {
    eventually("deliveries that are settled", async || {
        let waiting = host.get("/v1/deliveries?state=waiting").await.json;
        waiting["items"].as_array()?.is_empty().then_some(())
    })
    .await;
    let ask = async |path: &str| host.get(path).await.json;
    [
        ask("/v1/runs").await,
        ask("/v1/deliveries").await,
        ask("/v1/events").await,
        ask("/v1/plugins/remember").await["breaker"].clone(),
    ]
}

/// `plugin run --event ID`, its exit code and all that it said.
fn run(host: &Api, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(process::binary());
    command.args(["plugin", "run", "--url", host.url(), "--key", host.key()]).args(arguments).current_dir(folder.path());
    let output = command.output().expect("an end");
    (output.status.code(), [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_the_same_once_more_whatever_has_changed_since() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, &receiver, "count").await;
    assert_eq!(count(&host, &receiver).await, 1);

    // Its failure tells attempt, time, random numbers and state.
    apply(&host, &receiver, "confess").await;
    let event = host.post("open", &[], "{}").await;
    let failed = host.run_in_state(&event, "all", "dead").await;
    let message = failed["failure"]["message"].as_str().expect("a text").rsplit(": ").next().expect("a text").to_owned();
    assert!(message.starts_with("2 ") && message.ends_with(" 2"), "the second attempt, the second count: {message}");

    // Other settings, other state; then no rule, and no plugin any more.
    apply(&host, &receiver, "count").await;
    assert_eq!((count(&host, &receiver).await, count(&host, &receiver).await), (2, 3));
    let before = on_record(&host).await;
    let told = repeat(&host, &event, "all").await;
    assert_eq!(told["failure"], json!({ "code": "confessed", "message": message }), "{told}");
    assert_eq!((&told["outcome"], &told["plugin"], &told["saw"]), (&json!("failed"), &json!("remember"), &json!(true)));
    assert_eq!((&told["attempt"], &told["cut"]), (&json!(2), &json!(false)), "{told}");
    assert_eq!(timeless(told.clone())["stages"], timeless(failed.clone())["stages"], "with its log, fuel and memory");
    assert_eq!(told["stages"][0]["logs"], json!([format!("warn {message}")]));

    let (code, said) = run(&host, &["--event", &event]);
    let parts = ["failed  fuel ", "rule all, attempt 2, with what the failed run was told", "confessed: ", "log: warn "];
    assert!(code == Some(1) && parts.iter().all(|part| said.contains(part)) && said.contains(&message), "{code:?}: {said}");
    assert_eq!(on_record(&host).await, before, "no run, no delivery, no event more, and the breaker has heard nothing");
    assert_eq!(count(&host, &receiver).await, 4, "the state is as it was");
    host.delete("/v1/rules/all").await;
    host.delete("/v1/plugins/remember").await;
    assert_eq!(timeless(repeat(&host, &event, "all").await), timeless(told));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_fail_is_repeated_with_the_state_as_it_is() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, &receiver, "count").await;
    let event = host.post("open", &[], "{}").await;
    receiver.wait_for("/out", 1).await;
    for _ in 0..2 {
        let told = repeat(&host, &event, "all").await;
        assert_eq!((&told["saw"], &told["attempt"], &told["outcome"]), (&json!(false), &json!(1), &json!("messages")), "{told}");
        assert_eq!(told["messages"][0]["body"]["json"], 2, "one was stored, and each repeat counts on from there: {told}");
    }
    let (code, said) = run(&host, &["--event", &event, "--rule", "all"]);
    assert!(code == Some(0) && said.contains("with the state as it is now") && said.contains("\"json\": 2"), "{code:?}: {said}");
    let (code, said) = run(&host, &["--event", &event, "--json"]);
    assert_eq!((code, serde_json::from_str::<Value>(&said).expect("JSON")["rule"].clone()), (Some(0), json!("all")));
    assert_eq!(receiver.received("/out").len(), 1, "nothing was sent");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, &receiver, "count").await;
    let event = host.post("open", &[], "{}").await;
    receiver.wait_for("/out", 1).await;
    let refused = async |event: &str, rule: &str| {
        let answer = host.send(&format!("/v1/events/{event}/runs/{rule}/repeat"), &json!({})).await;
        (answer.status, answer.json["type"].as_str().expect("a problem").to_owned())
    };
    let (status, problem) = refused(&event, "other").await;
    assert!(status == 404 && problem.ends_with("unknown-run"), "{status} {problem}");
    let unknown = format!("evt_{}", "0".repeat(32));
    let (status, problem) = refused(&unknown, "all").await;
    assert!(status == 404 && problem.ends_with("unknown-event"), "{status} {problem}");
    assert_eq!(refused("no-id", "all").await.0, 400);

    assert!(run(&host, &["--event", &unknown]).1.contains("there is no event"));
    assert!(run(&host, &["--event", "order.toml"]).1.contains("name the .wasm file too"));
    assert!(run(&host, &["a.wasm", "--event", &event]).1.contains("leave out the .wasm file"));
    assert_eq!(run(&host, &["--event", &event, "--config", "{}"]).0, Some(2), "the settings are the host's");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_counts_in_a_repeat_or_a_comparison_is_not_seen() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("capable")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let plugin = format!("[plugins.capable]\ndigest = \"{digest}\"\nconfig = {{ ask = \"metrics\" }}\ngrants.metrics = true\n");
    let rule = "[rules.all]\nplugins = [\"capable\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{plugin}{out}{rule}")).await;
    let event = host.post("open", &[], "{}").await;
    receiver.wait_for("/out", 1).await;
    assert_eq!(host.metric("sluicebox_plugin_custom_orders_total").await, 2);

    let told = repeat(&host, &event, "all").await;
    assert_eq!(told["outcome"], "messages", "it was let count: {told}");
    let compared = host.send("/v1/plugins/capable/diff", &json!({ "digest": digest })).await.json;
    assert_eq!((&compared["compared"], &compared["same"]), (&json!(1), &json!(1)), "{compared}");
    assert_eq!(host.metric("sluicebox_plugin_custom_orders_total").await, 2);
    assert_eq!(host.metric("sluicebox_plugin_custom_euros_count").await, 1);
    host.stop().await;
}
