//! Confirmation: 2xx only means received, and a delivery is settled when its destination calls back.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use axum::response::IntoResponse as _;
use http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::{
    config::{Config, system_clock},
    event::Clock,
};
use sluicebox_tests::{Answer, Api, Host, HostProcess, Received, Receiver, eventually};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// What senders and destinations call the hosts here by. Nobody connects to it: the tests call the same path where the host listens.
const PUBLIC_URL: &str = "https://hooks.example.com";

fn public(config: &mut Config) {
    config.ingest.public_url = Some(PUBLIC_URL.to_owned());
}

fn hub(receiver: &Receiver, within: &str) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    format!("{OPEN_SOURCE}{out}confirm = {{ within = \"{within}\" }}\n[rules.all]\ndestinations = [\"out\"]\n")
}

/// The path that a request asks to be called.
fn path_of(received: &Received) -> String {
    let url = received.header("sluicebox-confirm");
    url.strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("`{url}` is below the public URL")).to_owned()
}

/// Calls a confirmation URL, without any key.
async fn call(api: &Api, method: Method, path: &str, body: &str) -> Answer {
    let answer = api.request(method, path).body(body.to_owned()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    Answer { status, json: answer.json().await.unwrap_or_default() }
}

/// The delivery of the rule, as soon as its destination has received it.
async fn received_delivery(api: &Api) -> Value {
    eventually("a delivery that was received", async || {
        let page = api.get("/v1/deliveries?rule=all&state=waiting").await.json;
        page["items"].as_array()?.iter().find(|one| !one["received_at"].is_null()).cloned()
    })
    .await
}

fn later_by_minutes(minutes: u64) -> Clock {
    let system = system_clock();
    Arc::new(move || system().plus_ms(minutes * 60_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_settled_when_its_url_is_called() {
    let (host, receiver) = (Host::start_with(public).await, Receiver::start().await);
    host.apply(&hub(&receiver, "1h")).await;
    host.post("open", &[], "{}").await;
    let request = receiver.wait_for("/out", 1).await.remove(0);
    let by: u64 = request.header("sluicebox-confirm-by").parse().expect("seconds");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    assert!((now + 3500..=now + 3600).contains(&by), "{by}");

    let waiting = received_delivery(&host).await;
    assert_eq!((&waiting["state"], &waiting["attempts"], &waiting["last_status"]), (&json!("waiting"), &json!(1), &json!(204)));
    let path = path_of(&request);
    for method in [Method::GET, Method::HEAD, Method::PUT] {
        assert_eq!(call(&host, method.clone(), &path, "").await.status, 405, "{method}");
    }
    assert_eq!(received_delivery(&host).await["state"], "waiting", "only POST settles");

    for _ in 0..2 {
        let answer = call(&host, Method::POST, &path, "").await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }
    let delivered = host.delivery_in_state("all", "delivered").await;
    assert_eq!((&delivered["attempts"], &delivered["failure"]), (&json!(1), &Value::Null));
    assert_eq!(delivered["attempt_records"].as_array().map(Vec::len), Some(1));
    assert_eq!(receiver.received("/out").len(), 1);
    assert_eq!(host.metric("sluicebox_confirmations_total").await, 2);
    host.stop().await;
}

/// The deadline is in the journal: the second host's clock is past it, and the attempt of the first host's has failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_confirmed_in_time_is_tried_again_and_may_be_confirmed_late() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data: PathBuf = folder.path().join("data");
    let host = Host::start_at(data.clone(), public).await;
    host.apply(&hub(&receiver, "1h")).await;
    host.post("open", &[], "{}").await;
    let first = receiver.wait_for("/out", 1).await.remove(0);
    received_delivery(&host).await;
    host.stop().await;

    let host = Host::start_at(data.clone(), |config| {
        public(config);
        config.clock = later_by_minutes(50);
    })
    .await;
    received_delivery(&host).await;
    host.stop().await;
    assert_eq!(receiver.received("/out").len(), 1, "it was not due");

    let host = Host::start_at(data, |config| {
        public(config);
        config.clock = later_by_minutes(61);
    })
    .await;
    let again = receiver.wait_for("/out", 2).await.remove(1);
    assert_eq!(again.id(), first.id());
    assert_ne!(path_of(&again), path_of(&first), "each attempt has its own");
    let answer = call(&host, Method::POST, &path_of(&first), "").await;
    assert_eq!(answer.status, 204, "{}", answer.json);
    let delivered = host.delivery_in_state("all", "delivered").await;
    assert_eq!(delivered["attempt_records"][0]["failure"]["code"], "not-confirmed");
    assert_eq!(delivered["attempt_records"][0]["status"], 204);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_may_say_that_it_failed_after_all() {
    let (host, receiver) = (Host::start_with(public).await, Receiver::start().await);
    let hub = hub(&receiver, "1h").replace("retry = {", "retry = { attempts_max = 2,");
    host.apply(&hub).await;
    host.post("open", &[], "{}").await;
    let failed = json!({ "status": "failed", "reason": "the disk is full" }).to_string();
    for attempt in 1..=2 {
        let request = receiver.wait_for("/out", attempt).await.remove(attempt - 1);
        received_delivery(&host).await;
        let bad = call(&host, Method::POST, &path_of(&request), "{\"state\":1}").await;
        assert_eq!((bad.status, &bad.json["type"]), (400, &json!("urn:sluicebox:problem:bad-document")));
        let answer = call(&host, Method::POST, &path_of(&request), &failed).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }
    let dead = host.delivery_in_state("all", "dead").await;
    assert_eq!((&dead["failure"]["code"], &dead["attempts"]), (&json!("attempts-exhausted"), &json!(2)));
    for record in dead["attempt_records"].as_array().expect("attempts") {
        assert_eq!(record["failure"]["code"], "confirmed-failed", "{record}");
        assert!(record["failure"]["message"].as_str().is_some_and(|text| text.ends_with("the disk is full")), "{record}");
    }
    let late = call(&host, Method::POST, &path_of(&receiver.received("/out")[0]), "").await;
    assert_eq!((late.status, &late.json["type"]), (410, &json!("urn:sluicebox:problem:confirmation-late")));
    host.stop().await;
}

/// Some are done before they have answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_may_overtake_the_answer() {
    let host = Host::start_with(public).await;
    let api = Api::clone(&host);
    let receiver = Receiver::answering(move |request| {
        let (path, api) = (path_of(request), api.clone());
        let early = async move {
            let failed = call(&api, Method::POST, &path, "{\"status\":\"failed\"}").await;
            (failed.status, call(&api, Method::POST, &path, "").await.status)
        };
        let told = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(early));
        (if told == (409, 204) { StatusCode::ACCEPTED } else { StatusCode::IM_A_TEAPOT }).into_response()
    })
    .await;
    host.apply(&hub(&receiver, "1h")).await;
    host.post("open", &[], "{}").await;
    eventually("the attempt on record", async || {
        let delivered = host.delivery_in_state("all", "delivered").await;
        (delivered["attempts"] == 1 && delivered["attempt_records"][0]["status"] == 202).then_some(())
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_confirms_nothing() {
    let (host, other, receiver) = (Host::start_with(public).await, Host::start_with(public).await, Receiver::start().await);
    for host in [&host, &other] {
        host.apply(&hub(&receiver, "1h")).await;
    }
    host.post("open", &[], "{}").await;
    let path = path_of(&receiver.wait_for("/out", 1).await[0]);
    received_delivery(&host).await;
    let changed = format!("{}{}", &path[..path.len() - 1], if path.ends_with('A') { 'B' } else { 'A' });
    for wrong in ["/confirm/x", &path[..path.len() - 1], &changed, &format!("/confirm/{}", "A".repeat(5_000))] {
        let answer = call(&host, Method::POST, wrong, "").await;
        assert_eq!((answer.status, &answer.json["type"]), (404, &json!("urn:sluicebox:problem:unknown-confirmation")), "{wrong}");
    }
    assert_eq!(call(&other, Method::POST, &path, "").await.status, 404, "another host's key");
    assert_eq!(received_delivery(&host).await["state"], "waiting");
    host.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_public_url_cannot_be_called_back() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let refused = host.try_apply(&hub(&receiver, "1h")).await;
    assert_eq!(refused.status, 422);
    let problem = &refused.json["problems"][0];
    assert_eq!((&problem["name"], &problem["pointer"]), (&json!("out"), &json!("/confirm")));
    assert!(problem["message"].as_str().is_some_and(|text| text.contains("--public-url")), "{problem}");
    host.stop().await;

    let folder = TempDir::new().expect("a folder");
    let data: PathBuf = folder.path().join("data");
    let host = Host::start_at(data.clone(), public).await;
    host.apply(&hub(&receiver, "1h")).await;
    host.stop().await;
    let refused = sluicebox::Host::open(Config::at(data)).await.err().expect("it does not start without one");
    assert!(format!("{refused:#}").contains("--public-url"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_the_answer_and_the_confirmation_loses_neither() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let arguments = ["--public-url", PUBLIC_URL, "--log", "debug"];
    let host = HostProcess::start_with(&data, &arguments).await;
    host.apply(&hub(&receiver, "1h")).await;
    host.post("open", &[], "{}").await;
    let path = path_of(&receiver.wait_for("/out", 1).await[0]);
    received_delivery(&host).await;
    host.kill();

    let host = HostProcess::start_with(&data, &arguments).await;
    received_delivery(&host).await;
    assert_eq!(call(&host, Method::POST, &path, "").await.status, 204);
    host.kill();
    let host = HostProcess::start_with(&data, &arguments).await;
    assert_eq!(host.delivery_in_state("all", "delivered").await["attempts"], 1);
    assert_eq!(call(&host, Method::POST, &path, "").await.status, 204, "again");
    assert_eq!(receiver.received("/out").len(), 1);
    let token = path.trim_start_matches("/confirm/");
    assert!(!host.log().contains(token), "a token is in the log");
}
