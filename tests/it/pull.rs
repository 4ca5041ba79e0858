//! Queues: messages that consumers fetch, under a lease, and acknowledge.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::response::IntoResponse as _;
use http::StatusCode;
use serde_json::{Value, json};
use sluicebox::config::{Config, system_clock};
use sluicebox_tests::{Answer, Api, Host, HostProcess, Receiver, eventually};
use standardwebhooks::Webhook;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::story::{OPEN_SOURCE, SECRET, destination};

const MESSAGES: &str = "/v1/destinations/jobs/messages";

/// A queue with these settings, and a rule for everything.
fn hub(settings: &str) -> String {
    format!("{OPEN_SOURCE}[destinations.jobs]\nkind = \"pull\"\n{settings}\n[rules.all]\ndestinations = [\"jobs\"]\n")
}

/// A host on such a queue.
async fn host(settings: &str) -> Host {
    let host = Host::start().await;
    host.apply(&hub(settings)).await;
    host
}

/// A clock that can be moved forward, and how far it was.
fn moved_by(ms: &Arc<AtomicU64>) -> impl FnOnce(&mut Config) + use<> {
    let (system, ms) = (system_clock(), Arc::clone(ms));
    move |config| config.clock = Arc::new(move || system().plus_ms(ms.load(Ordering::SeqCst)))
}

