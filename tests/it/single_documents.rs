//! `sluicebox get`, `put`, `delete`, `publish`, `messages` and `api`: the calls of the API that are about one thing.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use sluicebox_tests::{Host, process};
use tempfile::TempDir;

use crate::story::OPEN_SOURCE;

fn call(host: &Host, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(process::binary());
    command.args(arguments).args(["--url", host.url(), "--key", host.key()]).current_dir(folder);
    command.output().expect("an end")
}

fn works(host: &Host, folder: &Path, arguments: &[&str]) -> String {
    let told = call(host, folder, arguments);
    assert!(told.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8(told.stdout).expect("text")
}

fn json(host: &Host, folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&works(host, folder, &[arguments, &["--json"]].concat())).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn single_documents_are_put_shown_and_deleted() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    fs::write(folder.join("shop.toml"), "verify = { scheme = \"none\" }\n").expect("a file");
    fs::write(folder.join("all.json"), "{\"destinations\": [\"queue\"]}").expect("a file");
    fs::write(folder.join("queue.toml"), "kind = \"pull\"\n").expect("a file");
    assert!(works(&host, folder, &["put", "sources", "shop", "shop.toml"]).contains("created source shop"));
    assert!(works(&host, folder, &["put", "destinations", "queue", "queue.toml"]).contains("created destination queue"));
    assert!(works(&host, folder, &["put", "rules", "all", "all.json"]).contains("created rule all"));
    assert_eq!(works(&host, folder, &["get", "rules"]), "NAME  PLUGINS  DESTINATIONS\nall   -        queue\n");
    assert_eq!(works(&host, folder, &["get", "sources"]), "NAME  SCHEME\nshop  none\n");
    assert_eq!(json(&host, folder, &["get", "rules", "all"])["destinations"][0], "queue");

    let many: String = (0..60).map(|n| format!("[destinations.d{n:02}]\nkind = \"pull\"\n")).collect();
    host.apply(&many).await;
    assert_eq!(works(&host, folder, &["get", "destinations"]).lines().count(), 62, "a heading and all of them, of two pages");
    assert_eq!(json(&host, folder, &["get", "destinations"])["items"].as_array().map(Vec::len), Some(61));

    // Something to do with them: one's own event, fetched and given back.
    fs::write(folder.join("body"), "{\"n\":1}").expect("a file");
    let id = works(&host, folder, &["publish", "shop", "body", "--type", "order.paid"]).trim().to_owned();
    assert_eq!(json(&host, folder, &["events", &id])["type"], "order.paid");
    let pulled = json(&host, folder, &["pull", "queue", "--wait", "20s"]);
    assert_eq!(pulled["items"][0]["body"]["text"], "{\"n\":1}");
    let receipt = pulled["items"][0]["receipt"].as_str().expect("a receipt");
    assert_eq!(works(&host, folder, &["messages", "extend", "queue", receipt, "--lease", "10m"]), "extend: 1 of 1\n");
    assert_eq!(works(&host, folder, &["messages", "nack", "queue", receipt, "--reason", "later"]), "nack: 1 of 1\n");
    let unknown = call(&host, folder, &["messages", "ack", "queue", "of-nothing"]);
    assert_eq!(unknown.status.code(), Some(1), "{unknown:?}");

    let refused = call(&host, folder, &["delete", "destinations", "queue"]);
    assert_eq!(refused.status.code(), Some(1), "a rule names it: {refused:?}");
    assert!(works(&host, folder, &["delete", "rules", "all"]).contains("deleted rule all"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_call_is_made_and_refusals_are_told() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    host.apply(OPEN_SOURCE).await;
    let sources: Value = serde_json::from_str(&works(&host, folder, &["api", "get", "/v1/sources"])).expect("JSON");
    assert_eq!(sources["items"][0]["name"], "open");
    assert!(works(&host, folder, &["api", "GET", "/metrics"]).contains("# EOF"));
    fs::write(folder.join("event.json"), "{\"source\": \"open\", \"data\": 1}").expect("a file");
    assert!(works(&host, folder, &["api", "POST", "/v1/events", "--body", "event.json"]).contains("evt_"));
    let refused = call(&host, folder, &["api", "GET", "/v1/sources/nobody"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("nobody"), "{refused:?}");
    assert_eq!(call(&host, folder, &["api", "GET it", "/v1/sources"]).status.code(), Some(2));
    host.stop().await;
}
