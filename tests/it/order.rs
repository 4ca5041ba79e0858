//! Order by key: what goes to a destination with one key arrives in the order of its events, whatever fails on the way.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sluicebox_tests::{Host, Received, Receiver, eventually, guests};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

const BY_ACCOUNT: &str = "order = { json = \"account\" }\n";
/// Faulty calls that trip a breaker.
const TRIPS: usize = 20;

fn hub(receiver: &Receiver, order: &str) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    format!("{OPEN_SOURCE}{out}{order}[rules.plain]\nmatch.type = [\"plain\"]\ndestinations = [\"out\"]\n")
}

fn body(account: &str, n: usize) -> String {
    json!({ "account": account, "n": n }).to_string()
}

async fn post(host: &Host, kind: &str, account: &str, n: usize) -> String {
    host.post("open", &[("x-type", kind)], body(account, n)).await
}

/// The account and the number of what came.
fn told(received: &Received) -> (String, u64) {
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    (body["account"].as_str().unwrap_or_default().to_owned(), body["n"].as_u64().unwrap_or_default())
}

/// Of each account, the numbers in the order in which they came.
fn by_account(received: &[Received]) -> HashMap<String, Vec<u64>> {
    let mut all: HashMap<String, Vec<u64>> = HashMap::new();
    for (account, n) in received.iter().map(told) {
        all.entry(account).or_default().push(n);
    }
    all
}

