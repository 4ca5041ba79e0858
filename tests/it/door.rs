//! The door: what senders may keep open, and for how long, and how much of what they send is held at once.

mod codings;
mod http2;
mod proxies;
mod refusals;
mod slow;
mod tls;

use std::net::SocketAddr;

use reqwest::Method;
use sluicebox::config::Config;
use sluicebox_tests::{Host, PATIENCE, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::story::OPEN_SOURCE;

fn impatient(config: &mut Config) {
    config.ingest.first_byte_timeout_ms = 200;
    config.ingest.header_timeout_ms = 200;
    config.ingest.idle_timeout_ms = 600;
}

/// How many connections ended for this reason.
async fn closed_for(host: &Host, reason: &str) -> u64 {
    let page = host.metrics().await;
    let line = format!("sluicebox_ingest_connections_closed_total{{reason=\"{reason}\"}} ");
    page.lines().find_map(|found| found.strip_prefix(&line)).map_or(0, |count| count.parse().expect("a number"))
}

/// Waits until exactly so many connections have ended for this reason: they are counted just after the other side sees the end.
async fn counted(host: &Host, reason: &str, count: u64) {
    eventually(reason, async || (closed_for(host, reason).await == count).then_some(())).await;
}

/// A connection from this address, of those that this machine calls itself.
async fn connect_from(host: &Host, address: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(address.parse().expect("an address"), 0)).expect("an address of this machine");
    socket.connect(address_of(host)).await.expect("a connection")
}

fn address_of(host: &Host) -> SocketAddr {
    host.url().trim_start_matches("http://").parse().expect("an address")
}

/// Sends this on a connection of its own, from this address, and gives all that is answered.
async fn told(host: &Host, from: &str, request: &[u8]) -> String {
    let mut stream = connect_from(host, from).await;
    stream.write_all(request).await.expect("it is taken");
    String::from_utf8_lossy(&closed(&mut stream).await).into_owned()
}

async fn connect(host: &Host) -> TcpStream {
    TcpStream::connect(address_of(host)).await.expect("a connection")
}

/// A connection on which only this was sent.
async fn begun(host: &Host, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(host).await;
    stream.write_all(bytes).await.expect("it is taken");
    stream
}

/// Reads until the host closes; a reset is an end as well.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut told = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut told)).await;
    assert!(end.is_ok(), "still open");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_do_not_begin_are_closed() {
    let host = Host::start_with(impatient).await;
    host.apply(OPEN_SOURCE).await;
    let mut dull = Vec::new();
    for bytes in [b"".as_slice(), b"P", b"PRI * HT"] {
        dull.push(begun(&host, bytes).await);
    }
    host.post("open", &[], "{}").await;
    for stream in &mut dull {
        assert_eq!(closed(stream).await, b"");
    }
    counted(&host, "first-byte-timeout", 3).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_sender_of_headers_is_closed() {
    let host = Host::start_with(impatient).await;
    let mut slow = begun(&host, b"POST /in/open HTTP/1.1\r\nhost: ").await;
    let told = closed(&mut slow).await;
    assert!(told.is_empty(), "{}", String::from_utf8_lossy(&told));
    counted(&host, "header-timeout", 1).await;
    host.stop().await;
}

/// Bytes in pieces are no offence as long as they come.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_begins_with_one_byte_is_answered() {
    let host = Host::start().await;
    let mut stream = begun(&host, b"P").await;
    tokio::task::yield_now().await;
    stream.write_all(b"UT /healthz HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.expect("it is taken");
    assert!(closed(&mut stream).await.starts_with(b"HTTP/1.1 405"));
    host.stop().await;
}

/// Bodies are held before they are verified, so what all of them may take is bounded; who finds no space is not kept waiting.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_beyond_the_budget_are_refused_and_told_when_to_come_again() {
    let host = Host::start_with(|config| config.ingest.body_bytes_in_flight_max = 100).await;
    host.apply(OPEN_SOURCE).await;
    let head = b"POST /in/open HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 90\r\n\r\n";
    let mut slow = begun(&host, head).await;
    let held = async || (host.metric("sluicebox_ingest_body_bytes_in_flight").await > 0).then_some(());
    eventually("a body under way", held).await;
    let request = host.request(Method::POST, "/in/open").body("twenty bytes of body");
    let refused = request.send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"5".parse().expect("a value")));
    assert!(refused.text().await.expect("a problem").contains("urn:sluicebox:problem:busy"));
    host.post("open", &[], "ten bytes.").await;

    slow.write_all(&[b'x'; 90]).await.expect("it is taken");
    assert!(closed(&mut slow).await.starts_with(b"HTTP/1.1 202"));
    host.post("open", &[], vec![b'x'; 100]).await;
    assert!(host.metric("sluicebox_ingest_body_bytes_in_flight").await == 0);
    host.stop().await;
}
