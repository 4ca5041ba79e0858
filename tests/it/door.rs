//! The door: what senders may keep open, and for how long, and how much of what they send is held at once.

use reqwest::Method;
use sluicebox::config::Config;
use sluicebox_tests::{Host, PATIENCE, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::story::OPEN_SOURCE;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// HTTP/2 frames of no length (RFC 9113, sections 4.1 and 6.5).
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
const SETTINGS_ACK: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];

fn impatient(config: &mut Config) {
    config.ingest.header_timeout_ms = 200;
    config.ingest.idle_timeout_ms = 600;
}

async fn connect(host: &Host) -> TcpStream {
    TcpStream::connect(host.url().trim_start_matches("http://")).await.expect("a connection")
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
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_sender_of_headers_is_closed() {
    let host = Host::start_with(impatient).await;
    let mut slow = begun(&host, b"POST /in/open HTTP/1.1\r\nhost: ").await;
    let told = closed(&mut slow).await;
    assert!(!told.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&told));
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

/// Pings keep a connection from being taken for dead, not from being idle.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_http2_connection_is_closed_though_it_answers_pings() {
    let host = Host::start_with(impatient).await;
    let mut stream = begun(&host, PREFACE).await;
    stream.write_all(&SETTINGS).await.expect("it is taken");
    let pings = timeout(PATIENCE, answer_pings(&mut stream)).await.expect("still open");
    assert!(pings > 0, "it was asked, and answered");
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

/// Answers settings and pings until the connection ends, and tells how many pings there were.
async fn answer_pings(stream: &mut TcpStream) -> usize {
    let (mut pings, mut head) = (0, [0; 9]);
    while stream.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        if stream.read_exact(&mut payload).await.is_err() {
            break;
        }
        let answer = match (head[3], head[4]) {
            (4, 0) => SETTINGS_ACK.to_vec(),
            (6, 0) => [[0, 0, 8, 6, 1, 0, 0, 0, 0].as_slice(), &payload].concat(),
            _ => continue,
        };
        pings += usize::from(head[3] == 6);
        if stream.write_all(&answer).await.is_err() {
            break;
        }
    }
    pings
}