async fn poll(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.get(&format!("{MESSAGES}?{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    answer.json["items"].as_array().expect("items").clone()
}

/// Waits for the first message.
async fn first(api: &Api) -> Value {
    poll(api, "max=1&wait=30s").await.pop().expect("a message")
}

async fn hand_in(api: &Api, what: &str, receipts: &[&Value], more: &Value) -> Answer {
    let mut body = json!({ "receipts": receipts });
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    api.send(&format!("{MESSAGES}/{what}"), &body).await
}

/// Hands in one receipt, and gives the failure's code, or null.
async fn word(api: &Api, what: &str, item: &Value, more: Value) -> Value {
    let answer = hand_in(api, what, &[&item["receipt"]], &more).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    assert_eq!(answer.json["items"][0]["receipt"], item["receipt"]);
    answer.json["items"][0]["failure"]["code"].clone()
}

async fn ack(api: &Api, item: &Value) -> Value {
    word(api, "ack", item, json!({})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_fetched_acknowledged_and_not_given_again() {
    let host = host("").await;
    let event = host.post("open", &[("x-type", "made"), ("content-type", "text/plain")], "hello").await;
    let item = first(&host).await;
    assert_eq!((&item["event"], &item["source"], &item["rule"]), (&json!(event), &json!("open"), &json!("all")));
    assert_eq!((&item["type"], &item["content_type"]), (&json!("made"), &json!("text/plain")));
    assert_eq!((&item["body"], &item["attempt"], &item["signed"]), (&json!({ "text": "hello" }), &json!(1), &Value::Null));
    assert!(item["id"].as_str().is_some_and(|id| id.starts_with("msg_")), "{item}");

    assert!(poll(&host, "").await.is_empty(), "it is under lease");
    assert_eq!(host.metric("sluicebox_pull_leased").await, 1);
    for _ in 0..2 {
        assert_eq!(ack(&host, &item).await, Value::Null, "also a second time");
    }
    let delivered = host.delivery_in_state("all", "delivered").await;
    assert_eq!((&delivered["id"], &delivered["attempts"]), (&item["id"], &json!(1)));
    assert_eq!(delivered["attempt_records"][0]["failure"], Value::Null);
    assert!(poll(&host, "").await.is_empty());
    assert_eq!(host.metric("sluicebox_pull_leased").await, 0);
    assert_eq!(host.metric("sluicebox_delivery_attempts_total").await, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_text_are_base64() {
    let host = host("").await;
    host.post("open", &[], vec![0xff, 0x00]).await;
    assert_eq!(first(&host).await["body"], json!({ "base64": "/wA=" }));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_waits_wakes_with_the_message() {
    let host = host("").await;
    let api = Api::clone(&host);
    let polling = tokio::spawn(async move { poll(&api, "wait=60s").await });
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    let begun = Instant::now();
    host.post("open", &[], "{}").await;
    assert_eq!(polling.await.expect("no panic").len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(30), "it was woken, and did not wait to its end");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_host_ends_a_poll_with_nothing() {
    let host = host("").await;
    let api = Api::clone(&host);
    let polling = tokio::spawn(async move { poll(&api, "wait=60s").await });
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    let begun = Instant::now();
    host.stop().await;
    assert!(polling.await.expect("no panic").is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10), "sooner than requests under way are cut off");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_while_waiting_is_given_nothing() {
    let host = host("").await;
    let request = host.request(reqwest::Method::GET, &format!("{MESSAGES}?wait=60s")).bearer_auth(host.key());
    let polling = tokio::spawn(request.send());
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    polling.abort();
    eventually("no poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 0).then_some(())).await;
    host.post("open", &[], "{}").await;
    assert_eq!(first(&host).await["attempt"], 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_that_waits_is_given_nothing_when_its_key_has_ended() {
    let host = host("").await;
    let made = host.send("/v1/keys", &json!({ "name": "consumer", "scopes": ["pull"] })).await.json;
    let theirs = host.with_key(made["secret"].as_str().expect("a secret"));
    let polling = tokio::spawn(async move { theirs.get(&format!("{MESSAGES}?wait=60s")).await });
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    assert_eq!(host.delete(&format!("/v1/keys/{}", made["key"]["id"].as_str().expect("an id"))).await.status, 200);
    host.post("open", &[], "{}").await;
    let answer = polling.await.expect("no panic");
    assert_eq!((answer.status, &answer.json["type"]), (401, &json!("urn:sluicebox:problem:no-key")), "{}", answer.json);
    assert_eq!(first(&host).await["attempt"], 1, "the message is there for others");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_polls_may_wait() {
    let host = Host::start_with(|config| config.deliver.pull_polls_max = 1).await;
    host.apply(&hub("")).await;
    let api = Api::clone(&host);
    let polling = tokio::spawn(async move { poll(&api, "wait=60s").await });
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    let refused = host.get(&format!("{MESSAGES}?wait=1s")).await;
    assert_eq!((refused.status, &refused.json["type"]), (429, &json!("urn:sluicebox:problem:too-many-polls")));
    assert_eq!(host.metric("sluicebox_pull_polls_refused_total").await, 1);
    assert!(poll(&host, "").await.is_empty(), "who does not wait is answered");
    host.stop().await;
    assert!(polling.await.expect("no panic").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_comes_again_until_it_is_a_dead_letter() {
    let host = host("retry = { attempts_max = 2 }").await;
    host.post("open", &[], "{}").await;
    let one = first(&host).await;
    assert_eq!(word(&host, "nack", &one, json!({ "delay": "0s", "reason": "no room" })).await, Value::Null);
    assert_eq!(word(&host, "nack", &one, json!({})).await, "lease-over", "it was given back already");
    let again = first(&host).await;
    assert_eq!((&again["id"], &again["attempt"]), (&one["id"], &json!(2)));
    assert_eq!(ack(&host, &one).await, "lease-over", "another has it by now");
    assert_eq!(word(&host, "nack", &again, json!({ "delay": "1h" })).await, Value::Null);
    let dead = host.delivery_in_state("all", "dead").await;
    assert_eq!((&dead["failure"]["code"], &dead["attempts"]), (&json!("attempts-exhausted"), &json!(2)));
    assert_eq!(dead["attempt_records"][0]["failure"]["message"], "the consumer gave it back: no room");
    assert_eq!(ack(&host, &again).await, "dead-letter");
    assert_eq!(host.metric("sluicebox_delivery_dead_letters_total").await, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_puts_a_message_off() {
    let by = Arc::new(AtomicU64::new(0));
    let host = Host::start_with(moved_by(&by)).await;
    host.apply(&hub("")).await;
    host.post("open", &[], "{}").await;
    let item = first(&host).await;
    assert_eq!(word(&host, "nack", &item, json!({ "delay": "10m" })).await, Value::Null);
    by.store(9 * 60_000, Ordering::SeqCst);
    assert!(poll(&host, "").await.is_empty());
    by.store(11 * 60_000, Ordering::SeqCst);
    assert_eq!(poll(&host, "").await[0]["attempt"], 2);
    host.stop().await;
}

/// Time does not pass by itself here: the clock is moved.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_over_is_a_failed_attempt() {
    let by = Arc::new(AtomicU64::new(0));
    let host = Host::start_with(moved_by(&by)).await;
    host.apply(&hub("lease = \"5m\"")).await;
    host.post("open", &[], "{}").await;
    let one = first(&host).await;
    by.store(4 * 60_000, Ordering::SeqCst);
    assert!(poll(&host, "").await.is_empty());
    by.store(6 * 60_000, Ordering::SeqCst);
    let two = poll(&host, "lease=1h").await.pop().expect("it is given again");
    assert_eq!((&two["id"], &two["attempt"]), (&one["id"], &json!(2)));
    assert_ne!(two["receipt"], one["receipt"]);
    assert_eq!(ack(&host, &one).await, "lease-over");
    by.store(60 * 60_000, Ordering::SeqCst);
    assert!(poll(&host, "").await.is_empty(), "it asked for an hour");

    // The second lease is over as well, and nobody else has the message: who is done is believed.
    by.store(70 * 60_000, Ordering::SeqCst);
    assert_eq!(ack(&host, &two).await, Value::Null);
    let delivered = host.delivery_in_state("all", "delivered").await;
    assert_eq!(delivered["attempt_records"][0]["failure"]["code"], "lease-over");
    assert!(poll(&host, "").await.is_empty());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_can_be_extended() {
    let by = Arc::new(AtomicU64::new(0));
    let host = Host::start_with(moved_by(&by)).await;
    host.apply(&hub("lease = \"1m\"")).await;
    host.post("open", &[], "{}").await;
    let item = first(&host).await;
    assert_eq!(word(&host, "extend", &item, json!({ "lease": "10m" })).await, Value::Null);
    by.store(5 * 60_000, Ordering::SeqCst);
    assert!(poll(&host, "").await.is_empty());
    by.store(11 * 60_000, Ordering::SeqCst);
    assert_eq!(poll(&host, "").await.len(), 1);
    assert_eq!(word(&host, "extend", &item, json!({})).await, "lease-over");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_consumers_have_a_message_at_once() {
    let host = host("").await;
    let mut consumers = JoinSet::new();
    for _ in 0..8 {
        let api = Api::clone(&host);
        consumers.spawn(async move {
            let mut had: Vec<String> = Vec::new();
            // Nothing is acknowledged before the end, so whatever is given twice was given to two at once.
            loop {
                let given = poll(&api, "max=7&wait=2s").await;
                if given.is_empty() {
                    return had;
                }
                had.extend(given.iter().map(|item| item["id"].as_str().expect("an id").to_owned()));
            }
        });
    }
    for n in 0..150 {
        host.post("open", &[], n.to_string()).await;
    }
    let had: Vec<String> = consumers.join_all().await.concat();
    assert_eq!(had.len(), 150);
    assert_eq!(had.iter().collect::<BTreeSet<_>>().len(), 150);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_messages_are_under_lease_and_an_ack_makes_room() {
    let host = host("leased_max = 2").await;
    for n in 0..3 {
        let id = host.post("open", &[], n.to_string()).await;
        host.run_in_state(&id, "all", "planned").await;
    }
    let given = poll(&host, "max=10").await;
    assert_eq!(given.len(), 2);
    let api = Api::clone(&host);
    let polling = tokio::spawn(async move { poll(&api, "wait=30s").await });
    eventually("a poll that waits", async || (host.metric("sluicebox_pull_polls_waiting").await == 1).then_some(())).await;
    assert_eq!(ack(&host, &given[0]).await, Value::Null);
    assert_eq!(polling.await.expect("no panic").len(), 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_fail_singly() {
    let host = host("").await;
    host.post("open", &[], "{}").await;
    let item = first(&host).await;
    let answer = hand_in(&host, "ack", &[&json!("rct_x"), &item["receipt"], &item["id"]], &json!({})).await;
    assert_eq!((answer.status, &answer.json["acked"]), (200, &json!(1)), "{}", answer.json);
    let codes: Vec<&Value> = answer.json["items"].as_array().expect("items").iter().map(|one| &one["failure"]["code"]).collect();
    assert_eq!(codes, [&json!("unknown-receipt"), &Value::Null, &json!("unknown-receipt")]);
    assert_eq!(hand_in(&host, "ack", &[], &json!({})).await.status, 400);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_signed_where_the_queue_has_a_secret() {
    let host = host(&format!("secret = \"{SECRET}\"")).await;
    host.post("open", &[], "{\"n\":1}").await;
    let item = first(&host).await;
    let signed = item["signed"].as_object().expect("a signature");
    let headers = signed.iter().map(|(name, value)| {
        (http::HeaderName::try_from(name).expect("a name"), value.as_str().expect("text").parse().expect("a value"))
    });
    Webhook::new(SECRET).expect("a secret").verify(b"{\"n\":1}", &headers.collect()).expect("it is signed");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused() {
    let receiver = Receiver::start().await;
    let host = Host::start().await;
    for (settings, pointer, told) in [
        ("url = \"https://example.com\"", "/url", "is fetched from"),
        ("confirm = {}", "/confirm", "is fetched from"),
        ("leese = \"1m\"", "/leese", "did you mean `lease`?"),
        ("lease = \"1d\"", "/lease", "write 1s to 12h"),
    ] {
        let refused = host.try_apply(&hub(settings)).await;
        let problem = &refused.json["problems"][0];
        assert_eq!((refused.status, &problem["pointer"]), (422, &json!(pointer)), "{problem}");
        assert!(problem["message"].as_str().is_some_and(|text| text.contains(told)), "{problem}");
    }
    let other = host.try_apply(&hub("").replace("\"pull\"", "\"poll\"")).await;
    assert!(other.json["problems"][0]["message"].as_str().is_some_and(|text| text.contains("`push`, `pull`")), "{}", other.json);

    host.apply(&format!("{}{}", hub(""), destination("out", receiver.url()))).await;
    for (path, status) in [
        ("/v1/destinations/out/messages", 409),
        ("/v1/destinations/none/messages", 404),
        (&format!("{MESSAGES}?max=101"), 400),
        (&format!("{MESSAGES}?wait=61s"), 400),
        (&format!("{MESSAGES}?lease=1ms"), 400),
        (&format!("{MESSAGES}?limit=1"), 400),
    ] {
        assert_eq!(host.get(path).await.status, status, "{path}");
    }
    host.apply(&hub("enabled = false")).await;
    assert_eq!(host.get(MESSAGES).await.json["type"], "urn:sluicebox:problem:disabled");
    host.stop().await;
}

/// What its URL did not take, the destination hands over as a queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_becomes_a_queue_keeps_its_messages() {
    let by = Arc::new(AtomicU64::new(0));
    let host = Host::start_with(moved_by(&by)).await;
    let receiver = Receiver::answering(|_| StatusCode::SERVICE_UNAVAILABLE.into_response()).await;
    let sent = format!("[destinations.jobs]\nurl = \"{}\"\nretry = {{ first = \"1h\", max = \"1h\" }}\n", receiver.url());
    host.apply(&format!("{OPEN_SOURCE}{sent}[rules.all]\ndestinations = [\"jobs\"]\n")).await;
    host.post("open", &[], "{}").await;
    let waiting = eventually("a failed attempt", async || {
        let page = host.get("/v1/deliveries?state=waiting").await.json;
        page["items"].as_array()?.iter().find(|one| one["attempts"] == 1).cloned()
    })
    .await;
    host.apply(&hub("")).await;
    by.store(2 * 3_600_000, Ordering::SeqCst);
    let item = first(&host).await;
    assert_eq!((&item["id"], &item["attempt"]), (&waiting["id"], &json!(2)));
    assert_eq!(ack(&host, &item).await, Value::Null);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_leases_and_no_acknowledgement() {
    let folder = TempDir::new().expect("a folder");
    let data: PathBuf = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub("lease = \"1h\"")).await;
    for n in 0..3 {
        let id = host.post("open", &[], n.to_string()).await;
        host.run_in_state(&id, "all", "planned").await;
    }
    let given = poll(&host, "").await;
    assert_eq!(ack(&host, &given[0]).await, Value::Null);
    host.stop().await;

    let host = Host::start_at(data, |_| {}).await;
    assert_eq!(ack(&host, &given[1]).await, Value::Null, "it is done, and nobody else has it");
    let again = poll(&host, "").await;
    let ids: Vec<&Value> = again.iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, [&given[2]["id"]]);
    assert_eq!(again[0]["attempt"], 1, "what the host forgot is not held against the message");
    assert_eq!(ack(&host, &given[2]).await, "lease-over");
    assert_eq!(ack(&host, &again[0]).await, Value::Null);
    let delivered = host.get("/v1/deliveries?state=delivered").await.json;
    assert!(delivered["items"].as_array().expect("deliveries").iter().all(|one| one["attempts"] == 1), "{delivered}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_fetches_in_time_is_a_dead_letter() {
    let folder = TempDir::new().expect("a folder");
    let data: PathBuf = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub("retry = { age_max = \"1d\" }")).await;
    let id = host.post("open", &[], "{}").await;
    host.run_in_state(&id, "all", "planned").await;
    host.stop().await;
    let host = Host::start_at(data, moved_by(&Arc::new(AtomicU64::new(25 * 3_600_000)))).await;
    let dead = host.delivery_in_state("all", "dead").await;
    assert_eq!((&dead["failure"]["code"], &dead["attempts"]), (&json!("too-old"), &json!(0)));
    assert!(poll(&host, "").await.is_empty());
    host.stop().await;
}

/// How often the host is killed.
const KILLS: u64 = 8;

/// An acknowledgement that was answered is on disk; everything else is given again, until it is acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_gives_again_what_was_not_acknowledged_and_nothing_else() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let (mut posted, mut acked): (BTreeSet<String>, BTreeMap<String, u64>) = (BTreeSet::new(), BTreeMap::new());
    for kill in 0..KILLS {
        let host = HostProcess::start(&data).await;
        if kill == 0 {
            host.apply(&hub("")).await;
        }
        let moment = tokio::time::Instant::now() + Duration::from_millis(20 + kill * kill * 5);
        let mut working = JoinSet::new();
        working.spawn(produce(Api::clone(&host)));
        for _ in 0..2 {
            working.spawn(consume(Api::clone(&host), acked.clone(), kill));
        }
        tokio::time::sleep_until(moment).await;
        host.kill();
        // What was answered before the kill counts.
        for done in working.join_all().await {
            posted.extend(done.posted);
            for id in done.acked {
                assert_eq!(acked.insert(id.clone(), kill), None, "{id} was acknowledged twice");
            }
        }
    }
    assert!(acked.len() > 10, "only {} messages were acknowledged: the kills came too early", acked.len());
    let host = HostProcess::start(&data).await;
    eventually("the end of every event", async || {
        for item in poll(&host, "max=100&wait=1s").await {
            let id = item["id"].as_str().expect("an id").to_owned();
            assert!(!acked.contains_key(&id), "{id} was given again after its acknowledgement");
            assert_eq!(ack(&host, &item).await, Value::Null);
            acked.insert(id, KILLS);
        }
        let waiting = host.get("/v1/deliveries?state=waiting").await.json;
        let pending = host.get("/v1/runs?state=pending").await.json;
        let is_empty = |page: &Value| page["items"].as_array().is_some_and(Vec::is_empty);
        (is_empty(&waiting) && is_empty(&pending)).then_some(())
    })
    .await;
    for id in posted {
        let event = host.event(&id).await;
        assert_eq!(event["deliveries"][0]["state"], "delivered", "{event}");
    }
}

#[derive(Default)]
struct Done {
    posted: Vec<String>,
    acked: Vec<String>,
}

/// Posts until nobody answers.
async fn produce(api: Api) -> Done {
    let mut done = Done::default();
    while let Ok(answer) = api.try_post("open", &[], "{}").await {
        if answer.status == 202 {
            done.posted.push(answer.json["id"].as_str().expect("an id").to_owned());
        }
    }
    done
}

/// Fetches and acknowledges until nobody answers. An acknowledgement whose answer is lost may be on disk or not; such a message may come
/// again, and is not among those that may not.
async fn consume(api: Api, before: BTreeMap<String, u64>, kill: u64) -> Done {
    let mut done = Done::default();
    let ask = async |request: reqwest::RequestBuilder| {
        let answer = request.bearer_auth(api.key()).send().await.ok()?;
        answer.json::<Value>().await.ok()
    };
    while let Some(given) = ask(api.request(reqwest::Method::GET, &format!("{MESSAGES}?max=5&wait=1s"))).await {
        for item in given["items"].as_array().into_iter().flatten() {
            let id = item["id"].as_str().expect("an id").to_owned();
            assert!(!before.contains_key(&id), "{id} was acknowledged in {:?}, and given in {kill}", before.get(&id));
            let body = json!({ "receipts": [item["receipt"]] });
            let acked = ask(api.request(reqwest::Method::POST, &format!("{MESSAGES}/ack")).json(&body)).await;
            match acked {
                Some(acked) if acked["acked"] == 1 => done.acked.push(id),
                _ => break,
            }
        }
    }
    done
}
