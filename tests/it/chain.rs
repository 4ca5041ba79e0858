//! Rules that feed rules: a destination of kind `hub` makes events of messages, once each, and circles end.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, HostProcess, Receiver, eventually};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// A source that no sender knows the secret of, fed by `again`.
fn fed(settings: &str) -> String {
    format!(
        "{OPEN_SOURCE}[sources.second]\nverify = {{ scheme = \"api-key\", secret = \"nobody-knows\" }}\n\
         [destinations.again]\nkind = \"hub\"\nsource = \"second\"\n{settings}\n\
         [rules.onward]\nmatch.source = [\"open\"]\nforward_headers = [\"x-type\"]\ndestinations = [\"again\"]\n"
    )
}

async fn items(api: &Api, path: &str) -> Vec<Value> {
    api.get(path).await.json["items"].as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_rule_sends_onward_is_an_event_for_other_rules() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.second]\nmatch.source = [\"second\"]\nmatch.type = [\"order.seen\"]\nmatch.data.n = [7]\n\
                match.headers.x-type = [\"order\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{}{out}{rule}", fed("type = \"order.seen\""))).await;
    let body = " {\"n\": 7.0}";
    let first = host.post("open", &[("x-type", "order"), ("content-type", "application/json")], body).await;
    let seen = &receiver.wait_for("/out", 1).await[0];
    assert_eq!(seen.body, body, "the bytes are the first event's");

    let second = items(&host, "/v1/events?source=second").await;
    let [event] = &second[..] else { panic!("{second:?}") };
    let event = host.event(event["id"].as_str().expect("an id")).await;
    assert_eq!((&event["type"], &event["attributes"]["causationid"]), (&json!("order.seen"), &json!(first)));
    let deliveries = items(&host, "/v1/deliveries?destination=again").await;
    assert_eq!((&deliveries[0]["state"], &deliveries[0]["attempts"]), (&json!("delivered"), &json!(1)));
    assert_eq!(event["external_id"], deliveries[0]["id"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_rules_ends_with_a_dead_letter() {
    let host = Host::start_with(|config| config.deliver.hops_max = 3).await;
    let circle = "[rules.circle]\nmatch.source = [\"second\"]\ndestinations = [\"again\"]\n";
    host.apply(&format!("{}{circle}", fed(""))).await;
    host.post("open", &[("x-type", "t")], "round").await;
    let letters = eventually("a dead letter", async || {
        let letters = items(&host, "/v1/dead-letters").await;
        (!letters.is_empty()).then_some(letters)
    })
    .await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((&letter["rule"], &letter["failure"]["code"]), (&json!("circle"), &json!("hop-limit")));
    assert!(letter["failure"]["message"].as_str().is_some_and(|told| told.contains("--hops-max")), "{letter}");
    assert_eq!(items(&host, "/v1/events?source=second").await.len(), 3);
    assert_eq!(host.metric("sluicebox_delivery_dead_letters_total").await, 1);
    host.stop().await;
}

/// A batch has gone as far as the member that has gone farthest.
#[tokio::test(flavor = "multi_thread")]
async fn a_circle_through_batches_ends_too() {
    let host = Host::start_with(|config| config.deliver.hops_max = 2).await;
    let circle = "[rules.circle]\nmatch.source = [\"second\"]\nbatch = { max_events = 1 }\ndestinations = [\"again\"]\n";
    host.apply(&format!("{}{circle}", fed(""))).await;
    host.post("open", &[], "{}").await;
    eventually("a dead letter", async || (!items(&host, "/v1/dead-letters").await.is_empty()).then_some(())).await;
    let bodies = items(&host, "/v1/events?source=second").await;
    assert_eq!(bodies.len(), 2, "{bodies:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_waits() {
    let host = Host::start().await;
    host.apply(&fed("enabled = false")).await;
    host.post("open", &[], "{}").await;
    let waiting = async || items(&host, "/v1/deliveries?state=waiting").await.pop();
    assert_eq!(eventually("it waits", waiting).await["attempts"], 0);
    host.apply(&fed("")).await;
    eventually("it goes on", async || items(&host, "/v1/events?source=second").await.pop()).await;
    host.stop().await;
}

/// However often the host is killed, each message is one event, no more and no less.
#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_one_event_over_kills() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let mut taken = BTreeSet::new();
    for round in 0..4 {
        let host = HostProcess::start(&data).await;
        if round == 0 {
            host.apply(&fed("")).await;
        }
        for n in 0..25 {
            taken.insert(host.post("open", &[("x-type", "t")], format!("{{\"round\":{round},\"n\":{n}}}")).await);
        }
        // Dropped, and so killed, while it passes them on.
    }
    let host = HostProcess::start(&data).await;
    let all = eventually("all have been passed on", async || {
        let waiting = items(&host, "/v1/deliveries?state=waiting&limit=1").await;
        let second = items(&host, "/v1/events?source=second&limit=500").await;
        (waiting.is_empty() && second.len() >= taken.len()).then_some(second)
    })
    .await;
    let mut causes = Vec::new();
    for event in &all {
        let whole = host.event(event["id"].as_str().expect("an id")).await;
        causes.push(whole["attributes"]["causationid"].as_str().expect("a cause").to_owned());
    }
    assert_eq!((causes.len(), causes.into_iter().collect::<BTreeSet<_>>()), (taken.len(), taken));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_is_fed_has_to_be_there_and_stays() {
    let host = Host::start().await;
    for (file, told) in [
        (fed("").replace("source = \"second\"\n", "source = \"secnd\"\n"), ["no source is called `secnd`", "`second`"]),
        (fed("url = \"https://example.com\""), ["feeds a source of this hub", "`url`"]),
    ] {
        let refused = host.try_apply(&file).await;
        let text = refused.json.to_string();
        assert!(refused.status == 422 && told.iter().all(|told| text.contains(told)), "{} {text}", refused.status);
    }
    host.apply(&fed("")).await;
    let answer = host.delete("/v1/sources/second").await;
    assert_eq!(answer.status, 422, "{}", answer.json);
    assert!(answer.json.to_string().contains("the destination `again` uses it"), "{}", answer.json);
    host.stop().await;
}