fn accepted(received: &[Received], attempts: usize) -> Vec<Received> {
    let mut tries: HashMap<String, usize> = HashMap::new();
    let last = |one: &&Received| {
        let tried = tries.entry(one.id().to_owned()).or_default();
        *tried += 1;
        *tried == attempts
    };
    received.iter().filter(last).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_is_in_order_although_everything_fails_at_first() {
    const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];
    const EACH: usize = 8;
    let seen = std::sync::Mutex::new(HashMap::<String, usize>::new());
    let receiver = Receiver::answering(move |received| {
        let mut seen = seen.lock().expect("no panic");
        let tried = seen.entry(received.id().to_owned()).or_default();
        *tried += 1;
        if *tried == 1 { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { StatusCode::OK.into_response() }
    })
    .await;
    let host = Host::start().await;
    host.apply(&hub(&receiver, BY_ACCOUNT)).await;
    for n in 0..EACH {
        for account in ACCOUNTS {
            post(&host, "plain", account, n).await;
        }
    }
    let received = receiver.wait_for("/out", 2 * EACH * ACCOUNTS.len()).await;
    let in_order: Vec<u64> = (0..EACH as u64).collect();
    let twice: Vec<u64> = in_order.iter().flat_map(|n| [*n, *n]).collect();
    for account in ACCOUNTS {
        assert_eq!(by_account(&received)[account], twice, "each is repeated before the next is tried");
        assert_eq!(by_account(&accepted(&received, 2))[account], in_order);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_first_fails_waits_alone_also_over_a_restart() {
    let mended = Arc::new(AtomicBool::new(false));
    let works = Arc::clone(&mended);
    let receiver = Receiver::answering(move |received| {
        let fails = told(received).0 == "stuck" && !works.load(Ordering::SeqCst);
        if fails { StatusCode::INTERNAL_SERVER_ERROR.into_response() } else { StatusCode::OK.into_response() }
    })
    .await;
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub(&receiver, BY_ACCOUNT)).await;
    for n in 0..5 {
        post(&host, "plain", "stuck", n).await;
        post(&host, "plain", "sound", n).await;
    }
    let sound = |received: &[Received]| by_account(received).remove("sound").unwrap_or_default();
    receiver
        .wait_until("all of the other account", sluicebox_tests::PATIENCE, || sound(&receiver.received("/out")).len() == 5)
        .await;
    host.stop().await;
    let host = Host::start_at(data, |_| {}).await;
    post(&host, "plain", "sound", 5).await;
    receiver
        .wait_until("one more after the restart", sluicebox_tests::PATIENCE, || sound(&receiver.received("/out")).len() == 6)
        .await;
    let before = receiver.received("/out");
    assert_eq!(sound(&before), [0, 1, 2, 3, 4, 5]);
    assert!(by_account(&before)["stuck"].iter().all(|n| *n == 0), "nothing after the first was tried");

    mended.store(true, Ordering::SeqCst);
    let last = |received: &[Received]| by_account(received)["stuck"].last() == Some(&4);
    receiver.wait_until("the rest of it", sluicebox_tests::PATIENCE, || last(&receiver.received("/out"))).await;
    let mut stuck = by_account(&receiver.received("/out")).remove("stuck").expect("it came");
    stuck.dedup();
    assert_eq!(stuck, [0, 1, 2, 3, 4]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_lets_the_next_go_and_one_order_is_for_all() {
    let tried = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tried);
    let receiver = Receiver::answering(move |received| match told(received).1 {
        0 => {
            count.fetch_add(1, Ordering::SeqCst);
            StatusCode::BAD_GATEWAY.into_response()
        }
        _ => StatusCode::OK.into_response(),
    })
    .await;
    let host = Host::start().await;
    let hub = hub(&receiver, "order = \"destination\"\n").replace("retry = {", "retry = { attempts_max = 3,");
    host.apply(&hub).await;
    for (n, account) in ["a", "b", "c"].into_iter().enumerate() {
        post(&host, "plain", account, n).await;
    }
    let received = receiver.wait_for("/out", 5).await;
    assert_eq!(received.iter().map(|one| told(one).1).collect::<Vec<_>>(), [0, 0, 0, 1, 2]);
    assert_eq!(tried.load(Ordering::SeqCst), 3);
    assert_eq!(host.delivery_in_state("plain", "dead").await["failure"]["code"], "attempts-exhausted");
    host.stop().await;
}

/// A rule whose plugin is tripped holds what it may yet send: later events of the key, by a rule without plugins, wait behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_holds_its_key_until_its_plugin_is_mended() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    let bad = host.upload(guests::component("misbehave")).await.expect("a component");
    let good = host.upload(guests::component("redact")).await.expect("a component");
    let with = |plugin: &str| {
        format!(
            "{}[plugins.guest]\n{plugin}\n[rules.guest]\nmatch.type = [\"guest\"]\nplugins = [\"guest\"]\ndestinations = [\"out\"]\n",
            hub(&receiver, BY_ACCOUNT)
        )
    };
    host.apply(&with(&format!("digest = \"{bad}\"\nconfig = {{ mode = \"spin\" }}\nlimits = {{ fuel = 1000000 }}"))).await;
    for _ in 0..TRIPS {
        host.post("open", &[("x-type", "guest")], "[\"in no order\"]").await;
    }
    eventually("a tripped breaker", async || {
        (host.get("/v1/plugins/guest").await.json["breaker"]["state"] == "tripped").then_some(())
    })
    .await;
    let first = post(&host, "guest", "a", 1).await;
    post(&host, "plain", "a", 2).await;
    post(&host, "plain", "b", 3).await;
    host.run_in_state(&first, "guest", "held").await;
    assert_eq!(told(&receiver.wait_for("/out", 1).await[0]), ("b".into(), 3));
    host.stop().await;

    let host = Host::start_at(data, |_| {}).await;
    post(&host, "plain", "b", 4).await;
    assert_eq!(told(&receiver.wait_for("/out", 2).await[1]), ("b".into(), 4));
    host.apply(&with(&format!("digest = \"{good}\"\nconfig = {{ fields = [\"none\"] }}"))).await;
    let of_a = || by_account(&receiver.received("/out")).remove("a").unwrap_or_default();
    receiver.wait_until("both of the other key", sluicebox_tests::PATIENCE, || of_a().len() == 2).await;
    assert_eq!(of_a(), [1, 2]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_goes_to_no_destination_with_an_order_by_key() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let answer = host.try_apply(&format!("{}batch = {{ max_events = 2 }}\n", hub(&receiver, BY_ACCOUNT))).await;
    assert_eq!(answer.status, 422, "{}", answer.json);
    assert_eq!(answer.json["problems"][0]["pointer"], "/destinations/0", "{}", answer.json);
    assert!(answer.json["detail"].as_str().is_some_and(|text| text.contains("order = \"destination\"")), "{}", answer.json);
    host.apply(&format!("{}batch = {{ max_events = 2 }}\n", hub(&receiver, "order = \"destination\"\n"))).await;
    for n in 0..4 {
        post(&host, "plain", "a", n).await;
    }
    let received = receiver.wait_for("/out", 2).await;
    let bodies: Vec<String> = received.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    let pair = |first| format!("[{},{}]", body("a", first), body("a", first + 1));
    assert_eq!(bodies, [pair(0), pair(2)]);
    host.stop().await;
}
