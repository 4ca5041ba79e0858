//! Revisions tell by whom they were made, whatever way they came.

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, eventually, guests};

/// A key that may change rules and plugins.
struct Key {
    id: String,
    secret: String,
}

impl Key {
    async fn new(host: &Api) -> Self {
        let made = host.send("/v1/keys", &json!({ "name": "deploy", "scopes": ["rules", "plugins"] })).await.json;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self { id: text(&made["key"]["id"]), secret: text(&made["secret"]) }
    }

    /// Makes a call that has to be let through.
    async fn call(&self, host: &Api, method: &Method, path: &str, body: Value) {
        let request = host.request(method.clone(), path).bearer_auth(&self.secret).json(&body);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 200, "{method} {path}: {}", answer.text().await.unwrap_or_default());
    }
}

async fn newest(host: &Api) -> Value {
    host.get("/v1/revisions?limit=1").await.json["items"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_says_by_whose_key_it_was_made() {
    let host = Host::start().await;
    let key = Key::new(&host).await;
    let (one, two) = (guests::component("only-humans"), guests::component("xml-to-json"));
    let first = host.upload(one).await.expect("a component");
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);

    // Whoever uploads is gone when the version is ready.
    let upload = host.request(Method::PUT, "/v1/plugins/p?activate=true").bearer_auth(&key.secret);
    let uploaded = upload.header("content-type", "application/wasm").body(two).send().await.expect("an answer");
    assert_eq!(uploaded.status().as_u16(), 202);
    let made = eventually("a revision", async || Some(newest(&host).await).filter(|revision| !revision.is_null())).await;
    let uploaded: Value = uploaded.json().await.expect("JSON");
    let second = uploaded["digest"].as_str().expect("a digest");
    let mut number = made["revision"].as_u64().expect("a number");
    assert_eq!((&made["by"], &made["origin"]), (&json!(key.id), &json!("api")), "an upload that is activated when it is ready");

    for (method, path, body) in [
        (&post, "/v1/apply", json!({ "destinations": { "crm": { "url": "https://example.com/" } } })),
        (&put, "/v1/destinations/crm", json!({ "url": "https://example.com/b" })),
        (&post, "/v1/destinations/crm/rotate-secret", Value::Null),
        (&post, "/v1/plugins/p/activate", json!({ "digest": first })),
        (&put, "/v1/plugins/p/canary", json!({ "digest": second, "percent": 10 })),
        (&delete, "/v1/plugins/p/canary", Value::Null),
        (&post, "/v1/plugins/p/rollback", Value::Null),
        (&delete, "/v1/destinations/crm", Value::Null),
    ] {
        key.call(&host, method, path, body).await;
        let revision = newest(&host).await;
        number += 1;
        assert_eq!((&revision["revision"], &revision["by"]), (&json!(number), &json!(key.id)), "{method} {path}");
    }
    host.stop().await;
}
