//! A journal that is full refuses senders before they send, goes on delivering, and takes events again by itself.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::response::IntoResponse;
use http::StatusCode;
use reqwest::Method;
use sluicebox::journal::DiskProbe;
use sluicebox_tests::{Api, Host, Receiver, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::story::{OPEN_SOURCE, destination};

const BODY_BYTES: usize = 50_000;

/// A destination that refuses everything while it is down.
async fn receiver(down: &Arc<AtomicBool>) -> Receiver {
    let down = Arc::clone(down);
    Receiver::answering(move |_| {
        let refuses = down.load(Ordering::SeqCst);
        if refuses { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }.into_response()
    })
    .await
}

fn hub(receiver: &Receiver) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")
}

/// No two have the same bytes.
fn body(number: usize) -> String {
    format!("{number:08}{}", "x".repeat(BODY_BYTES))
}

/// Whether it was taken; gives what was refused.
async fn try_post(host: &Api, number: usize) -> Result<(), (u16, String)> {
    let answer = host.try_post("open", &[], body(number)).await.expect("an answer");
    if answer.status == 202 { Ok(()) } else { Err((answer.status, answer.json["type"].to_string())) }
}

async fn readyz(host: &Api) -> (u16, String) {
    let answer = host.request(Method::GET, "/readyz").send().await.expect("an answer");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// What a sender is told that has sent its headers and no byte of its body.
async fn told_before_the_body(host: &Api) -> String {
    let address = host.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let head = format!("POST /in/open HTTP/1.1\r\nhost: {address}\r\ncontent-length: {BODY_BYTES}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_journal_delivers_what_it_has_and_takes_events_again_by_itself() {
    let down = Arc::new(AtomicBool::new(true));
    let receiver = receiver(&down).await;
    let host = Host::start_with(|config| config.journal.bytes_max = Some(6 << 20)).await;
    host.apply(&hub(&receiver)).await;
    let mut taken = 0;
    let refused = loop {
        match try_post(&host, taken).await {
            Ok(()) => taken += 1,
            Err(refused) => break refused,
        }
        assert!(taken < 1_000, "it is never full");
    };
    assert!(taken > 50, "{taken}");
    assert_eq!(refused, (503, "\"urn:sluicebox:problem:storage-full\"".to_owned()));
    let told = told_before_the_body(&host).await.to_lowercase();
    assert!(told.starts_with("http/1.1 503") && told.contains("\r\nretry-after: 60\r\n"), "{told}");
    let (status, text) = readyz(&host).await;
    assert!(status == 503 && text.contains("still waits to be delivered"), "{status} {text}");
    assert_eq!(host.metric("sluicebox_journal_admitting").await, 0);

    down.store(false, Ordering::SeqCst);
    eventually("a journal with space", async || (readyz(&host).await.0 == 200).then_some(())).await;
    try_post(&host, taken).await.expect("it takes events again");
    taken += 1;
    eventually("every event that was taken", async || {
        let arrived: BTreeSet<_> = receiver.received("/out").into_iter().map(|one| one.body).collect();
        (0..taken).all(|number| arrived.contains(body(number).as_bytes())).then_some(())
    })
    .await;
    assert!(host.metric("sluicebox_journal_removed_rows_total").await > 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_without_reserve_refuses_senders_and_what_was_taken_is_delivered() {
    let (down, free) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(10 << 30)));
    let receiver = receiver(&down).await;
    let probed = Arc::clone(&free);
    let host = Host::start_with(|config| {
        config.journal.disk = DiskProbe::new(move |_| Ok(probed.load(Ordering::SeqCst)));
    })
    .await;
    host.apply(&hub(&receiver)).await;
    try_post(&host, 0).await.expect("there is space");
    receiver.wait_for("/out", 1).await;
    free.store(1 << 20, Ordering::SeqCst);
    eventually("a refusal", async || try_post(&host, 1).await.is_err().then_some(())).await;
    assert!(readyz(&host).await.1.contains("the disk has less free space"));
    down.store(false, Ordering::SeqCst);
    // It is settled, and so the first to go.
    eventually("its delivery and its removal", async || {
        (host.metric("sluicebox_journal_removed_rows_total").await > 0).then_some(())
    })
    .await;
    free.store(10 << 30, Ordering::SeqCst);
    eventually("a journal with space", async || try_post(&host, 2).await.is_ok().then_some(())).await;
    host.stop().await;
}
