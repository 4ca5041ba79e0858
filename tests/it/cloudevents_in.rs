//! CloudEvents come in, in all three modes, are stored alike, and leave under the source and id that they came with.

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver};

use crate::story::destination;

const STRUCTURED: (&str, &str) = ("content-type", "Application/CloudEvents+JSON; charset=UTF-8");
const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

const SOURCE: &str = "[sources.shop]\nverify = { scheme = \"none\" }\nformat = \"cloudevents\"\nidempotency = {}\n";

fn event(id: &str) -> Value {
    json!({
        "specversion": "1.0", "id": id, "source": "//shop.example/eu", "type": "order.paid", "subject": "5% \u{20ac}",
        "time": "2023-11-14T22:13:20Z", "tenant": "a b", "dataschema": "https://shop.example/order", "data": { "n": 1 },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_alike_in_every_mode_and_leaves_as_it_came() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!("{SOURCE}{out}format = \"cloudevents-structured\"\n[rules.all]\ndestinations = [\"out\"]\n")).await;
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "//shop.example/eu"),
        ("ce-type", "order.paid"),
        ("ce-subject", "5%25%20%E2%82%AC"),
        ("ce-time", "2023-11-14T22:13:20Z"),
        ("ce-tenant", "a%20b"),
        ("ce-dataschema", "https://shop.example/order"),
    ];
    let mut stored = vec![host.post("shop", &binary, "{\"n\":1}").await];
    stored.push(host.post("shop", &[STRUCTURED], event("2").to_string()).await);
    let batch = host.try_post("shop", &[BATCH], json!([event("3"), event("4")]).to_string()).await.expect("an answer");
    assert_eq!(batch.status, 202, "{}", batch.json);
    stored.extend(batch.json["events"].as_array().expect("a list").iter().map(|it| it["id"].as_str().expect("an id").to_owned()));
    for (id, external_id) in stored.iter().zip(["1", "2", "3", "4"]) {
        let event = host.event(id).await;
        let found = ["external_id", "type", "subject", "content_type"].map(|field| event[field].as_str().unwrap_or_default());
        assert_eq!(found, [external_id, "order.paid", "5% \u{20ac}", "application/json"], "{event}");
        assert_eq!(event["body"], json!({ "text": "{\"n\":1}" }));
        let attributes = json!({ "ce-source": "//shop.example/eu", "dataschema": "https://shop.example/order", "tenant": "a b" });
        assert_eq!(event["attributes"], attributes);
        assert!(event["headers"].as_array().expect("headers").contains(&json!(["ce-tenant", "a%20b"])), "{}", event["headers"]);
    }
    let mut left: Vec<Value> =
        receiver.wait_for("/out", 4).await.iter().map(|one| serde_json::from_slice(&one.body).expect("JSON")).collect();
    left.sort_by_key(|document| document["id"].to_string());
    for (document, id) in left.into_iter().zip(["1", "2", "3", "4"]) {
        let mut expected = event(id);
        expected["datacontenttype"] = json!("application/json");
        assert_eq!(document, expected);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_known_by_source_and_id_also_within_a_batch() {
    let host = Host::start().await;
    host.apply(SOURCE).await;
    let first = host.post("shop", &[STRUCTURED], event("1").to_string()).await;
    let mut elsewhere = event("1");
    elsewhere["source"] = json!("//shop.example/us");
    let batch = json!([event("1"), elsewhere, event("2"), event("2")]).to_string();
    let told = host.try_post("shop", &[BATCH], batch).await.expect("an answer").json["events"].clone();
    assert_eq!(told[0], json!({ "id": first, "duplicate": true }));
    assert_eq!((&told[1]["duplicate"], &told[2]["duplicate"]), (&Value::Null, &Value::Null));
    assert_eq!(told[3], json!({ "id": told[2]["id"], "duplicate": true }));
    assert_eq!(host.get("/v1/events").await.json["items"].as_array().expect("a list").len(), 3);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let host = Host::start_with(|config| config.ingest.events_per_request_max = 2).await;
    host.apply(SOURCE).await;
    let post = async |headers: &[(&str, &str)], body: String| {
        let answer = host.try_post("shop", headers, body).await.expect("an answer");
        (answer.status, answer.json["type"].as_str().unwrap_or_default().replace("urn:sluicebox:problem:", ""), answer.json)
    };
    let mut wrong = event("2");
    wrong["specversion"] = json!("0.3");
    let (status, kind, problem) = post(&[BATCH], json!([event("1"), wrong]).to_string()).await;
    assert_eq!((status, kind.as_str(), &problem["index"]), (400, "not-a-cloudevent", &json!(1)));
    let (status, kind, _) = post(&[BATCH], json!([event("1"), event("2"), event("3")]).to_string()).await;
    assert_eq!((status, kind.as_str()), (413, "too-many-events"));
    let (status, kind, _) = post(&[("content-type", "application/cloudevents+xml")], String::new()).await;
    assert_eq!((status, kind.as_str()), (415, "cloudevents-format"));
    let (status, kind, _) = post(&[("content-type", "application/json")], "{}".to_owned()).await;
    assert_eq!((status, kind.as_str()), (400, "not-a-cloudevent"));
    let no_utf8 = [("ce-specversion", "1.0"), ("ce-id", "%FF"), ("ce-source", "/s"), ("ce-type", "t")];
    assert_eq!(post(&no_utf8, String::new()).await.0, 400);
    assert_eq!(host.get("/v1/events").await.json["items"], json!([]));
    assert_eq!(post(&[BATCH], "[]".to_owned()).await.0, 202, "a batch may be empty");
    assert_eq!(post(&[BATCH], json!([event("1"), event("2")]).to_string()).await.0, 202);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leave_to_send_is_granted_by_a_handshake() {
    let host = Host::start().await;
    host.apply(&format!(
        "{SOURCE}allowed_origins = [\"shop.example\"]\nallowed_rate = 120\n[sources.other]\nverify = {{ scheme = \"none\" }}\n"
    ))
    .await;
    let ask = async |source: &str, origin: &str| {
        let request = host.request(Method::OPTIONS, &format!("/in/{source}")).header("webhook-request-origin", origin);
        let answer = request.header("webhook-request-rate", "1000").send().await.expect("an answer");
        let header = |name| answer.headers().get(name).map(|value| value.to_str().expect("text").to_owned());
        (answer.status().as_u16(), header("webhook-allowed-origin"), header("webhook-allowed-rate"), header("allow"))
    };
    let granted = (200, Some("shop.example".to_owned()), Some("120".to_owned()), Some("POST".to_owned()));
    assert_eq!(ask("shop", "shop.example").await, granted);
    assert_eq!(ask("shop", "evil.example").await, (403, None, None, None));
    assert_eq!(ask("other", "shop.example").await.0, 405, "it takes no CloudEvents");
    host.stop().await;
}

/// Leave is granted to nobody from elsewhere, and each answer is counted.
#[tokio::test(flavor = "multi_thread")]
async fn leave_is_granted_only_where_events_would_be_taken_from() {
    let host = Host::start().await;
    host.apply(&format!("{SOURCE}allowed_origins = [\"*\"]\nallow_from = [\"192.0.2.0/24\"]\n")).await;
    let ask = host.request(Method::OPTIONS, "/in/shop").header("webhook-request-origin", "shop.example");
    assert_eq!(ask.send().await.expect("an answer").status(), 403);
    assert_eq!(host.metric("sluicebox_ingest_requests_total").await, 1);
    host.apply(&format!("{SOURCE}allowed_origins = [\"*\"]\n")).await;
    let ask = host.request(Method::OPTIONS, "/in/shop").header("webhook-request-origin", "shop.example");
    assert_eq!(ask.send().await.expect("an answer").status(), 200);
    host.stop().await;
}
