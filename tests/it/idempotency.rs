//! Events with the same key are stored once, and whoever repeats one is told the id of the first.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use sluicebox::{config::Config, event::Timestamp};
use sluicebox_tests::{
    Answer, Api, Host, HostProcess, Receiver,
    github::{self, Payload},
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::story::destination;

const GITHUB: &str = "It's a Secret to Everybody";

fn hub(receiver: &Receiver) -> String {
    let sources = "[sources.orders]\nverify = { scheme = \"none\" }\n\
                   idempotency = { key = { header = \"idempotency-key\" }, window = \"1h\" }\n\
                   [sources.carts]\nverify = { scheme = \"none\" }\n\
                   idempotency = { key = { json = \"cart.id\" } }\n\
                   [sources.github]\nverify = { scheme = \"github\", secret = \"It's a Secret to Everybody\" }\n\
                   idempotency = {}\n";
    let rules = "[rules.all]\ndestinations = [\"shop\"]\n";
    format!("{sources}{rules}{}", destination("shop", &format!("{}/shop", receiver.url())))
}

async fn post(api: &Api, source: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let answer = api.try_post(source, headers, body).await.expect("an answer");
    assert_eq!(answer.status, 202, "{}", answer.json);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_told_the_first_id_until_the_window_is_over() {
    let (receiver, clock) = (Receiver::start().await, Arc::new(AtomicU64::new(1_790_000_000_000)));
    let now = Arc::clone(&clock);
    let host = Host::start_with(|config: &mut Config| {
        config.clock = Arc::new(move || Timestamp(now.load(Ordering::Relaxed)));
    })
    .await;
    host.apply(&hub(&receiver)).await;
    let key = [("idempotency-key", "order-7")];
    let first = post(&host, "orders", &key, "first").await.json;
    assert_eq!(first["duplicate"], serde_json::Value::Null);
    let repeat = post(&host, "orders", &key, "first").await.json;
    assert_eq!((&repeat["id"], &repeat["duplicate"]), (&first["id"], &true.into()));
    // Without a key, and under the same key in another place, they are different events.
    for (source, headers, body) in [
        ("orders", &[][..], "no key"),
        ("orders", &[("idempotency-key", "order-8")], "other key"),
        ("carts", &key, r#"{"cart":{"id":"order-7"}}"#),
    ] {
        assert_ne!(post(&host, source, headers, body).await.json["id"], first["id"], "{body}");
    }
    clock.fetch_add(3_600_000, Ordering::Relaxed);
    let later = post(&host, "orders", &key, "later").await.json;
    assert_ne!(later["id"], first["id"], "the window is over");
    let bodies: Vec<_> = receiver.wait_for("/shop", 5).await.into_iter().map(|one| one.body).collect();
    assert_eq!(bodies.iter().filter(|body| **body == "first").count(), 1, "{bodies:?}");
    assert_eq!(host.metric("sluicebox_ingest_requests_total").await, 6);
    assert!(host.metrics().await.contains("outcome=\"duplicate\"} 1"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_at_once_and_after_a_kill_one_is_stored() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    host.apply(&hub(&receiver)).await;
    let mut posting = JoinSet::new();
    for _ in 0..32 {
        let api = Api::clone(&host);
        posting.spawn(async move { post(&api, "carts", &[], r#"{"cart":{"id":1}}"#).await.json });
    }
    let told = posting.join_all().await;
    let id = told[0]["id"].clone();
    assert!(told.iter().all(|one| one["id"] == id), "{told:?}");
    assert_eq!(told.iter().filter(|one| one["duplicate"].is_null()).count(), 1, "one was the first");
    host.kill();
    let host = HostProcess::start(&data).await;
    assert_eq!(post(&host, "carts", &[], r#"{"cart":{"id":1}}"#).await.json["id"], id);
    assert_eq!(host.get("/v1/events").await.json["items"].as_array().expect("events").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_providers_id_is_the_key_where_none_is_named() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&hub(&receiver)).await;
    let payload: Payload = github::payloads().remove(0);
    let headers = github::headers(&payload, GITHUB);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let answer = host.try_post("github", &headers, payload.body.clone()).await.expect("an answer");
        ids.push(answer.json["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert!(headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("x-github-delivery")), "{headers:?}");
    host.stop().await;
}
