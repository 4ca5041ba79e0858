//! What HTTP/2 clients may do: frames are written by hand here, since no client does such things.

use axum::body::Body;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Types of frames, and flags (RFC 9113, section 6).
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `POST`, `http`, `h` and `/in/open` (RFC 7541, appendix A and section 6.2.2).
const POST_OPEN: &[u8] = b"\x83\x86\x41\x01h\x04\x08/in/open";
/// The same for `GET` and `/`.
const GET_ROOT: &[u8] = b"\x82\x86\x41\x01h\x84";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A frame's type, flags and payload; `None` at the end of the connection.
async fn next(stream: &mut TcpStream) -> Option<(u8, u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], head[4], payload))
}

/// Answers settings and pings until the connection ends, and tells how many pings there were.
async fn answer_pings(stream: &mut TcpStream) -> usize {
    let mut pings = 0;
    while let Some((kind, flags, payload)) = next(stream).await {
        let answer = match (kind, flags) {
            (SETTINGS, 0) => frame(SETTINGS, ACK, 0, &[]),
            (PING, 0) => frame(PING, ACK, 0, &payload),
            _ => continue,
        };
        pings += usize::from(kind == PING);
        if stream.write_all(&answer).await.is_err() {
            break;
        }
    }
    pings
}

/// Waits until the host has seen all that was sent. False where it ended the connection.
async fn is_seen(stream: &mut TcpStream) -> bool {
    if stream.write_all(&frame(PING, 0, 0, &[7; 8])).await.is_err() {
        return false;
    }
    while let Some((kind, flags, _)) = next(stream).await {
        if (kind, flags) == (PING, ACK) {
            return true;
        }
    }
    false
}

/// Pings keep a connection from being taken for dead, not from being idle.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_though_it_answers_pings() {
    let pinging = |config: &mut Config| {
        config.ingest.http2_ping_ms = 100;
        config.ingest.idle_timeout_ms = 600;
    };
    let host = Host::start_with(pinging).await;
    let mut stream = begun(&host, PREFACE).await;
    let request = [frame(SETTINGS, 0, 0, &[]), frame(HEADERS, END_STREAM | END_HEADERS, 1, GET_ROOT)].concat();
    stream.write_all(&request).await.expect("it is taken");
    let pings = timeout(PATIENCE, answer_pings(&mut stream)).await.expect("still open");
    assert!(pings > 0, "it was asked, and answered");
    eventually("an idle one", async || (closed_for(&host, "idle-timeout").await > 0).then_some(())).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_never_has_a_request_is_closed() {
    let host = Host::start_with(impatient).await;
    let mut stream = begun(&host, PREFACE).await;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("it is taken");
    closed(&mut stream).await;
    counted(&host, "header-timeout", 1).await;
    host.stop().await;
}

/// Requests that are called off at once, all in one piece: most are reset before the host has looked at them.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_resets_ends_the_connection() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let mut stream = begun(&host, PREFACE).await;
    let mut flood = frame(SETTINGS, 0, 0, &[]);
    for number in 0..2_000_u32 {
        let id = 2 * number + 1;
        flood.extend(frame(HEADERS, END_HEADERS, id, POST_OPEN));
        flood.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
    }
    // Not all of it need be taken.
    drop(stream.write_all(&flood).await);
    closed(&mut stream).await;
    counted(&host, "reset-flood", 1).await;
    host.post("open", &[], "{}").await;
    host.stop().await;
}

/// Each waits until the host is at work on it, and is called off then.
#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_called_off_one_after_the_other_are_a_flood_too() {
    let host = Host::start_with(|config| config.ingest.http2_resets_max = 10).await;
    host.apply(OPEN_SOURCE).await;
    let mut stream = begun(&host, PREFACE).await;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.expect("it is taken");
    let mut begun = 0;
    for number in 0..200_u32 {
        let id = 2 * number + 1;
        let request = stream.write_all(&frame(HEADERS, END_HEADERS, id, POST_OPEN)).await;
        if request.is_err() || !is_seen(&mut stream).await {
            break;
        }
        begun += 1;
        drop(stream.write_all(&frame(RST_STREAM, 0, id, &8_u32.to_be_bytes())).await);
    }
    assert!((10..200).contains(&begun), "{begun}");
    counted(&host, "reset-flood", 1).await;
    host.post("open", &[], "{}").await;
    assert_eq!(host.metric("sluicebox_ingest_body_bytes_in_flight").await, 0);
    host.stop().await;
}

/// A sender that speaks HTTP/2 from the first byte.
#[tokio::test(flavor = "multi_thread")]
async fn events_come_over_http2() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    let posts = (0..20).map(|n| {
        let request =
            http::Request::post(format!("{}/in/open", host.url())).header("x-type", "two").body(Body::from(n.to_string()));
        client.request(request.expect("a request"))
    });
    for answer in posts.collect::<Vec<_>>() {
        let answer = answer.await.expect("an answer");
        assert_eq!((answer.version(), answer.status().as_u16()), (http::Version::HTTP_2, 202));
    }
    let events = host.get("/v1/events?type=two").await;
    assert_eq!(events.json["items"].as_array().map(Vec::len), Some(20));
    host.stop().await;
}
