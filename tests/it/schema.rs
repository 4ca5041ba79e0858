//! Events that do not fit their source's JSON Schema are refused, or stored as dead letters that no rule sees.

use std::{fs, process::Command};

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, process};
use tempfile::TempDir;

use crate::story::destination;

/// Orders need an id that is an integer; all others are objects.
const SCHEMAS: &str = "[sources.shop]\nverify = { scheme = \"none\" }\ntype = { json = \"type\" }\n\
    schema = { type = \"object\" }\n\
    schemas.\"order.created\" = { required = [\"id\"], properties.id = { type = \"integer\" } }\n";

fn hub(receiver: &Receiver, on_invalid: &str) -> String {
    let out = destination("out", &format!("{}/out", receiver.url()));
    format!("{SCHEMAS}on_invalid = \"{on_invalid}\"\n{out}[rules.all]\ndestinations = [\"out\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_does_not_fit_is_refused_by_its_place() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    host.apply(&hub(&receiver, "refuse")).await;
    for (body, path) in [("{\"type\":\"order.created\",\"id\":\"canary\"}", "/id"), ("[]", ""), ("no JSON", "")] {
        let answer = host.try_post("shop", &[], body).await.expect("an answer");
        assert_eq!((answer.status, &answer.json["type"]), (422, &"urn:sluicebox:problem:schema".into()), "{body}");
        assert_eq!(answer.json["path"], path, "{body}");
        assert!(!answer.json.to_string().contains("canary"), "{}", answer.json);
    }
    assert_eq!(host.get("/v1/events").await.json["items"], json!([]));
    host.post("shop", &[], "{\"type\":\"order.created\",\"id\":1}").await;
    host.post("shop", &[], "{\"type\":\"other\"}").await;
    receiver.wait_for("/out", 2).await;
    let batch = json!([
        { "source": "shop", "type": "order.created", "data": { "id": 2 } },
        { "source": "shop", "type": "order.created", "data": {} },
    ]);
    let answer = host.send("/v1/events", &batch).await;
    assert_eq!((answer.status, &answer.json["events"][1]["index"]), (207, &json!(1)), "{}", answer.json);
    assert_eq!(answer.json["events"][1]["problem"]["path"], "");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_does_not_fit_is_a_dead_letter_and_is_replayed_when_the_schema_is_mended() {
    let (receiver, folder) = (Receiver::start().await, TempDir::new().expect("a folder"));
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    host.apply(&hub(&receiver, "dead-letter")).await;
    let id = host.post("shop", &[], "{\"type\":\"order.created\",\"id\":\"7\"}").await;
    let other = host.post("shop", &[], "{\"type\":\"order.created\"}").await;
    host.post("shop", &[], "{\"type\":\"other\"}").await;
    receiver.wait_for("/out", 1).await;
    let page = host.metrics().await;
    assert!(page.lines().any(|line| line.contains("outcome=\"dead-letter\"") && line.ends_with(" 2")), "{page}");
    host.stop().await;
    let host = Host::start_at(data, |_| {}).await;

    let letters = host.get("/v1/dead-letters?kind=event&code=schema").await.json["items"].clone();
    let [second, first] = &letters.as_array().expect("a list")[..] else { panic!("two letters: {letters}") };
    assert_eq!((&first["id"], &first["kind"], &first["source"]), (&json!(id), &json!("event"), &json!("shop")));
    let why = first["failure"]["message"].as_str().expect("a text");
    assert!(why.starts_with("`/id`: ") && !why.contains('7'), "{why}");
    assert_eq!(second["id"], json!(other));
    let event = host.event(&id).await;
    assert_eq!((&event["runs"], &event["failure"]["code"]), (&json!([]), &json!("schema")), "no rule has seen it");
    assert_eq!(host.get("/v1/dead-letters?rule=all").await.json["items"], json!([]), "it is no rule's");

    // One by itself, the other with all that failed alike.
    let replayed = host.send(&format!("/v1/events/{id}/replay"), &json!({ "through": "today" })).await;
    assert_eq!((replayed.status, &replayed.json["events"]), (200, &json!(1)), "{}", replayed.json);
    let retried = host.send("/v1/dead-letters/retry?code=schema", &json!({})).await;
    assert_eq!((&retried.json["events"], &retried.json["letters"]), (&json!(1), &json!(1)), "{}", retried.json);
    let bodies: Vec<_> = receiver.wait_for("/out", 3).await.into_iter().map(|one| one.body).collect();
    assert!(bodies.iter().any(|body| body == "{\"type\":\"order.created\",\"id\":\"7\"}"), "{bodies:?}");
    assert_eq!(host.get("/v1/dead-letters").await.json["items"], json!([]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_is_none_or_could_cost_too_much_is_refused_when_it_is_applied() {
    let host = Host::start().await;
    let refused = async |schema: Value| {
        let answer = host.put("/v1/sources/shop", &json!({ "verify": { "scheme": "none" }, "schema": schema })).await;
        assert_eq!(answer.status, 422, "{schema}");
        answer.json["problems"][0]["pointer"].as_str().expect("a pointer").to_owned()
    };
    assert_eq!(refused(json!({ "properties": { "a": { "type": "strin" } } })).await, "/schema/properties/a/type");
    assert_eq!(refused(json!({ "properties": { "a": { "pattern": "(?=a)b" } } })).await, "/schema/properties/a/pattern");
    assert_eq!(refused(json!({ "items": { "$ref": "#" } })).await, "/schema");
    assert_eq!(refused(json!({ "$ref": "https://example.com/schema" })).await, "/schema/$ref");
    assert_eq!(refused(json!({ "description": "x".repeat(70_000) })).await, "", "the entry is too large");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_may_stand_in_a_file_beside_the_hub_file() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let hub =
        "[sources.shop]\nverify = { scheme = \"none\" }\nschema = \"file:order.json\"\nschemas.other = \"file:none.json\"\n";
    fs::write(folder.path().join("hub.toml"), hub).expect("a file");
    fs::write(folder.path().join("order.json"), "{\"required\": [\"id\"]}").expect("a file");
    let apply = || {
        let mut apply = Command::new(process::binary());
        apply.args(["apply", "hub.toml", "--url", host.url(), "--key", host.key()]).current_dir(folder.path());
        let output = apply.output().expect("an end");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (done, told) = apply();
    assert!(!done && told.contains("hub.toml:4:17: sources.shop.schemas.other: cannot read none.json"), "{told}");
    fs::write(folder.path().join("none.json"), "{}").expect("a file");
    let (done, told) = apply();
    assert!(done, "{told}");
    assert_eq!(host.try_post("shop", &[], "{}").await.expect("an answer").status, 422);
    host.post("shop", &[], "{\"id\":1}").await;
    host.stop().await;
}
