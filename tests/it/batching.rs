//! Batches: events collected in the journal and sent as one.

use std::sync::Arc;

use serde_json::{Value, json};
use sluicebox::{config::system_clock, event::Clock};
use sluicebox_tests::{Host, Receiver, eventually, guests};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

fn hub(receiver: &Receiver, rule: &str) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n{rule}\n")
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_plugin_a_full_batch_is_a_json_array() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&hub(&receiver, "batch = { max_events = 3, max_age = \"1h\" }")).await;
    for n in 0..7 {
        host.post("open", &[], format!("{{ \"n\": {n}.0 }}")).await;
    }
    let received = receiver.wait_for("/out", 2).await;
    let bodies: Vec<&[u8]> = received.iter().map(|one| &*one.body).collect();
    assert!(bodies.contains(&&b"[{ \"n\": 0.0 },{ \"n\": 1.0 },{ \"n\": 2.0 }]"[..]), "{bodies:?}");
    assert!(bodies.contains(&&b"[{ \"n\": 3.0 },{ \"n\": 4.0 },{ \"n\": 5.0 }]"[..]), "{bodies:?}");
    assert!(received.iter().all(|one| one.header("content-type") == "application/json"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_out_before_it_is_too_large() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&hub(&receiver, "batch = { max_bytes = 10, max_age = \"1h\" }")).await;
    for body in ["\"12\"", "\"34\"", "\"56\""] {
        host.post("open", &[], body).await;
    }
    let received = receiver.wait_for("/out", 1).await;
    assert_eq!(json_of(&received[0].body), json!(["12", "34"]), "8 bytes; the third would have made 12");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_destination_asks_for_it_a_batch_is_cloud_events() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let hub = hub(&receiver, "batch = { max_events = 2, max_age = \"1h\" }");
    host.apply(&hub.replace("retry =", "format = \"cloudevents-batch\"\nretry =")).await;
    let first = host.post("open", &[("x-type", "made"), ("content-type", "application/json")], "{\"n\":1}").await;
    host.post("open", &[("x-type", "made")], vec![0xff]).await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    assert_eq!(received.header("content-type"), "application/cloudevents-batch+json");
    let batch = json_of(&received.body);
    assert_eq!(batch[0]["id"], first);
    assert_eq!(batch[0]["specversion"], "1.0");
    assert_eq!(batch[0]["type"], "made");
    assert_eq!(batch[0]["data"], json!({"n": 1}));
    assert_eq!(batch[1]["data_base64"], "/w==");
    host.stop().await;
}

/// A restart loses no member, and the age goes on from where it was: the clock of the second host is the first one's and 50 minutes, of the
/// hour that the batch may wait; had its age started again, it would not be due within this test.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_no_member_and_does_not_start_the_age_again() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub(&receiver, "batch = { max_events = 100, max_age = \"1h\" }")).await;
    for n in 0..5 {
        let id = host.post("open", &[], n.to_string()).await;
        host.run_in_state(&id, "all", "batched").await;
    }
    host.stop().await;
    let host = Host::start_at(data.clone(), |config| config.clock = later_by_minutes(50)).await;
    assert_eq!(host.get("/v1/batches?state=open").await.json["items"][0]["events"], 5);
    host.stop().await;
    assert!(receiver.received("/out").is_empty(), "it was not due");
    let host = Host::start_at(data, |config| config.clock = later_by_minutes(61)).await;
    let received = receiver.wait_for("/out", 1).await;
    assert_eq!(json_of(&received[0].body), json!([0, 1, 2, 3, 4]));
    host.stop().await;
}

fn later_by_minutes(minutes: u64) -> Clock {
    let system = system_clock();
    Arc::new(move || system().plus_ms(minutes * 60_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_rule_of_the_same_name_starts_another_batch() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&hub(&receiver, "batch = { max_events = 100, max_age = \"1h\" }")).await;
    let first = host.post("open", &[], "1").await;
    host.run_in_state(&first, "all", "batched").await;
    host.apply(&hub(&receiver, "batch = { max_events = 2, max_age = \"1h\" }")).await;
    host.post("open", &[], "2").await;
    host.post("open", &[], "3").await;
    let received = receiver.wait_for("/out", 2).await;
    let mut bodies: Vec<Value> = received.iter().map(|one| json_of(&one.body)).collect();
    bodies.sort_by_key(ToString::to_string);
    assert_eq!(bodies, [json!([1]), json!([2, 3])]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_plugin_chooses_the_batch_by_its_key() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("digest")).await.expect("a component");
    let plugins = format!(
        "plugins = [\"digest\"]\nbatch = {{ max_events = 2, max_age = \"1h\" }}\n[plugins.digest]\ndigest = \"{digest}\"\n"
    );
    host.apply(&hub(&receiver, &plugins)).await;
    for repository in ["a/x", "b/y", "a/x", "b/y"] {
        let push =
            json!({"ref": "refs/heads/main", "repository": {"full_name": repository}, "compare": "c", "pusher": {"name": "P"}});
        host.post("open", &[("x-type", "push")], push.to_string()).await;
    }
    let received = receiver.wait_for("/out", 2).await;
    let mut repositories: Vec<Value> = received.iter().map(|one| json_of(&one.body)["repository"].clone()).collect();
    repositories.sort_by_key(ToString::to_string);
    assert_eq!(repositories, [json!("a/x"), json!("b/y")]);
    host.stop().await;
}

/// The batch plugin wants pushes to have a pusher: one without it makes the whole batch a dead letter, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_fold_that_fails_makes_a_dead_letter_of_its_batch_only() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("digest")).await.expect("a component");
    let plugins = format!("plugins = [\"digest\"]\nbatch = {{ max_events = 1 }}\n[plugins.digest]\ndigest = \"{digest}\"\n");
    host.apply(&hub(&receiver, &plugins)).await;
    let push = |repository: &str| json!({"ref": "refs/heads/main", "repository": {"full_name": repository}, "compare": "c"});
    host.post("open", &[("x-type", "push")], push("a/bad").to_string()).await;
    let mut good = push("a/good");
    good["pusher"] = json!({"name": "P"});
    host.post("open", &[("x-type", "push")], good.to_string()).await;
    receiver.wait_for("/out", 1).await;
    let dead =
        eventually("a dead batch", async || host.get("/v1/batches?state=dead").await.json["items"].as_array()?.first().cloned())
            .await;
    assert_eq!((&dead["key"], &dead["events"]), (&json!("a/bad"), &json!(1)));
    assert_eq!(dead["failure"]["code"], "invalid-json");
    assert_eq!(receiver.received("/out").len(), 1);
    host.stop().await;
}
