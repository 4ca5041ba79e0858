//! `sluicebox listen`, as a person calls it.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use axum::response::IntoResponse as _;
use http::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sluicebox_tests::{Api, Detour, Host, HostProcess, PATIENCE, Receiver, eventually, process};
use tempfile::TempDir;
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

use super::OPEN_SOURCE;

/// A running `sluicebox listen`. Dropping it kills it.
struct Listening {
    child: Child,
    out: UnboundedReceiver<String>,
    told: UnboundedReceiver<String>,
}

impl Listening {
    fn spawn(url: &str, key: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(process::binary());
        command.arg("listen").args(arguments).args(["--url", url, "--key", key]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        let out = lines_of(child.stdout.take().expect("it is piped"));
        let told = lines_of(child.stderr.take().expect("it is piped"));
        Self { child, out, told }
    }

    /// A listener that has begun.
    async fn start(url: &str, key: &str, arguments: &[&str]) -> Self {
        let mut listening = Self::spawn(url, key, arguments);
        let told = timeout(PATIENCE, listening.told.recv()).await.expect("in time");
        assert_eq!(told.as_deref(), Some("listening; Ctrl-C ends it"));
        listening
    }

    async fn line(&mut self) -> String {
        timeout(PATIENCE, self.out.recv()).await.expect("a line in time").expect("a line")
    }

    /// Ends it as Ctrl-C does, and gives its exit code.
    async fn interrupted(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("it was not waited for");
        self.ended().await.code()
    }

    async fn ended(&mut self) -> ExitStatus {
        eventually("its end", async || self.child.try_wait().expect("a process of ours")).await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Both fail where it has ended already, which is what is wanted.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Read by a thread that ends with what it reads.
fn lines_of(from: impl Read + Send + 'static) -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            // Where the test is over nobody reads on.
            if sender.send(line.expect("text")).is_err() {
                return;
            }
        }
    });
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_local_server_gets_what_the_sender_sent() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply("[sources.open]\nverify = { scheme = \"github\", secret = \"geheim\" }\n").await;
    let url = format!("{}/local", receiver.url());
    let mut listening = Listening::start(host.url(), host.key(), &["open", "--forward", &url]).await;
    let body = [b"{\"n\":1}\r\n".as_slice(), &[0xff, 0]].concat();
    let signature = sluicebox_tests::github::signature("geheim", &body);
    let headers = [("x-github-event", "push"), ("x-hub-signature-256", signature.as_str()), ("authorization", "Bearer secret")];
    let id = host.post("open", &headers, body.clone()).await;
    let line = listening.line().await;
    for part in [id.as_str(), "push", " 204 ", "ms"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let [received] = &receiver.received("/local")[..] else { panic!("one") };
    assert_eq!((received.method.as_str(), &received.body[..]), ("POST", &body[..]));
    assert_eq!(
        (received.header("x-hub-signature-256"), received.header("sluicebox-event-id")),
        (signature.as_str(), id.as_str())
    );
    assert_eq!(received.header("authorization"), "", "credentials are not kept");
    assert_eq!(received.header("host"), receiver.url().trim_start_matches("http://"));
    assert_eq!(listening.interrupted().await, Some(0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_local_server_says_is_told_and_ends_nothing() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let receiver = Receiver::answering(|_| StatusCode::IM_A_TEAPOT.into_response()).await;
    let mut listening = Listening::start(host.url(), host.key(), &["open", "--forward", receiver.url(), "--json"]).await;
    let id = host.post("open", &[("x-type", "made")], "{}").await;
    let told: Value = serde_json::from_str(&listening.line().await).expect("JSON");
    assert_eq!(
        (&told["id"], &told["type"], &told["status"], &told["failure"]),
        (&json!(id), &json!("made"), &json!(418), &Value::Null)
    );
    drop(receiver);
    host.post("open", &[], "{}").await;
    let told: Value = serde_json::from_str(&listening.line().await).expect("JSON");
    assert_eq!((&told["status"], &told["failure"]), (&Value::Null, &json!("no server answers")));
    assert_eq!(listening.interrupted().await, Some(0));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_server_events_are_printed() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let first = host.post("open", &[("x-type", "one")], "first").await;
    let second = host.post("open", &[("x-type", "two")], "second").await;
    let mut listening = Listening::start(host.url(), host.key(), &["open", "--print", "--after", &first]).await;
    assert!(listening.line().await.contains(&second));
    let mut lines = Vec::new();
    while lines.last().is_none_or(|last| last != "second") {
        lines.push(listening.line().await);
    }
    assert!(lines.contains(&"x-type: two".to_owned()), "{lines:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_listened_to_is_told() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let absent = "http://127.0.0.1:1";
    for (url, arguments, expected) in [
        (host.url(), &["opn"][..], "opn"),
        (host.url(), &["open", "--after", "evt_1"], "evt_"),
        (host.url(), &["open", "--forward", "localhost:3000"], "no URL like http://"),
        (absent, &["open"], "no host answers"),
    ] {
        let mut listening = Listening::spawn(url, host.key(), arguments);
        let status = listening.ended().await;
        let told = timeout(PATIENCE, listening.told.recv()).await.expect("in time").expect("a line");
        assert!(status.code() == Some(1) && told.contains(expected), "{arguments:?}: {status}, {told}");
    }
    host.stop().await;
}

/// Cuts of the connection, and kills of the host, while events come in.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_relayed_twice_over_reconnects_and_restarts() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let mut host = HostProcess::start(&data).await;
    host.apply(OPEN_SOURCE).await;
    let detour = Detour::to(host.url()).await;
    let url = format!("{}/local", receiver.url());
    let _listening = Listening::start(detour.url(), host.key(), &["open", "--forward", &url]).await;
    // Before the first event: the place where it began is known.
    detour.cut();
    for round in 0..3 {
        let posting = tokio::spawn(post_until_nobody_answers(Api::clone(&host)));
        receiver.wait_for("/local", 30 + round * 50).await;
        detour.cut();
        receiver.wait_for("/local", 50 + round * 50).await;
        host.kill();
        detour.cut();
        posting.await.expect("no panic");
        host = HostProcess::start(&data).await;
        // While it is away.
        for _ in 0..5 {
            host.post("open", &[], "away").await;
        }
        detour.lead_to(host.url());
    }
    let stored = all_events(&host).await;
    let done = || receiver.received("/local").len() >= stored.len();
    receiver.wait_until(&format!("{} events", stored.len()), PATIENCE + Duration::from_secs(30), done).await;
    let relayed: Vec<String> =
        receiver.received("/local").iter().map(|one| one.header("sluicebox-event-id").to_owned()).collect();
    assert_eq!(relayed, stored);
}

async fn post_until_nobody_answers(api: Api) {
    let mut number = 0;
    while api.try_post("open", &[], number.to_string()).await.is_ok() {
        number += 1;
    }
}

/// The ids of all events, oldest first.
async fn all_events(api: &Api) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/v1/events?limit=500{after}")).await.json;
        ids.extend(page["items"].as_array().expect("events").iter().map(|event| event["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    ids.reverse();
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_come_back_is_given_up() {
    let host = Host::start().await;
    host.apply(OPEN_SOURCE).await;
    let mut listening = Listening::start(host.url(), host.key(), &["open", "--give-up-after", "1s"]).await;
    let id = host.post("open", &[], "1").await;
    assert!(listening.line().await.contains(&id));
    host.stop().await;
    assert_eq!(listening.ended().await.code(), Some(1));
    let mut told = Vec::new();
    while let Some(line) = timeout(PATIENCE, listening.told.recv()).await.expect("its end") {
        told.push(line);
    }
    let (last, before) = told.split_last().expect("it said something");
    assert!(last.contains("did not come back within 1s and is given up") && last.contains(&format!("--after {id}")), "{told:?}");
    assert!(before.iter().any(|line| line.contains("the stream was lost")), "{told:?}");
}
