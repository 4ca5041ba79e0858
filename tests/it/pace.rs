//! How fast destinations are delivered to: 410, breakers, `Retry-After` and rates, over restarts too.
//!
//! Whether a destination got nothing is seen by another of the same rule that got everything: both lanes are worked off together.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, eventually, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, Time, guarded};

/// What `/out` answers until it is told otherwise; everything else is answered 200.
#[derive(Clone)]
struct Mood(Arc<AtomicU16>);

impl Mood {
    fn new(status: u16) -> Self {
        Self(Arc::new(AtomicU16::new(status)))
    }

    fn set(&self, status: u16) {
        self.0.store(status, Ordering::SeqCst);
    }

    /// A 429 comes with `Retry-After`.
    async fn receiver(&self) -> Receiver {
        let mood = self.clone();
        Receiver::answering(move |received| {
            let status = if received.path == "/out" { mood.0.load(Ordering::SeqCst) } else { 200 };
            (StatusCode::from_u16(status).expect("a status"), [("retry-after", "120")]).into_response()
        })
        .await
    }
}

/// All events to `out`, with these lines in its table, and to `witness`.
fn hub(receiver: &Receiver, lines: &str) -> String {
    let out = guarded("out", &format!("{}/out", receiver.url()));
    let witness = guarded("witness", &format!("{}/witness", receiver.url()));
    format!("{OPEN_SOURCE}{out}{lines}\n{witness}[rules.all]\ndestinations = [\"out\", \"witness\"]\n")
}

/// Posts an event, and waits until the witness has it: what `out` was to get of it, it has been asked for.
async fn post(host: &Host, receiver: &Receiver) {
    let seen = receiver.received("/witness").len();
    host.post("open", &[], "{}").await;
    receiver.wait_for("/witness", seen + 1).await;
}

async fn runtime(host: &Host) -> Value {
    host.get("/v1/destinations/out").await.json["runtime"].clone()
}

async fn to_out(host: &Host, state: &str) -> Vec<Value> {
    let page = host.get(&format!("/v1/deliveries?destination=out&state={state}")).await.json;
    page["items"].as_array().expect("a listing").clone()
}

