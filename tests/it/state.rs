//! What a plugin remembers is stored with what becomes of the event: exactly once, however many events change it at once and whenever
//! the host is killed.

use std::collections::BTreeSet;

use serde_json::Value;
use sluicebox_tests::{Api, Host, HostProcess, Receiver, eventually, guests};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// The rules that count, all by one plugin and so in one state.
const RULES: [&str; 3] = ["one", "two", "three"];

/// `remember`, which does this with its state, by each of the rules.
fn hub(digest: &str, does: &str, grants: &str, receiver: &Receiver) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rules = RULES.map(|rule| format!("[rules.{rule}]\nplugins = [\"remember\"]\ndestinations = [\"out\"]\n")).concat();
    let plugin = format!("[plugins.remember]\ndigest = \"{digest}\"\nconfig = {{ does = \"{does}\" }}\n{grants}\n");
    format!("{OPEN_SOURCE}{plugin}{out}{rules}")
}

async fn apply(api: &Api, does: &str, grants: &str, receiver: &Receiver) {
    let digest = api.upload(guests::component("remember")).await.expect("a component");
    api.apply(&hub(&digest, does, grants, receiver)).await;
}

/// The counts that arrived, each message's once.
fn counts(receiver: &Receiver) -> BTreeSet<(u64, String)> {
    let count = |body: &[u8]| serde_json::from_slice::<u64>(body).expect("a number");
    receiver.received("/out").iter().map(|one| (count(&one.body), one.id().to_owned())).collect()
}

/// Waits until so many messages have arrived, and checks that each has a count of its own, from 1 without a gap.
async fn all_counted(receiver: &Receiver, expected: u64) {
    let counts = eventually(&format!("{expected} counts"), async || {
        let counts = counts(receiver);
        (counts.len() as u64 >= expected).then_some(counts)
    })
    .await;
    let numbers: Vec<u64> = counts.into_iter().map(|(count, _)| count).collect();
    assert_eq!(numbers, (1..=expected).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_change_one_number_at_once_are_all_counted() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, "count", "grants = { state = true }", &receiver).await;
    let posting: Vec<_> = (0..40)
        .map(|_| {
            let api = Api::clone(&host);
            tokio::spawn(async move { api.post("open", &[], "{}").await })
        })
        .collect();
    for posted in posting {
        posted.await.expect("no panic");
    }
    all_counted(&receiver, 120).await;
    assert!(host.metric("sluicebox_dispatch_state_conflicts_total").await > 0, "nothing happened at once");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_counted_once_whenever_the_host_is_killed() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let mut events = 0;
    for kill in 0..6 {
        let host = HostProcess::start(&data).await;
        if kill == 0 {
            apply(&host, "count", "grants = { state = true }", &receiver).await;
        }
        for _ in 0..10 {
            host.post("open", &[], "{}").await;
            events += 1;
        }
        // At once, and later where more has been done.
        let before = counts(&receiver).len();
        eventually("some more counts", async || (counts(&receiver).len() >= before + kill * 2).then_some(())).await;
        host.kill();
    }
    let host = HostProcess::start(&data).await;
    all_counted(&receiver, events * RULES.len() as u64).await;
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_leaves_nothing_and_what_it_saw_is_kept() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, "count", "grants = { state = true }", &receiver).await;
    host.post("open", &[], "{}").await;
    all_counted(&receiver, 3).await;
    apply(&host, "count-then-fail", "grants = { state = true }", &receiver).await;
    for _ in 0..2 {
        let event = host.post("open", &[], "{}").await;
        let run = host.run_in_state(&event, "one", "dead").await;
        assert_eq!((&run["failure"]["code"], &run["failure"]["message"]), (&"counted".into(), &"4".into()));
        let saw = host.get(&format!("/v1/events/{event}/runs/one/saw")).await.json;
        assert_eq!((&saw["attempt"], &saw["cut"]), (&1.into(), &false.into()), "{saw}");
        assert!(saw["now_ms"].as_u64().is_some_and(|now| now > 0), "{saw}");
        let entry = &saw["state"][0];
        assert_eq!((&entry["plugin"], &entry["key"]), (&"remember".into(), &"events".into()), "{saw}");
        assert_eq!(entry["entry"]["value_base64"], "AwAAAAAAAAA=", "three, before it failed");
    }
    let kept = host.post("open", &[], "{}").await;
    assert_eq!(host.get(&format!("/v1/events/{kept}/runs/none/saw")).await.status, 404);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_grant_is_told_by_name() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, "count", "", &receiver).await;
    let event = host.post("open", &[], "{}").await;
    let run = host.run_in_state(&event, "one", "dead").await;
    assert_eq!(run["failure"]["code"], "not-granted");
    assert!(run["failure"]["message"].as_str().is_some_and(|text| text.contains("plugins.remember.grants.state")), "{run}");
    assert!(host.metric("sluicebox_plugin_state_refusals_total").await > 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_and_limits_hold_within_a_call() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply(&host, "all", "grants = { state = true }", &receiver).await;
    host.post("open", &[], "{}").await;
    let told: Value = serde_json::from_slice(&receiver.wait_for("/out", 1).await[0].body).expect("JSON");
    let expected = ["state-conflict", "ok", "state-too-large", "state-too-large", "y", "None", "state-quota"];
    assert_eq!(told, Value::from(expected.as_slice()));
    host.stop().await;
}

/// `dedupe` in front of the only destination.
async fn apply_dedupe(api: &Api, receiver: &Receiver) {
    let digest = api.upload(guests::component("dedupe")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let plugin =
        format!("[plugins.dedupe]\ndigest = \"{digest}\"\ngrants = {{ state = true }}\nconfig = {{ window_seconds = 600 }}\n");
    api.apply(&format!("{OPEN_SOURCE}{plugin}{out}[rules.all]\nplugins = [\"dedupe\"]\ndestinations = [\"out\"]\n")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dedupe_drops_the_second_of_two_also_where_the_host_was_killed_between_them() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    apply_dedupe(&host, &receiver).await;
    let first = host.post("open", &[], "{\"order\": 7}").await;
    host.run_in_state(&first, "all", "planned").await;
    let second = host.post("open", &[], "{\"order\": 7}").await;
    let run = host.run_in_state(&second, "all", "dropped").await;
    assert_eq!(run["failure"]["message"], format!("the same as {first}"));
    host.kill();
    let host = HostProcess::start(&data).await;
    let third = host.post("open", &[], "{\"order\": 7}").await;
    host.run_in_state(&third, "all", "dropped").await;
    let other = host.post("open", &[], "{\"order\": 8}").await;
    host.run_in_state(&other, "all", "planned").await;
    let ids: BTreeSet<String> = receiver.wait_for("/out", 2).await.iter().map(|one| one.id().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    drop(host);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equal_events_that_come_at_once_one_goes_on() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    apply_dedupe(&host, &receiver).await;
    let posting: Vec<_> = (0..20)
        .map(|_| {
            let api = Api::clone(&host);
            tokio::spawn(async move { api.post("open", &[], "the same").await })
        })
        .collect();
    let mut states = Vec::new();
    for posted in posting {
        let id = posted.await.expect("no panic");
        let what = format!("an end of {id}");
        let ended = eventually(&what, async || {
            let state = host.event(&id).await["runs"][0]["state"].as_str()?.to_owned();
            (state != "pending").then_some(state)
        });
        states.push(ended.await);
    }
    states.sort();
    assert_eq!(states.iter().filter(|state| *state == "planned").count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|state| *state == "dropped").count(), 19, "{states:?}");
    host.stop().await;
}
