//! Many that are slow or silent, and what they cost the others.

use super::*;

/// Of each kind.
const EACH: usize = 100;

/// Long enough for good senders on a busy machine, short enough for a test.
fn brisk(config: &mut Config) {
    config.ingest.connections_per_address_max = 6 * EACH;
    config.ingest.first_byte_timeout_ms = 1_500;
    config.ingest.header_timeout_ms = 1_500;
    config.ingest.body_grace_ms = 1_500;
    config.ingest.idle_timeout_ms = 3_000;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_slow_or_silent_connections_are_closed_while_others_are_served() {
    let host = Host::start_with(brisk).await;
    host.apply(OPEN_SOURCE).await;
    let kinds = [
        ("first-byte-timeout", b"".as_slice()),
        ("first-byte-timeout", b"PRI * HT"),
        ("header-timeout", b"POST /in/open HTTP/1.1\r\nhost: h\r\nx-slow: "),
        ("header-timeout", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("ended", b"POST /in/open HTTP/1.1\r\nhost: h\r\ncontent-length: 5000\r\n\r\n{"),
    ];
    let mut slow = Vec::new();
    for _ in 0..EACH {
        for (_, bytes) in kinds {
            let mut stream = connect_from(&host, "127.0.0.9").await;
            stream.write_all(bytes).await.expect("it is taken");
            slow.push(stream);
        }
    }
    for number in 0..50 {
        host.post("open", &[], format!("{number}")).await;
    }
    for stream in &mut slow {
        closed(stream).await;
    }
    let each = 2 * EACH as u64;
    for reason in ["first-byte-timeout", "header-timeout"] {
        counted(&host, reason, each).await;
    }
    let page = host.metrics().await;
    let refused =
        format!("sluicebox_ingest_requests_total{{workspace=\"default\",source=\"open\",outcome=\"body-rate\"}} {EACH}");
    assert!(page.lines().any(|line| line == refused), "{page}");
    assert_eq!(host.metric("sluicebox_ingest_body_bytes_in_flight").await, 0);
    host.stop().await;
}

/// It answers, and then waits for what may come next.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_be_idle_for_longer_than_headers_may_take() {
    let host = Host::start_with(impatient).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut stream = begun(&host, request).await;
    let told = closed(&mut stream).await;
    assert!(told.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&told));
    eventually("an idle one", async || (closed_for(&host, "idle-timeout").await > 0).then_some(())).await;
    assert_eq!(closed_for(&host, "header-timeout").await, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_only_so_many_connections() {
    let host = Host::start_with(|config| config.ingest.connections_per_address_max = 3).await;
    let held = [begun_from(&host, "127.0.0.9").await, begun_from(&host, "127.0.0.9").await, begun_from(&host, "127.0.0.9").await];
    assert_eq!(told(&host, "127.0.0.9", b"").await, "");
    counted(&host, "per-address", 1).await;
    let request = b"GET /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    assert!(told(&host, "127.0.0.10", request).await.starts_with("HTTP/1.1 200"), "others have their own");
    drop(held);
    eventually("a place that is free again", async || {
        let mut stream = connect_from(&host, "127.0.0.9").await;
        stream.write_all(request).await.ok()?;
        closed(&mut stream).await.starts_with(b"HTTP/1.1 200").then_some(())
    })
    .await;
    host.stop().await;
}

/// A connection that the host has certainly seen: it was asked once.
async fn begun_from(host: &Host, address: &str) -> TcpStream {
    let mut stream = connect_from(host, address).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n").await.expect("it is taken");
    assert!(stream.read(&mut [0; 64]).await.expect("an answer") > 0);
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_makes_room_for_who_comes() {
    let host = Host::start_with(|config| config.ingest.connections_max = 8).await;
    host.apply(OPEN_SOURCE).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(connect_from(&host, "127.0.0.9").await);
    }
    host.post("open", &[], "{}").await;
    eventually("room", async || (closed_for(&host, "made-room").await >= 12).then_some(())).await;
    host.stop().await;
}
