//! What a plugin may ask of its host beyond its settings, and what it is told.

use std::{fs, process::Command};

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, eventually, github, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// A host whose only rule goes through `capable`, with these lines in its table.
async fn start(lines: &str) -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("capable")).await.expect("a component");
    host.apply(&hub(&digest, lines, &receiver)).await;
    (host, receiver)
}

fn hub(digest: &str, lines: &str, receiver: &Receiver) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"capable\"]\ndestinations = [\"out\"]\n";
    format!("{OPEN_SOURCE}[plugins.capable]\ndigest = \"{digest}\"\n{lines}\n{out}{rule}")
}

/// What the plugin was told, on so many events.
async fn told(lines: &str, events: usize) -> Vec<Value> {
    let (host, receiver) = start(lines).await;
    for _ in 0..events {
        host.post("open", &[], "{}").await;
    }
    let received = receiver.wait_for("/out", events).await;
    host.stop().await;
    received.iter().map(|received| serde_json::from_slice(&received.body).expect("JSON")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_tells_the_hosts_time_and_stands_still_during_a_call() {
    let told = told("config = { ask = \"clock\" }", 1).await.remove(0);
    let [now, again, received_at] = [0, 1, 2].map(|at| told[at].as_u64().expect("milliseconds"));
    assert_eq!(now, again);
    assert!((received_at..received_at + 60_000).contains(&now), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_has_random_numbers_of_its_own() {
    let told = told("config = { ask = \"random\" }", 2).await;
    assert_ne!(told[0], told[1]);
    assert_eq!(told[0][0].as_array().map(Vec::len), Some(8));
    assert_eq!(self::told("config = { ask = \"much-random\" }", 1).await, [100_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_do_not_fit_are_refused_where_they_stand() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("capable")).await.expect("a component");
    let wrong = "config = { ask = \"secret\", weights = [1, 256], weihgts = 1 }";
    let refused = host.try_apply(&hub(&digest, wrong, &receiver)).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let text = refused.json.to_string();
    for part in
        ["/config/ask", "must be one of clock", "/config/weights/1", "from 0 to 255", "/config/weihgts", "unknown setting"]
    {
        assert!(text.contains(part), "{part:?} is missing in {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(host.get("/v1/plugins/capable").await.status, 404, "nothing of it was applied");
    assert!(host.metric("sluicebox_plugin_calls_total").await >= 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_the_line_of_a_wrong_setting() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    fs::write(folder.path().join("capable.wasm"), guests::module("capable")).expect("a file");
    let hub =
        "[plugins.capable]\npath = \"capable.wasm\"\n\n[plugins.capable.config]\nask = \"clock\"\nweights = [\n  1,\n  -1,\n]\n";
    fs::write(folder.path().join("hub.toml"), hub).expect("a file");
    let mut apply = Command::new(process::binary());
    apply.args(["apply", "hub.toml", "--url", host.url(), "--key", host.key()]).current_dir(folder.path());
    let output = apply.output().expect("an end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hub.toml:8:3") && said.contains("plugins.capable.config.weights"), "{said}");
    host.stop().await;
}

#[test]
fn a_component_tells_the_form_of_its_settings_without_being_run() {
    let component = guests::component("capable");
    let schema: Value = serde_json::from_str(sluicebox::plugin::config_schema(&component).expect("a schema")).expect("JSON");
    assert_eq!(schema["properties"]["ask"]["enum"], json!(["clock", "random", "much-random", "hmac", "metrics"]));
    assert_eq!(schema["required"], json!(["ask"]));
    assert_eq!(sluicebox::plugin::config_schema(&guests::component("misbehave")), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_secret_is_computed_with_and_seen_nowhere() {
    let lines = "config = { ask = \"hmac\" }\ngrants.secrets = { shop = \"Jefe-the-secret\" }";
    let (host, receiver) = start(lines).await;
    host.post("open", &[], "what").await;
    let received = receiver.wait_for("/out", 1).await;
    let mac: Vec<u8> = serde_json::from_slice(&received[0].body).expect("JSON");
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(format!("sha256={hex}"), github::signature("Jefe-the-secret", b"what"));
    let shown = host.get("/v1/plugins/capable").await.json;
    assert!(shown.to_string().contains("\"set\":true") && !shown.to_string().contains("Jefe"), "{shown}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_its_grant_is_told_which() {
    let (host, _receiver) = start("config = { ask = \"hmac\" }").await;
    let id = host.post("open", &[], "what").await;
    let run = host.run_in_state(&id, "all", "dead").await;
    assert_eq!(run["failure"]["code"], "not-granted", "{run}");
    assert!(run.to_string().contains("plugins.capable.grants.secrets.shop"), "{run}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_counts_is_on_the_page_of_metrics_as_long_as_it_is_in_use() {
    let (host, receiver) = start("config = { ask = \"metrics\" }\ngrants.metrics = true").await;
    for _ in 0..3 {
        host.post("open", &[], "{}").await;
    }
    let received = receiver.wait_for("/out", 3).await;
    assert!(String::from_utf8_lossy(&received[0].body).contains("finite"), "what is no number is refused");
    assert_eq!(host.metric("sluicebox_plugin_custom_orders_total").await, 6);
    assert_eq!(host.metric("sluicebox_plugin_custom_euros_count").await, 3);
    let page = host.metrics().await;
    assert!(
        page.contains("sluicebox_plugin_custom_orders_total{workspace=\"default\",plugin=\"capable\",shop=\"x\"} 6"),
        "{page}"
    );

    host.delete("/v1/rules/all").await;
    host.delete("/v1/plugins/capable").await;
    eventually("a page without them", async || (!host.metrics().await.contains("plugin_custom")).then_some(())).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_without_their_grant_are_refused_by_its_name() {
    let (host, _receiver) = start("config = { ask = \"metrics\" }").await;
    let id = host.post("open", &[], "{}").await;
    let run = host.run_in_state(&id, "all", "dead").await;
    assert_eq!(run["failure"]["code"], "metric-refused", "{run}");
    assert!(run.to_string().contains("plugins.capable.grants.metrics"), "{run}");
    host.stop().await;
}
