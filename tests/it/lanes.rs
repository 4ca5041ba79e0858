//! A thousand destinations, of which a tenth refuses and a tenth hangs: the others feel nothing of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::response::IntoResponse;
use http::StatusCode;
use sluicebox_tests::{Host, Receiver, lanes};

use crate::story::OPEN_SOURCE;

const EVENTS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_destinations_of_which_a_tenth_hangs_and_a_tenth_refuses() {
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let receiver = Receiver::answering(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        StatusCode::NO_CONTENT.into_response()
    })
    .await;
    let fleet = lanes::Fleet { healthy: 800, refusing: 100, hanging: 100, timeout: "60s" };
    let silent = lanes::Silent::start().await;
    let host = Host::start().await;
    host.apply(&format!("{OPEN_SOURCE}{}", fleet.hub(receiver.url(), &silent, |_| String::new()))).await;
    for n in 0..EVENTS {
        host.post("open", &[], format!("{n}")).await;
    }
    let all = fleet.healthy * EVENTS;
    receiver.wait_until("every healthy delivery", Duration::from_secs(50), || arrived.load(Ordering::SeqCst) >= all).await;
    assert!(silent.connections() > 0, "those that hang were tried");
    let metrics = host.metrics().await;
    let tried = |kind: &str| {
        let label = format!("destination=\"{kind}-");
        metrics.lines().any(|line| line.starts_with("sluicebox_delivery_attempts_total{") && line.contains(&label))
    };
    assert!(!tried("hangs"), "and none of them has ended:\n{metrics}");
    assert!(tried("refuses"), "those that refuse were tried");
    // The hanging ones are not waited for.
    drop(silent);
    host.stop().await;
}
