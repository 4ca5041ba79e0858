//! `POST /v1/events`: own services publish, one event or many, and are told of each what became of it.

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Answer, Host, HostProcess, Receiver};
use tempfile::TempDir;

use crate::story::destination;

const SOURCES: &str = "[sources.shop]\nverify = { scheme = \"github\", secret = \"nobody knows\" }\nmax_body_bytes = 100\n\
                       [sources.carts]\nverify = { scheme = \"none\" }\nidempotency = { key = { json = \"cart\" } }\n";

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap_or_default().trim_start_matches("urn:sluicebox:problem:")
}

async fn send_as(host: &Host, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = host.request(Method::POST, path).bearer_auth(host.key()).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.expect("an answer");
    Answer { status: answer.status().as_u16(), json: answer.json().await.unwrap_or_default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_by_the_key_and_delivered() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!("{SOURCES}{out}[rules.all]\nmatch.type = [\"order.paid\"]\ndestinations = [\"out\"]\n")).await;
    let entry = json!({ "source": "shop", "type": "order.paid", "subject": "7", "id": "a", "time": "2023-11-14T22:13:20Z", "data": { "n": 1 } });
    let unknown = host.request(Method::POST, "/v1/events").json(&entry).send().await.expect("an answer");
    assert_eq!(unknown.status().as_u16(), 401, "without the key");
    let answer = host.send("/v1/events", &entry).await;
    assert_eq!(answer.status, 202, "{}", answer.json);
    let event = host.event(answer.json["id"].as_str().expect("an id")).await;
    let found =
        ["source", "type", "subject", "external_id", "content_type"].map(|field| event[field].as_str().unwrap_or_default());
    assert_eq!(found, ["shop", "order.paid", "7", "a", "application/json"]);
    assert!(!event.to_string().contains(host.key()), "the key is not the event's: {event}");
    assert_eq!(receiver.wait_for("/out", 1).await[0].body, "{\"n\":1}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_tells_by_index_what_became_of_each() {
    let host = Host::start_with(|config| config.ingest.events_per_request_max = 6).await;
    host.apply(SOURCES).await;
    let batch = json!([
        { "source": "shop", "data": 1 },
        { "source": "nowhere", "data": 1 },
        { "source": "shop", "data_base64": "?" },
        { "source": "shop", "data": "x".repeat(100) },
        { "source": "carts", "data": { "cart": 7 } },
        "no entry",
    ]);
    for body in [batch.clone(), json!({ "events": batch })] {
        let answer = host.send("/v1/events", &body).await;
        assert_eq!(
            (answer.status, &answer.json["stored"], &answer.json["refused"]),
            (207, &json!(2), &json!(4)),
            "{}",
            answer.json
        );
        let events = answer.json["events"].as_array().expect("a list");
        let told: Vec<_> = events.iter().map(|it| (it["index"].as_u64(), kind(&it["problem"]), it["id"].is_string())).collect();
        let refused = |index, kind| (Some(index), kind, false);
        let expected = [
            (None, "", true),
            refused(1, "unknown-source"),
            refused(2, "bad-event"),
            refused(3, "body-too-large"),
            (None, "", true),
            refused(5, "bad-event"),
        ];
        assert_eq!(told, expected);
    }
    assert_eq!(host.get("/v1/events").await.json["items"].as_array().expect("a list").len(), 3, "the cart came twice");
    assert_eq!(host.metric("sluicebox_ingest_published_total").await, 12);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_wrong_as_a_whole_store_nothing() {
    let host =
        Host::start_with(|config| (config.ingest.events_per_request_max, config.ingest.publish_bytes_max) = (2, 1_000)).await;
    host.apply(SOURCES).await;
    let one = json!({ "source": "shop", "data": 1 });
    for (body, status, expected) in [
        (json!([one, one, one]).to_string(), 413, "too-many-events"),
        ("[".to_owned(), 400, "bad-body"),
        ("".to_owned(), 400, "bad-body"),
        (json!({ "events": 7 }).to_string(), 400, "bad-body"),
        (json!({ "events": [], "more": 1 }).to_string(), 400, "bad-event"),
        (json!({ "source": "shop", "data": "x".repeat(1_000) }).to_string(), 413, "body-too-large"),
        (json!({ "source": "nowhere" }).to_string(), 404, "unknown-source"),
    ] {
        let answer = send_as(&host, "/v1/events", &[], body.clone()).await;
        assert_eq!((answer.status, kind(&answer.json)), (status, expected), "{body}: {}", answer.json);
    }
    let none = host.send("/v1/events", &json!([{ "source": "nowhere" }, { "source": "x" }])).await;
    assert_eq!((none.status, &none.json["stored"]), (404, &json!(0)));
    assert_eq!(host.send("/v1/events", &json!([])).await.status, 202);
    assert_eq!(host.get("/v1/events").await.json["items"], json!([]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_twice_stores_one_event_also_within_a_batch() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let keyed = |data: u8| json!({ "source": "shop", "data": data, "idempotency_key": "k" });
    let cart = json!({ "source": "carts", "data": { "cart": 7 } });
    let answer = host.send("/v1/events", &json!([keyed(1), keyed(2), cart, cart])).await;
    assert_eq!(answer.status, 202, "{}", answer.json);
    let told = &answer.json["events"];
    assert_eq!(told[1], json!({ "id": told[0]["id"], "duplicate": true }));
    assert_eq!(told[3], json!({ "id": told[2]["id"], "duplicate": true }));
    let again = host.send("/v1/events", &keyed(3)).await;
    assert_eq!(again.json, json!({ "id": told[0]["id"], "duplicate": true }));
    let posted = host.try_post("carts", &[], "{\"cart\":7}").await.expect("an answer");
    assert_eq!(
        posted.json,
        json!({ "id": told[2]["id"], "duplicate": true }),
        "keys are the source's, whichever way an event comes"
    );
    assert_eq!(host.event(told[0]["id"].as_str().expect("an id")).await["body"], json!({ "text": "1" }));
    host.stop().await;
}

/// Two that are told apart by their ids are two, though the provider's place for ids says the same of both.
#[tokio::test(flavor = "multi_thread")]
async fn the_id_that_is_told_counts_before_the_providers() {
    let host = Host::start().await;
    host.apply("[sources.stripe]\nverify = { scheme = \"stripe\", secret = \"s\" }\nidempotency = {}\n").await;
    let entry = |id: &str| json!({ "source": "stripe", "id": id, "data": { "id": "order-7" } });
    let first = host.send("/v1/events", &entry("7-paid")).await;
    let second = host.send("/v1/events", &entry("7-refunded")).await;
    assert_eq!((&first.json["duplicate"], &second.json["duplicate"]), (&Value::Null, &Value::Null), "{}", second.json);
    assert_eq!(host.send("/v1/events", &entry("7-paid")).await.json, json!({ "id": first.json["id"], "duplicate": true }));
    host.stop().await;
}

/// Only the host says by which method an event came.
#[tokio::test(flavor = "multi_thread")]
async fn no_method_is_told_of_what_is_published() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let entry = json!({ "source": "shop", "data": 1, "headers": { "sluicebox-method": "DELETE", "x-kept": "1" } });
    let id = host.send("/v1/events", &entry).await.json["id"].as_str().expect("an id").to_owned();
    assert_eq!(host.event(&id).await["headers"], json!([["x-kept", "1"]]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_are_published_in_every_mode() {
    let host = Host::start().await;
    host.apply(SOURCES).await;
    let event = |id: &str| json!({ "specversion": "1.0", "id": id, "source": "/s", "type": "t", "data": 1 });
    let structured = [("content-type", "application/cloudevents+json")];
    let one = send_as(&host, "/v1/events?source=shop", &structured, event("1").to_string()).await;
    assert_eq!(one.status, 202, "{}", one.json);
    let stored = host.event(one.json["id"].as_str().expect("an id")).await;
    assert_eq!((&stored["external_id"], &stored["attributes"]), (&json!("1"), &json!({ "ce-source": "/s" })));
    let binary =
        [("ce-specversion", "1.0"), ("ce-id", "2"), ("ce-source", "/s"), ("ce-type", "t"), ("content-type", "text/plain")];
    let two = send_as(&host, "/v1/events?source=shop", &binary, "text".to_owned()).await;
    let stored = host.event(two.json["id"].as_str().expect("an id")).await;
    assert!(stored["headers"].as_array().expect("a list").contains(&json!(["ce-id", "2"])), "{stored}");
    assert!(!stored.to_string().contains(host.key()) && stored["body"] == json!({ "text": "text" }), "{stored}");
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let many = send_as(&host, "/v1/events?source=shop", &batch, json!([event("3"), {}]).to_string()).await;
    assert_eq!((many.status, kind(&many.json["events"][1]["problem"])), (207, "not-a-cloudevent"), "{}", many.json);
    for (path, headers) in [("/v1/events", &structured[..]), ("/v1/events?source=shop", &[][..])] {
        let answer = send_as(&host, path, headers, event("4").to_string()).await;
        assert_eq!((answer.status, kind(&answer.json)), (400, "bad-body"), "{path}");
    }
    assert_eq!(send_as(&host, "/v1/events?source=nowhere", &structured, event("4").to_string()).await.status, 404);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_on_disk() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    host.apply(SOURCES).await;
    let batch: Vec<Value> = (0..200).map(|n| json!({ "source": "carts", "data": { "cart": n } })).collect();
    let answer = host.send("/v1/events", &json!(batch)).await;
    host.kill();
    assert_eq!(answer.status, 202, "{}", answer.json);
    let host = HostProcess::start(&data).await;
    for told in answer.json["events"].as_array().expect("a list") {
        assert_eq!(host.get(&format!("/v1/events/{}", told["id"].as_str().expect("an id"))).await.status, 200);
    }
    host.stop().await;
}
