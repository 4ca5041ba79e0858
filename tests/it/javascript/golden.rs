//! The golden plugin in JavaScript on a host: one component that exports every interface, and asks for all that a host gives.

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, guests::Language};

use crate::story::{OPEN_SOURCE, destination};

/// A host whose rule `all` goes through the plugin with these grants, and whose source `gate` it verifies.
async fn start(grants: &str) -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(Language::JavaScript.component("golden")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let hub = format!(
        "{OPEN_SOURCE}[sources.gate]\nverify = {{ scheme = \"plugin\", plugin = \"golden\" }}\n{out}\
         [plugins.golden]\ndigest = \"{digest}\"\nconfig = {{ greeting = \"hello\" }}\n{grants}\n\
         [rules.all]\nmatch.type = [{{ prefix = \"golden.\" }}]\nplugins = [\"golden\"]\ndestinations = [\"out\"]\n\
         batch = {{ max_events = 2, max_age = \"1h\" }}\n"
    );
    host.apply(&hub).await;
    (host, receiver)
}

async fn post(host: &Host, event_type: &str) -> String {
    host.post("open", &[("x-type", event_type), ("x-a", "1")], "{\"customer\":\"ada\"}").await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_component_asks_for_all_that_it_is_granted() {
    let (host, receiver) = start("grants = { state = true, metrics = true, secrets = { golden = \"key\" } }").await;
    let id = post(&host, "golden.all").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    assert_eq!(received.headers.get_all("x-golden").iter().collect::<Vec<_>>(), ["1", "2"]);
    let told: Value = serde_json::from_slice(&received.body).expect("JSON");
    let event = &told["event"];
    assert_eq!((&event["id"], &event["body"]), (&json!(id), &json!("{\"customer\":\"ada\"}")));
    assert!(event["headers"].as_array().is_some_and(|headers| headers.contains(&json!(["x-a", "1"]))), "{event}");
    assert_eq!(told["config"], json!({ "get": "hello", "absent": null, "all": "hello" }));
    assert_eq!((&told["random"], &told["metrics"]), (&json!([4, 0]), &json!([true, true])));
    let state =
        json!({ "before": null, "none_there": true, "conflict": true, "after": "after", "sums": [40, 42], "deleted": true });
    assert_eq!(told["state"], state);
    let crypto = json!({
        // HMAC-SHA256 of `data` by `key`.
        "hmac": "5031fe3d989c6d1537a013fa6e739da23463fdaec3b70137d828e36ace221bd0",
        "verify_hmac": true, "not_granted": true, "verify_ed25519": true, "forged": false,
    });
    assert_eq!(told["crypto"], crypto);
    assert_eq!(host.metric("sluicebox_plugin_custom_golden_total").await, 2);

    post(&host, "golden.again").await;
    let told: Value = serde_json::from_slice(&receiver.wait_for("/out", 2).await[1].body).expect("JSON");
    assert_eq!((&told["state"]["before"], &told["state"]["sums"]), (&json!("after"), &json!([82, 84])), "it remembers");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_component_filters_folds_and_verifies() {
    let (host, receiver) = start("").await;
    for (event_type, state, code) in [
        ("golden.drop", "dropped", "dropped"),
        ("golden.reject", "dead", "told-to-reject"),
        ("golden.state", "dead", "not-granted"),
    ] {
        let run = host.run_in_state(&post(&host, event_type).await, "all", state).await;
        assert_eq!(run["failure"]["code"].as_str().unwrap_or_default(), code, "{run}");
        assert!(code != "not-granted" || run.to_string().contains("plugins.golden.grants.state"), "{run}");
    }
    for _ in 0..2 {
        post(&host, "golden.keep").await;
    }
    let folded: Value = serde_json::from_slice(&receiver.wait_for("/out", 1).await[0].body).expect("JSON");
    assert_eq!((&folded["key"], &folded["types"]), (&json!("ada"), &json!(["golden.keep", "golden.keep"])));
    assert!(folded["opened_at"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{folded}");

    for (word, status) in [("accept", 202), ("refuse", 401), ("answer", 200), ("retry", 503)] {
        let answer = host.try_post("gate", &[("x-golden", word)], "{}").await.expect("an answer");
        assert_eq!(answer.status, status, "{word}");
        if word == "accept" {
            let stored = host.event(answer.json["id"].as_str().expect("an id")).await;
            assert_eq!(stored["attributes"]["method"], "POST", "{stored}");
        }
    }
    host.stop().await;
}
