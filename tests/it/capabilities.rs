//! What a plugin may ask of its host beyond its settings, and what it is told.

use serde_json::Value;
use sluicebox_tests::{Host, Receiver, guests};

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
