//! 202 means on disk: a kill at any moment loses no acknowledged event, and every repeat carries its first `webhook-id`.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    time::Duration,
};

use serde_json::Value;
use sluicebox_tests::{
    Api, HostProcess, Receiver, eventually,
    github::{self, Payload},
    guests,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::story::destination;

const GITHUB: &str = "It's a Secret to Everybody";
/// How often the host is killed.
const KILLS: u64 = 20;
/// How many post at once.
const SENDERS: usize = 4;

/// The rules of the demo, with a batch for all pushes and a copy of every event kept.
async fn apply(api: &Api, receiver: &Receiver) {
    let demo = include_str!("../../docs/demo/hub.toml");
    let mut hub: toml::Table = toml::from_str(demo).expect("the demo's hub file");
    for (name, document) in hub["plugins"].as_table_mut().expect("plugins") {
        let digest = api.upload(guests::component(name)).await.expect("a component");
        let document = document.as_table_mut().expect("a plugin");
        document.remove("path");
        document.insert("digest".into(), digest.into());
    }
    hub["sources"]["github"]["verify"]["secret"] = GITHUB.into();
    let destinations = ["crm", "chat", "archive"].map(|name| destination(name, &format!("{}/{name}", receiver.url())));
    hub.insert(
        "destinations".into(),
        toml::from_str::<toml::Table>(&destinations.concat()).expect("TOML")["destinations"].clone(),
    );
    let everything = toml::toml! { destinations = ["archive"] };
    hub["rules"].as_table_mut().expect("rules").insert("everything".into(), everything.into());
    api.apply(&toml::to_string(&hub).expect("TOML")).await;
}

/// The payload as if it were the n-th of its kind: no two events have the same bytes.
fn numbered(payload: &Payload, number: usize) -> Payload {
    let mut body: Value = serde_json::from_slice(&payload.body).expect("JSON");
    body["number_of_test"] = number.into();
    Payload { body: body.to_string().into_bytes(), ..payload.clone() }
}

async fn try_post(api: &Api, payload: &Payload) -> Option<String> {
    let headers = github::headers(payload, GITHUB);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = api.try_post("github", &headers, payload.body.clone()).await.ok()?;
    (answer.status == 202).then(|| answer.json["id"].as_str().expect("an id").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let payloads: Vec<Payload> =
        github::payloads().into_iter().filter(|p| ["issues", "push", "star", "fork"].contains(&p.event.as_str())).collect();
    let mut acknowledged: BTreeMap<String, Payload> = BTreeMap::new();
    let mut number = 0;
    for kill in 0..KILLS {
        let host = HostProcess::start(&data).await;
        if kill == 0 {
            apply(&host, &receiver).await;
        }
        // From before the first event's commit to far into plugins, batches and deliveries, finely at first.
        let moment = tokio::time::sleep(Duration::from_millis(kill * kill));
        // Several senders at once, so that commits hold several events.
        let mut posting = JoinSet::new();
        let mut moment = pin!(moment);
        loop {
            while posting.len() < SENDERS {
                number += 1;
                let payload = numbered(&payloads[number % payloads.len()], number);
                let api: Api = Api::clone(&host);
                posting.spawn(async move { (try_post(&api, &payload).await, payload) });
            }
            tokio::select! {
                () = &mut moment => break,
                Some(posted) = posting.join_next() => acknowledge(&mut acknowledged, posted.expect("no panic")),
            }
        }
        host.kill();
        // What was answered before the kill counts, even where the answer is read after it.
        while let Some(posted) = posting.join_next().await {
            acknowledge(&mut acknowledged, posted.expect("no panic"));
        }
    }
    assert!(acknowledged.len() > 20, "only {} events were acknowledged: the kills came too early", acknowledged.len());
    let host = HostProcess::start(&data).await;
    every_event_arrives(&host, &receiver, &acknowledged).await;
    every_repeat_has_its_first_id(&receiver);
}

fn acknowledge(acknowledged: &mut BTreeMap<String, Payload>, (id, payload): (Option<String>, Payload)) {
    if let Some(id) = id {
        acknowledged.insert(id, payload);
    }
}

async fn every_event_arrives(host: &Api, receiver: &Receiver, acknowledged: &BTreeMap<String, Payload>) {
    eventually("a copy of every acknowledged event", async || {
        let arrived: BTreeSet<Vec<u8>> = receiver.received("/archive").into_iter().map(|one| one.body.to_vec()).collect();
        acknowledged.values().all(|payload| arrived.contains(&payload.body)).then_some(())
    })
    .await;
    for (id, payload) in acknowledged {
        let event = eventually(&format!("the end of {id}"), async || {
            let event = host.event(id).await;
            let settled = |list: &Value, open: &str| list.as_array().is_some_and(|l| l.iter().all(|one| one["state"] != open));
            (event["routed"] == true && settled(&event["runs"], "pending") && settled(&event["deliveries"], "waiting"))
                .then_some(event)
        })
        .await;
        let runs: BTreeMap<&str, &str> = event["runs"]
            .as_array()
            .expect("runs")
            .iter()
            .map(|run| (run["rule"].as_str().unwrap_or(""), run["state"].as_str().unwrap_or("")))
            .collect();
        assert!(!event["deliveries"].to_string().contains("\"dead\""), "{id}: {}", event["deliveries"]);
        assert!(!runs.values().any(|state| *state == "dead"), "{id}: {}", event["runs"]);
        assert_eq!(runs.get("everything"), Some(&"planned"), "{id}");
        match payload.event.as_str() {
            "push" => assert_eq!(runs.get("pushes"), Some(&"batched"), "{id}"),
            "star" => assert_eq!(runs.get("keep"), Some(&"planned"), "{id}"),
            "issues" if payload.name != "issues.edited" => {
                assert_eq!(runs.get("new-issues"), Some(&"planned"), "{id}");
                let delivered = |one: &Value| one["rule"] == "new-issues" && one["state"] == "delivered";
                assert!(event["deliveries"].as_array().expect("deliveries").iter().any(delivered), "{id}");
            }
            _ => {}
        }
    }
    // Events may be stored although their answer was lost in the kill: so what is stored is counted, not what was acknowledged.
    let pushes = stored_pushes(host).await;
    eventually("every push in a digest", async || {
        let mut by_id = BTreeMap::new();
        for one in receiver.received("/chat") {
            let digest: Value = serde_json::from_slice(&one.body).expect("JSON");
            by_id.insert(one.id().to_owned(), usize::try_from(digest["pushes"].as_u64().expect("a number")).expect("small"));
        }
        let folded = by_id.values().sum::<usize>();
        assert!(folded <= pushes, "{folded} of {pushes} pushes were folded: one twice");
        (folded == pushes).then_some(())
    })
    .await;
}

async fn stored_pushes(host: &Api) -> usize {
    let (mut pushes, mut before) = (0, String::new());
    loop {
        let page = host.get(&format!("/v1/events?type=push&limit=500{before}")).await.json;
        pushes += page["items"].as_array().expect("events").len();
        match page["next"].as_u64() {
            Some(next) => before = format!("&before={next}"),
            None => return pushes,
        }
    }
}

/// The same id has the same bytes, and the same event to the same destination by the same rule has one id.
fn every_repeat_has_its_first_id(receiver: &Receiver) {
    for path in ["/crm", "/chat", "/archive"] {
        let mut bodies: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut ids: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
        for one in receiver.received(path) {
            let first = bodies.entry(one.id().to_owned()).or_insert_with(|| one.body.to_vec());
            assert_eq!(*first, one.body, "{} was sent with two bodies", one.id());
            ids.entry(one.body.to_vec()).or_default().insert(one.id().to_owned());
        }
        // `star` goes to the archive by two rules.
        let most = if path == "/archive" { 2 } else { 1 };
        for (body, ids) in ids {
            assert!(ids.len() <= most, "{ids:?} carry the same event: {}", String::from_utf8_lossy(&body[..body.len().min(100)]));
        }
    }
}
