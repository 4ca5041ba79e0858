//! The live tail of events, and `sluicebox listen`, which relays it to a local server.

mod relay;

use std::{sync::Arc, time::Duration};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, PATIENCE, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::story::{OPEN_SOURCE, Time};

const STREAM: &str = "/v1/events/stream";

/// A stream, as a reader has it.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(api: &Api, query: &str) -> Self {
        Self::open_after(api, query, "").await
    }

    async fn open_after(api: &Api, query: &str, last: &str) -> Self {
        let request = api.request(Method::GET, &format!("{STREAM}?{query}")).bearer_auth(api.key());
        let response = request.header("last-event-id", last).send().await.expect("an answer");
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &"text/event-stream".parse().expect("text"))
        );
        let mut stream = Self { response, text: String::new() };
        assert!(stream.next().await.expect("a beginning").1.is_null(), "an id to go on from, without an event");
        stream
    }

    /// The next message's id and data; `None` where the stream has ended.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n").map(|(m, rest)| (m.to_owned(), rest.to_owned())) {
                self.text = rest;
                let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                // Comments have none.
                let Some(id) = field("id: ") else { continue };
                let data = field("data: ").map(|data| serde_json::from_str(&data).expect("JSON"));
                return Some((id, data.unwrap_or_default()));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something comes in time").ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        while ids.len() < count {
            ids.push(self.next().await.expect("an event").0);
        }
        ids
    }
}

