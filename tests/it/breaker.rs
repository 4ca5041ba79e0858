//! A plugin that fails too often: what becomes of the events meanwhile, and how they go on.

use sluicebox_tests::{Host, Receiver, eventually, guests};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, Time, destination};

/// Faulty calls that trip a breaker.
const TRIPS: usize = 20;

/// A rule through a plugin `guest` with these lines in its table.
fn hub(lines: &str, receiver: &Receiver) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"guest\"]\ndestinations = [\"out\"]\n";
    format!("{OPEN_SOURCE}[plugins.guest]\n{lines}\n{out}{rule}")
}

/// A version that uses all its fuel on every event.
async fn bad(host: &Host, more: &str) -> String {
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    format!("digest = \"{digest}\"\nconfig = {{ mode = \"spin\" }}\nlimits = {{ fuel = 1000000 }}\n{more}")
}

/// Another version, which leaves these events as they are.
async fn good(host: &Host) -> String {
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    format!("digest = \"{digest}\"\nconfig = {{ fields = [\"none\"] }}")
}

/// Posts as many events as trip the breaker, and waits until it has.
async fn trip(host: &Host) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..TRIPS {
        ids.push(host.post("open", &[], "[0]").await);
    }
    in_breaker_state(host, "tripped").await;
    ids
}

async fn in_breaker_state(host: &Host, state: &str) {
    eventually(&format!("a breaker that is {state}"), async || {
        let breaker = host.get("/v1/plugins/guest").await.json["breaker"].clone();
        (breaker["state"] == state).then_some(())
    })
    .await;
}