/// Waits until so many deliveries to `out` are in this state.
async fn settled(host: &Host, state: &str, count: usize) {
    eventually(&format!("{count} deliveries that are {state}"), async || {
        (to_out(host, state).await.len() == count).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_410_gets_nothing_more_until_it_is_enabled() {
    let (folder, mood) = (TempDir::new().expect("a folder"), Mood::new(410));
    let (data, receiver) = (folder.path().join("data"), mood.receiver().await);
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub(&receiver, "")).await;
    post(&host, &receiver).await;
    settled(&host, "dead", 1).await;
    assert_eq!(to_out(&host, "dead").await[0]["failure"]["code"], "gone");
    assert_eq!(runtime(&host).await["disabled"]["code"], "gone");
    assert_eq!(host.metric("sluicebox_destination_disabled").await, 1);
    post(&host, &receiver).await;
    host.stop().await;

    mood.set(200);
    let host = Host::start_at(data, |_| {}).await;
    assert_eq!(host.get("/v1/destinations").await.json["items"][0]["runtime"]["disabled"]["code"], "gone");
    assert_eq!(host.metric("sluicebox_destination_disabled").await, 1);
    post(&host, &receiver).await;
    let waiting = to_out(&host, "waiting").await;
    assert!(waiting.len() == 2 && waiting.iter().all(|delivery| delivery["attempts"] == 0), "{waiting:?}");
    assert_eq!(receiver.received("/out").len(), 1);

    let shown = host.get("/v1/destinations/out").await.json;
    assert_eq!(host.put("/v1/destinations/out", &shown).await.status, 200, "what is shown may be put back");
    assert_eq!(runtime(&host).await["disabled"]["code"], "gone", "and enables nothing");
    assert_eq!(host.send("/v1/destinations/nobody/enable", &Value::Null).await.status, 404);
    let enabled = host.send("/v1/destinations/out/enable", &Value::Null).await;
    assert_eq!((enabled.status, &enabled.json["runtime"]["disabled"]), (200, &Value::Null));
    settled(&host, "delivered", 2).await;
    assert_eq!(receiver.received("/out").len(), 3);
    assert_eq!(host.metric("sluicebox_destination_disabled").await, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_enabled_by_the_command_line() {
    let (host, mood) = (Host::start().await, Mood::new(410));
    let receiver = mood.receiver().await;
    host.apply(&hub(&receiver, "")).await;
    post(&host, &receiver).await;
    settled(&host, "dead", 1).await;
    let call = |arguments: &[&str]| {
        let mut command = std::process::Command::new(process::binary());
        let output = command.args(arguments).args(["--url", host.url(), "--key", host.key()]).output().expect("an end");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let listed = call(&["destinations", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("out ") && line.contains("gone")), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("witness ") && line.contains("on")), "{listed}");
    call(&["destinations", "enable", "out"]);
    assert_eq!(runtime(&host).await["disabled"], Value::Null);
    host.stop().await;
}

const BREAKER: &str = "breaker = { failures = 3, open = \"1h\" }\nconcurrency = 1";

#[tokio::test(flavor = "multi_thread")]
async fn an_open_breaker_outlives_a_restart_and_closes_after_one_probe() {
    let (folder, mood, time) = (TempDir::new().expect("a folder"), Mood::new(500), Time::new());
    let (data, receiver) = (folder.path().join("data"), mood.receiver().await);
    let host = Host::start_at(data.clone(), time.rules()).await;
    host.apply(&hub(&receiver, BREAKER)).await;
    for _ in 0..5 {
        post(&host, &receiver).await;
    }
    eventually("a breaker that is open", async || (runtime(&host).await["breaker"]["state"] == "open").then_some(())).await;
    assert_eq!(host.metric("sluicebox_destination_breaker_open").await, 1);
    assert_eq!(receiver.received("/out").len(), 3);
    host.stop().await;

    time.pass_ms(30 * 60_000);
    let host = Host::start_at(data.clone(), time.rules()).await;
    assert_eq!(runtime(&host).await["breaker"]["state"], "open");
    post(&host, &receiver).await;
    assert_eq!(receiver.received("/out").len(), 3, "nothing is tried, however much is due");
    let waiting = to_out(&host, "waiting").await;
    let attempts = |count: u64| waiting.iter().filter(|delivery| delivery["attempts"] == count).count();
    assert_eq!((attempts(0), attempts(1)), (3, 3), "waiting burns no attempt");
    host.stop().await;

    time.pass_ms(30 * 60_000);
    let host = Host::start_at(data.clone(), time.rules()).await;
    let failed = async || (runtime(&host).await["breaker"]["probes_failed"] == 1).then_some(());
    eventually("a probe that failed", failed).await;
    post(&host, &receiver).await;
    assert_eq!(receiver.received("/out").len(), 4, "one probe only");
    host.stop().await;

    mood.set(200);
    time.pass_ms(60 * 60_000);
    let host = Host::start_at(data, time.rules()).await;
    settled(&host, "delivered", 7).await;
    assert_eq!(runtime(&host).await["breaker"]["state"], "closed");
    assert_eq!(host.metric("sluicebox_destination_breaker_open").await, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_of_a_429_holds_the_whole_lane() {
    let (folder, mood, time) = (TempDir::new().expect("a folder"), Mood::new(429), Time::new());
    let (data, receiver) = (folder.path().join("data"), mood.receiver().await);
    let host = Host::start_at(data.clone(), time.rules()).await;
    host.apply(&hub(&receiver, "")).await;
    post(&host, &receiver).await;
    eventually("a hold", async || runtime(&host).await["held_until"].as_str().map(drop)).await;
    assert_eq!(runtime(&host).await["concurrency"], 4, "half of 8");
    post(&host, &receiver).await;
    host.stop().await;

    mood.set(200);
    time.pass_ms(119_999);
    let host = Host::start_at(data, time.rules()).await;
    post(&host, &receiver).await;
    assert_eq!(receiver.received("/out").len(), 1, "none of the others either, and after a restart neither");
    time.pass_ms(1);
    post(&host, &receiver).await;
    settled(&host, "delivered", 4).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_to_wait_for_longer_than_a_delivery_may_gets_a_dead_letter() {
    let (host, receiver) = (Host::start().await, Mood::new(429).receiver().await);
    let lines = hub(&receiver, "").replacen("retry = {", "retry = { age_max = \"1m\",", 1);
    host.apply(&lines).await;
    post(&host, &receiver).await;
    settled(&host, "dead", 1).await;
    assert_eq!(to_out(&host, "dead").await[0]["failure"]["code"], "retry-after-too-long");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_gets_no_more_than_its_rate_and_holds_up_nobody() {
    let (receiver, time) = (Mood::new(200).receiver().await, Time::new());
    let host = Host::start_with(time.rules()).await;
    host.apply(&hub(&receiver, "rate = { per_second = 100, per_minute = 3 }")).await;
    for _ in 0..6 {
        post(&host, &receiver).await;
    }
    settled(&host, "delivered", 3).await;
    assert_eq!(to_out(&host, "waiting").await.len(), 3);
    assert!(host.metric("sluicebox_destination_rate_limited_total").await > 0);
    time.pass_ms(20_000);
    post(&host, &receiver).await;
    settled(&host, "delivered", 4).await;
    post(&host, &receiver).await;
    assert_eq!(receiver.received("/out").len(), 4);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_out_of_bounds_are_refused_with_their_place() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    for (lines, pointer) in [
        ("breaker = { failures = 0 }", "/breaker/failures"),
        ("breaker = { fails = 3 }", "breaker"),
        ("rate = { per_second = 0 }", "/rate/per_second"),
    ] {
        let refused = host.try_apply(&hub(&receiver, lines)).await;
        assert_eq!(refused.status, 422, "{}", refused.json);
        assert!(json!(refused.json["problems"]).to_string().contains(pointer), "{}", refused.json);
    }
    host.apply(&hub(&receiver, "breaker = false")).await;
    host.stop().await;
}
