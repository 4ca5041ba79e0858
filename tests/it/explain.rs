//! Why a rule matches an event, or not: by the API and by the command line.

use std::process::Command;

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, process};

use crate::story::{OPEN_SOURCE, destination};

async fn host() -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rules = "[rules.big]\nmatch.type = [\"order\"]\nmatch.data.order.total_cents = [{ numeric = [\">\", 100] }]\n\
                 destinations = [\"out\"]\n[rules.all]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{out}{rules}")).await;
    (host, receiver)
}

fn run(host: &Host, arguments: &[&str]) -> String {
    let mut explain = Command::new(process::binary());
    explain.arg("explain").args(arguments).args(["--url", host.url(), "--key", host.key()]);
    let output = explain.output().expect("an end");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_is_explained_on_a_stored_event() {
    let (host, _receiver) = host().await;
    let id = host.post("open", &[("x-type", "order")], r#"{"order": {"totalCents": 99}}"#).await;
    let told = run(&host, &["big", &id]);
    assert_eq!(
        told,
        "rule `big` does not match\n\
         fails  data.order.total_cents: wanted {\"numeric\":[\">\",100]}, seen nothing\n       \
         did you mean `data.order.totalCents`?\n\
         holds  type: wanted \"order\", seen \"order\"\n"
    );
    assert_eq!(run(&host, &["all", &id]), "rule `all` matches\nit has no conditions, and so matches every event\n");
    let json: Value = serde_json::from_str(&run(&host, &["big", &id, "--json"])).expect("JSON");
    assert_eq!((&json["rule"], &json["matches"]), (&json!("big"), &json!(false)));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pattern_is_explained_on_an_event_that_nobody_sent() {
    let (host, _receiver) = host().await;
    let ask = async |request: Value| host.send("/v1/explain", &request).await;
    let event = json!({ "source": "shop", "type": "order", "headers": { "X-Region": "eu" }, "data": { "items": [{ "a": 1 }, { "b": 2 }] } });
    let pattern = json!({ "headers": { "x-region": ["eu"] }, "data": { "items": { "a": [1], "b": [2] } } });
    let answer = ask(json!({ "match": pattern, "event": event })).await;
    assert_eq!((answer.status, &answer.json["matches"]), (200, &json!(false)), "{}", answer.json);
    assert_eq!(answer.json["conditions"].as_array().expect("a list").iter().filter(|one| one["holds"] == false).count(), 1);
    assert_eq!(answer.json["conditions"][2]["together"], "data.items");

    for (request, status, told) in [
        (json!({ "match": { "typ": ["a"] }, "event": event }), 422, "the nearest is `type`"),
        (json!({ "match": {}, "rule": "big", "event": event }), 422, "either a `rule`"),
        (json!({ "rule": "none", "event": event }), 404, "no rule is called `none`"),
        (json!({ "rule": "big", "event": "evt_0" }), 400, "event:"),
        (json!({ "rule": "big", "event": { "source": "shop", "data": 1, "body": "x" } }), 422, "either `data`"),
        (json!({ "rule": "big", "event": { "sorce": "shop" } }), 422, "sorce"),
    ] {
        let answer = ask(request.clone()).await;
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert!(answer.status == status && detail.contains(told), "{request}: {} {detail}", answer.status);
    }
    host.stop().await;
}