async fn count(host: &Host, state: &str) -> usize {
    host.get(&format!("/v1/runs?rule=all&state={state}&limit=100")).await.json["items"].as_array().map_or(0, Vec::len)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_outlives_a_restart_and_goes_on_with_another_version() {
    let (folder, receiver, time) = (TempDir::new().expect("a folder"), Receiver::start().await, Time::new());
    let host = Host::start_at(folder.path().join("data"), time.rules()).await;
    let bad = bad(&host, "").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    let mut held = Vec::new();
    for body in ["[1]", "[2]", "[3]"] {
        held.push(host.post("open", &[], body).await);
    }
    for id in &held {
        let run = host.run_in_state(id, "all", "held").await;
        assert_eq!((run["failure"]["code"].as_str(), run["attempts"].as_u64()), (Some("plugin-tripped"), Some(0)), "{run}");
    }
    let breaker = host.get("/v1/plugins/guest").await.json["breaker"].clone();
    assert_eq!((breaker["calls"].as_u64(), breaker["faults"].as_u64()), (Some(20), Some(20)), "{breaker}");
    assert_eq!(host.metric("sluicebox_plugin_tripped").await, 1);
    let calls = host.metric("sluicebox_plugin_calls_total").await;

    time.pass_ms(30_000);
    eventually("a probe", async || (host.metric("sluicebox_plugin_calls_total").await > calls).then_some(())).await;
    host.stop().await;

    let host = Host::start_at(folder.path().join("data"), time.rules()).await;
    in_breaker_state(&host, "tripped").await;
    for id in &held {
        let run = host.run_in_state(id, "all", "held").await;
        assert_eq!(run["attempts"], 0, "waiting burns no attempt: {run}");
    }
    assert!(receiver.received("/out").is_empty());

    let good = good(&host).await;
    host.apply(&hub(&good, &receiver)).await;
    // The run that tripped the breaker was held too.
    let received = receiver.wait_for("/out", held.len() + 1).await;
    let mut bodies: Vec<&[u8]> = received.iter().map(|one| &one.body[..]).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, [&b"[0]"[..], b"[1]", b"[2]", b"[3]"]);
    for id in &held {
        host.run_in_state(id, "all", "planned").await;
    }
    assert_eq!((count(&host, "held").await, count(&host, "dead").await), (0, TRIPS - 1));
    in_breaker_state(&host, "closed").await;
    eventually("no version in use that is tripped", async || (host.metric("sluicebox_plugin_tripped").await == 0).then_some(()))
        .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_joins_a_batch_of_the_rule_as_it_is_now() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    let bad = bad(&host, "").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    let held = host.post("open", &[], "[1]").await;
    host.run_in_state(&held, "all", "held").await;

    // The old rule neither batches nor knows this destination. The run that tripped the breaker was held too.
    let good = good(&host).await;
    let new = destination("new", &format!("{}/new", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"guest\"]\ndestinations = [\"new\"]\nbatch = { max_events = 2 }\n";
    host.apply(&format!("{OPEN_SOURCE}[plugins.guest]\n{good}\n{new}{rule}")).await;
    let batch = receiver.wait_for("/new", 1).await.remove(0);
    let mut members: Vec<serde_json::Value> = serde_json::from_slice(&batch.body).expect("an array");
    members.sort_by_key(|member| member[0].as_u64());
    assert_eq!(members, [serde_json::json!([0]), serde_json::json!([1])]);
    assert!(receiver.received("/out").is_empty());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_that_goes_well_lets_all_go_on() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    let bad = bad(&host, "").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    for body in ["one", "two"] {
        let id = host.post("open", &[], body).await;
        host.run_in_state(&id, "all", "held").await;
    }
    // The same version with more to use: its breaker stays as it is until a probe goes well.
    host.apply(&hub(&bad.replace("spin", "keep"), &receiver)).await;
    in_breaker_state(&host, "tripped").await;
    time.pass_ms(30_000);
    receiver.wait_for("/out", 3).await;
    in_breaker_state(&host, "closed").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_is_closed_by_hand() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    let bad = bad(&host, "").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    host.apply(&hub(&bad.replace("spin", "keep"), &receiver)).await;
    let enabled = host.request("POST".parse().expect("a method"), "/v1/plugins/guest/enable").bearer_auth(host.key());
    assert_eq!(enabled.send().await.expect("an answer").status(), 200);
    receiver.wait_for("/out", 1).await;
    let shown = host.get("/v1/plugins/guest").await.json;
    assert_eq!(shown["breaker"]["state"], "closed");
    assert_eq!(host.put("/v1/plugins/guest", &shown).await.status, 200, "what is shown may be put back");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_made_at_once_where_the_operator_says_so() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    let bad = bad(&host, "on_fault = \"dead-letter\"").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    let id = host.post("open", &[], "late").await;
    let run = host.run_in_state(&id, "all", "dead").await;
    assert_eq!(run["failure"]["code"], "plugin-tripped", "{run}");
    assert_eq!(run["stages"].as_array().map(Vec::len), Some(0), "it was not called");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bypassed_plugin_leaves_the_event_as_it_was_and_its_trace() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    let bad = bad(&host, "on_fault = \"bypass\"").await;
    host.apply(&hub(&bad, &receiver)).await;
    trip(&host).await;
    let id = host.post("open", &[], "original").await;
    let run = host.run_in_state(&id, "all", "planned").await;
    assert_eq!((&run["stages"][0]["plugin"], &run["stages"][0]["result"]), (&"guest".into(), &"bypassed".into()), "{run}");
    // The one that tripped the breaker, and the one after it.
    let received = receiver.wait_for("/out", 2).await;
    assert!(received.iter().any(|one| one.body == "original"));
    assert_eq!(host.metric("sluicebox_plugin_bypassed_total").await, 2);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_redacts_cannot_be_bypassed() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let lines = bad(&host, "on_fault = \"bypass\"\nredacts = true").await;
    let refused = host.try_apply(&hub(&lines, &receiver)).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let problem = &refused.json["problems"][0];
    assert!(problem.to_string().contains("/on_fault") && problem.to_string().contains("redacts"), "{problem}");
    host.stop().await;
}

/// A push, as `digest` batches it.
const PUSH: &str = r#"{"repository":{"full_name":"a/b"},"ref":"refs/heads/x","compare":"c","pusher":{"name":"n"},"commits":[]}"#;

/// The rule of `hub` with batches of one event, through `digest` with these lines.
async fn apply_batches(host: &Host, lines: &str, receiver: &Receiver) {
    let digest = host.upload(guests::component("digest")).await.expect("a component");
    let lines = format!("digest = \"{digest}\"\n{lines}");
    host.apply(&format!("{}batch = {{ max_events = 1 }}\n", hub(&lines, receiver))).await;
}

async fn push(host: &Host) -> String {
    host.post("open", &[("x-type", "push")], PUSH).await
}

/// The fuel of the only stage of the newest run or batch.
async fn fuel(host: &Host, what: &str) -> u64 {
    let fuel = async || host.get(&format!("/v1/{what}?rule=all")).await.json["items"][0]["stages"][0]["fuel"].as_u64();
    eventually(&format!("the fuel of {what}"), fuel).await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_out_alone_where_their_batch_plugin_is_bypassed() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    // Enough to check the settings, and not to read a large push.
    apply_batches(&host, "on_fault = \"bypass\"\nlimits = { fuel = 500000, fuel_per_byte = 0 }", &receiver).await;
    let large = PUSH.replace("\"n\"", &format!("\"{}\"", "n".repeat(100_000)));
    let push = async || host.post("open", &[("x-type", "push")], large.clone()).await;
    for _ in 0..TRIPS {
        push().await;
    }
    in_breaker_state(&host, "tripped").await;
    let id = push().await;
    let run = host.run_in_state(&id, "all", "planned").await;
    assert_eq!((&run["stages"][0]["export"], &run["stages"][0]["result"]), (&"batch".into(), &"bypassed".into()), "{run}");
    assert!(receiver.wait_for("/out", 2).await.iter().all(|one| one.body == large));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_whose_fold_is_tripped_wait_and_are_folded_later() {
    let (receiver, time) = (Receiver::start().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    apply_batches(&host, "", &receiver).await;
    push(&host).await;
    receiver.wait_for("/out", 1).await;
    let (key, fold) = (fuel(&host, "runs").await, fuel(&host, "batches").await);
    assert!(fold > key, "{fold} of a fold and {key} of a key");
    let scarce = format!("limits = {{ fuel = {}, fuel_per_byte = 0 }}", key.midpoint(fold));
    apply_batches(&host, &scarce, &receiver).await;
    // What went well is of more than a minute ago; from now on a key that goes well and a fold that does not take turns.
    time.pass_ms(60_000);
    let batches = async |state: &str| {
        let listed = host.get(&format!("/v1/batches?rule=all&state={state}&limit=100")).await.json;
        listed["items"].as_array().map_or(0, Vec::len)
    };
    for dead in 1..TRIPS / 2 {
        push(&host).await;
        eventually("a fold that failed", async || (batches("dead").await == dead).then_some(())).await;
    }
    push(&host).await;
    in_breaker_state(&host, "tripped").await;
    let closed = async || batches("closed").await;
    eventually("a batch that waits", async || (closed().await > 0).then_some(())).await;
    let held = push(&host).await;
    host.run_in_state(&held, "all", "held").await;

    apply_batches(&host, "", &receiver).await;
    time.pass_ms(30_000);
    in_breaker_state(&host, "closed").await;
    host.run_in_state(&held, "all", "batched").await;
    eventually("no batch that waits", async || (closed().await == 0).then_some(())).await;
    host.stop().await;
}
