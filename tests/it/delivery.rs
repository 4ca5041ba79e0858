//! Delivery: retries, dead letters, isolation, and addresses that are closed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::IntoResponse;
use http::StatusCode;
use sluicebox_tests::{Host, Receiver};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::story::{OPEN_SOURCE, SECRET, destination};

fn to(url: &str) -> String {
    format!("{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n", destination("out", url))
}

/// A receiver that refuses the first `failures` requests.
async fn failing(failures: usize) -> Receiver {
    let seen = Arc::new(AtomicUsize::new(0));
    Receiver::answering(move |_| {
        let fails = seen.fetch_add(1, Ordering::SeqCst) < failures;
        if fails { (StatusCode::INTERNAL_SERVER_ERROR, "not today").into_response() } else { StatusCode::OK.into_response() }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_delivery_is_tried_again_with_the_same_id() {
    let (host, receiver) = (Host::start().await, failing(3).await);
    host.apply(&to(&format!("{}/out", receiver.url()))).await;
    host.post("open", &[], "{}").await;
    let received = receiver.wait_for("/out", 4).await;
    assert!(received.iter().all(|one| one.id() == received[0].id()));
    let delivery = host.delivery_in_state("all", "delivered").await;
    let attempts = delivery["attempt_records"].as_array().expect("attempts");
    let statuses: Vec<u64> = attempts.iter().map(|attempt| attempt["status"].as_u64().unwrap_or(0)).collect();
    assert_eq!(statuses, [500, 500, 500, 200]);
    assert_eq!(attempts[0]["response_body"]["text"], "not today");
    assert_eq!(attempts[0]["failure"]["code"], "status-500");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_always_fails_becomes_a_dead_letter() {
    let (host, receiver) = (Host::start().await, failing(usize::MAX).await);
    let hub = to(&format!("{}/out", receiver.url())).replace("retry = {", "retry = { attempts_max = 3,");
    host.apply(&hub).await;
    host.post("open", &[], "{}").await;
    let delivery = host.delivery_in_state("all", "dead").await;
    assert_eq!(delivery["attempts"], 3);
    assert_eq!(receiver.received("/out").len(), 3);
    assert!(delivery["failure"]["message"].as_str().is_some_and(|text| text.contains("500")), "{}", delivery["failure"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_delivered_goes_on_by_itself_after_a_restart() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), failing(1).await);
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(
        &to(&format!("{}/out", receiver.url())).replace("first = \"100ms\", max = \"100ms\"", "first = \"1s\", max = \"1s\""),
    )
    .await;
    host.post("open", &[], "{}").await;
    let first = receiver.wait_for("/out", 1).await.remove(0);
    host.stop().await;
    let host = Host::start_at(data, |_| {}).await;
    let received = receiver.wait_for("/out", 2).await;
    assert_eq!(received[1].id(), first.id());
    host.delivery_in_state("all", "delivered").await;
    host.stop().await;
}

/// A destination that accepts connections and never answers holds up nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_destination_delays_no_other() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let hanging = destination("hanging", &format!("http://{}/", silent.local_addr().expect("an address")));
    // Far longer than the other is waited for: had it waited for this one, it would be seen.
    let hanging = format!("{hanging}timeout = \"60s\"\n");
    let healthy = destination("healthy", &format!("{}/healthy", receiver.url()));
    let rule = "[rules.all]\ndestinations = [\"hanging\", \"healthy\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{hanging}{healthy}{rule}")).await;
    for n in 0..100 {
        host.post("open", &[], n.to_string()).await;
    }
    let all_healthy = || receiver.received("/healthy").len() >= 100;
    receiver.wait_until("100 requests to /healthy", Duration::from_secs(10), all_healthy).await;
    let waiting = host.get("/v1/deliveries?destination=hanging&state=waiting&limit=500").await.json;
    assert_eq!(waiting["items"].as_array().map(Vec::len), Some(100), "the other still waits");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_switched_on_gets_what_waits_at_once() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let hub = |enabled: bool| {
        let on = to(&format!("{}/out", receiver.url()));
        on.replace("[destinations.out]\n", &format!("[destinations.out]\nenabled = {enabled}\n"))
    };
    assert_ne!(hub(true), hub(false));
    host.apply(&hub(false)).await;
    host.post("open", &[], "{}").await;
    host.delivery_in_state("all", "waiting").await;
    assert!(receiver.received("/out").is_empty());
    host.apply(&hub(true)).await;
    // Sooner than the minute after which it would be looked at again anyway.
    receiver.wait_for("/out", 1).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn private_and_special_addresses_are_closed_by_default() {
    let receiver = Receiver::start().await;
    let host = Host::start_with(|config| config.net.allow_networks.clear()).await;
    let port = receiver.url().rsplit(':').next().expect("a port").to_owned();
    let urls = [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
    ];
    // One that not everybody reads alike is refused before it is declared.
    let odd = format!("[destinations.odd]\nurl = \"http://2130706433:{port}/\"\nsecret = \"{SECRET}\"\n");
    let refused = host.try_apply(&odd).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let mut hub = OPEN_SOURCE.to_owned();
    for (n, url) in urls.iter().enumerate() {
        hub += &format!(
            "[destinations.out{n}]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n[rules.rule{n}]\ndestinations = [\"out{n}\"]\n"
        );
    }
    host.apply(&hub).await;
    host.post("open", &[], "{}").await;
    for (n, url) in urls.iter().enumerate() {
        let delivery = host.delivery_in_state(&format!("rule{n}"), "dead").await;
        assert_eq!(delivery["failure"]["code"], "address-forbidden", "{url}");
    }
    assert!(receiver.received("/").is_empty(), "nobody was connected to");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_to_a_deleted_destination_become_dead_letters() {
    let (host, receiver) = (Host::start().await, failing(usize::MAX).await);
    host.apply(&to(&format!("{}/out", receiver.url()))).await;
    host.post("open", &[], "{}").await;
    receiver.wait_for("/out", 1).await;
    host.delete("/v1/rules/all").await;
    assert_eq!(host.delete("/v1/destinations/out").await.status, 200);
    let delivery = host.delivery_in_state("all", "dead").await;
    assert_eq!(delivery["failure"]["code"], "destination-deleted");
    host.stop().await;
}