async fn host() -> Host {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_told_of_as_they_are_stored() {
    let host = host().await;
    host.post("open", &[("x-type", "before")], "{}").await;
    let mut stream = Stream::open(&host, "source=open").await;
    let id = host.post("open", &[("x-type", "made"), ("content-type", "text/plain")], "hello").await;
    let (told, event) = stream.next().await.expect("an event");
    assert_eq!((&told, &event["id"]), (&id, &json!(id)));
    assert_eq!((&event["source"], &event["type"], &event["body"]), (&json!("open"), &json!("made"), &json!({ "text": "hello" })));
    assert!(event["headers"].as_array().expect("headers").contains(&json!(["x-type", "made"])));
    host.post("open", &[], [0xff, 0, b'\n']).await;
    assert_eq!(stream.next().await.expect("an event").1["body"], json!({ "base64": "/wAK" }));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_of_one_source_or_type_or_of_all() {
    let host = host().await;
    host.apply("[sources.other]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n").await;
    let mut of_all = Stream::open(&host, "").await;
    let mut of_other = Stream::open(&host, "source=other").await;
    let mut of_type = Stream::open(&host, "type=b").await;
    let a = host.post("open", &[("x-type", "a")], "{}").await;
    let b = host.post("open", &[("x-type", "b")], "{}").await;
    let c = host.post("other", &[("x-type", "a")], "{}").await;
    let d = host.post("other", &[("x-type", "b")], "{}").await;
    assert_eq!(of_all.ids(4).await, [a, b.clone(), c.clone(), d.clone()]);
    assert_eq!(of_other.ids(2).await, [c, d.clone()]);
    assert_eq!(of_type.ids(2).await, [b, d]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_after_the_event_that_it_names() {
    let host = host().await;
    let mut ids = Vec::new();
    for n in 0..600 {
        ids.push(host.post("open", &[], n.to_string()).await);
    }
    let mut after = Stream::open(&host, &format!("after={}", ids[0])).await;
    assert_eq!(after.ids(599).await, ids[1..], "more than are read at once");
    // What a browser does: the query is the one that it began with, the header is newer.
    let mut again = Stream::open_after(&host, &format!("after={}", ids[0]), &ids[597]).await;
    assert_eq!(again.ids(2).await, ids[598..]);
    host.stop().await;
}

/// An event that is removed names its time still. Nothing that was stored after it is left out.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_goes_on_after_an_event_that_was_removed() {
    let time = Time::new();
    let host = Host::start_with(time.rules()).await;
    host.apply(OPEN_SOURCE).await;
    let mut empty = Stream::open(&host, "").await;
    time.pass_ms(3_600_000);
    let first = host.post("open", &[], "1").await;
    time.pass_ms(3_600_000);
    let second = host.post("open", &[], "2").await;
    assert_eq!(empty.ids(2).await, [first.clone(), second.clone()]);
    // The same milliseconds with another random part.
    let gone = |id: &str| format!("{}7000{}", &id[..16], "8000000000000000");
    let mut after_first = Stream::open_after(&host, "", &gone(&first)).await;
    assert_eq!(after_first.ids(2).await, [first, second.clone()], "what may have been stored after it");
    time.pass_ms(3_600_000);
    let third = host.post("open", &[], "3").await;
    let mut after_second = Stream::open_after(&host, "", &gone(&second)).await;
    assert_eq!(after_second.ids(2).await, [second, third]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let host = host().await;
    for (query, status, kind) in [
        ("source=opn", 404, "unknown-name"),
        ("after=evt_1", 400, "bad-parameter"),
        ("since=2026-01-01T00:00:00Z", 400, "bad-query"),
    ] {
        let refused = host.get(&format!("{STREAM}?{query}")).await;
        let expected = json!(format!("urn:sluicebox:problem:{kind}"));
        assert_eq!((refused.status, &refused.json["type"]), (status, &expected), "{}", refused.json);
    }
    let without_key = host.request(Method::GET, STREAM).send().await.expect("an answer");
    assert_eq!(without_key.status(), 401);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_so_many_streams_and_one_that_ends_makes_room() {
    let host = Host::start_with(|config| config.api.event_streams_max = 2).await;
    let (first, _second) = (Stream::open(&host, "").await, Stream::open(&host, "").await);
    let refused = host.request(Method::GET, STREAM).bearer_auth(host.key()).send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"10".parse().expect("text")));
    let problem: Value = refused.json().await.expect("a problem");
    assert!(problem["detail"].as_str().expect("a detail").contains("--event-streams-max"), "{problem}");
    assert_eq!(host.metric("sluicebox_event_streams").await, 2);
    assert_eq!(host.metric("sluicebox_event_streams_refused_total").await, 1);
    drop(first);
    eventually("room for one", async || (host.metric("sluicebox_event_streams").await == 1).then_some(())).await;
    Stream::open(&host, "").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_workspace_leaves_streams_for_others() {
    let host = Host::start_with(|config| config.api.workspace_event_streams_max = 1).await;
    let _own = Stream::open(&host, "").await;
    let refused = host.request(Method::GET, STREAM).bearer_auth(host.key()).send().await.expect("an answer");
    assert_eq!(refused.status(), 503);
    let problem: Value = refused.json().await.expect("a problem");
    assert!(problem["detail"].as_str().expect("a detail").contains("--workspace-event-streams-max"), "{problem}");
    let (_, key) = tenant(&host, "acme").await;
    Stream::open(&host.with_key(&key), "").await;
    host.stop().await;
}

/// A key of the workspace that is made with it.
async fn tenant(host: &Host, workspace: &str) -> (String, String) {
    assert_eq!(host.send("/v1/workspaces", &json!({ "name": workspace })).await.status, 201);
    let call = |method: Method, path: &str, body: Value| {
        host.request(method, path).bearer_auth(host.key()).header("sluicebox-workspace", workspace).json(&body).send()
    };
    let source = json!({ "verify": { "scheme": "none" } });
    assert_eq!(call(Method::PUT, "/v1/sources/open", source).await.expect("an answer").status(), 200);
    let made = call(Method::POST, "/v1/keys", json!({ "name": "reader", "scopes": ["read"] })).await.expect("an answer");
    let made: Value = made.json().await.expect("a key");
    (made["key"]["id"].as_str().expect("an id").to_owned(), made["secret"].as_str().expect("a secret").to_owned())
}

/// What was begun with a key ends with it: by then the name of its workspace may be somebody else's.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_key_and_with_its_workspace() {
    let host = Host::start().await;
    for (workspace, end) in [("acme", "/v1/keys/"), ("bank", "/v1/workspaces/bank?force=true")] {
        let (id, key) = tenant(&host, workspace).await;
        let theirs = host.with_key(&key);
        let mut stream = Stream::open(&theirs, "").await;
        let post = async || {
            let sent = host.request(Method::POST, &format!("/w/{workspace}/in/open")).body("{}").send().await;
            sent.expect("an answer").status().as_u16()
        };
        assert_eq!(post().await, 202);
        assert!(stream.next().await.expect("an event").1.is_object());
        let path = if end.ends_with('/') { format!("{end}{id}") } else { end.to_owned() };
        assert_eq!(host.delete(&path).await.status, 200, "{path}");
        // What wakes it; an event of another workspace does so too.
        if post().await == 404 {
            host.apply(OPEN_SOURCE).await;
            host.post("open", &[], "{}").await;
        }
        assert!(stream.next().await.is_none(), "the event is not told, and the stream has ended: {path}");
    }
    let refused = "sluicebox_event_streams_ended_total{reason=\"refused\"} 2";
    eventually("both told", async || host.metrics().await.contains(refused).then_some(())).await;
    host.stop().await;
}

/// Who reads nothing costs no more than what is on its way to it, holds up nobody, and is cut off in the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_reads_nothing_holds_up_nobody_and_is_cut_off() {
    let host = Host::start_with(|config| config.api.event_stream_stall_ms = 3_000).await;
    host.apply(OPEN_SOURCE).await;
    let mut reading = Stream::open(&host, "").await;
    let mut idle = TcpStream::connect(host.url().trim_start_matches("http://")).await.expect("a connection");
    let request = format!("GET {STREAM} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", host.key());
    idle.write_all(request.as_bytes()).await.expect("a request");
    eventually("two streams", async || (host.metric("sluicebox_event_streams").await == 2).then_some(())).await;
    let reading = tokio::spawn(async move {
        let told = reading.ids(40).await;
        (reading, told)
    });
    let mut posted = Vec::new();
    // More than the sockets between them take in.
    for _ in 0..40 {
        posted.push(host.post("open", &[], vec![b'x'; 500_000]).await);
    }
    let (mut reading, told) = reading.await.expect("no panic");
    assert_eq!(told, posted);
    let stalled = "sluicebox_event_streams_ended_total{reason=\"stalled\"} 1";
    eventually("an end of it", async || host.metrics().await.contains(stalled).then_some(())).await;
    assert_eq!(host.metric("sluicebox_event_streams").await, 1);
    let next = host.post("open", &[], "next").await;
    assert_eq!(reading.ids(1).await, [next]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_host_stops() {
    // What did not end would be waited for.
    let host = Host::start_with(|config| config.set_drain_ms(10 * 60_000)).await;
    let mut stream = Stream::open(&host, "").await;
    timeout(PATIENCE, host.stop()).await.expect("an end in time");
    assert!(stream.next().await.is_none());
}

/// Connections on which nothing happens are closed; one that waits for events is none of those.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_events_is_not_idle() {
    let host = Host::start_with(|config| config.ingest.idle_timeout_ms = 50).await;
    host.apply(OPEN_SOURCE).await;
    let mut stream = Stream::open(&host, "").await;
    let address = Arc::<str>::from(host.url().trim_start_matches("http://"));
    for _ in 0..5 {
        let mut other = TcpStream::connect(&*address).await.expect("a connection");
        other.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
        let mut answer = Vec::new();
        let ended = timeout(PATIENCE, other.read_to_end(&mut answer)).await;
        assert!(ended.expect("it is closed").is_ok_and(|bytes| bytes > 0));
    }
    let id = host.post("open", &[], "{}").await;
    assert_eq!(stream.ids(1).await, [id]);
    host.stop().await;
}

/// Many write at once while one reads: none is left out, none comes twice, and the order is the journal's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_at_once_comes_once_and_in_the_order_of_the_journal() {
    let host = host().await;
    let mut stream = Stream::open(&host, "").await;
    let mut posting = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let api = Api::clone(&host);
        posting.spawn(async move {
            for _ in 0..50 {
                api.post("open", &[], "{}").await;
            }
        });
    }
    let told = stream.ids(400).await;
    posting.join_all().await;
    let page = host.get("/v1/events?limit=500").await.json;
    let mut listed: Vec<String> =
        page["items"].as_array().expect("events").iter().map(|event| event["id"].as_str().expect("an id").to_owned()).collect();
    listed.reverse();
    assert_eq!(told, listed);
    assert!(timeout(Duration::from_millis(1), stream.next()).await.is_err(), "nothing more");
    host.stop().await;
}
