//! What is refused, where, and in which words.

use serde_json::{Value, json};

use super::*;

/// The spec of `https://example.com/` with these fields set.
fn spec(fields: Value) -> Spec {
    let mut all = json!({ "url": "https://example.com/" });
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    all.as_object_mut().expect("an object").extend(fields);
    serde_json::from_value(all).expect("fields of the right types")
}

fn refusal(fields: Value) -> Invalid {
    spec(fields).refine().expect_err("it is refused")
}

#[test]
fn what_is_refused_is_pointed_at() {
    for (fields, pointer) in [
        (json!({ "method": "GET" }), "/method"),
        (json!({ "headers": { "Webhook-Id": "x" } }), "/headers/Webhook-Id"),
        (json!({ "headers": { "host": "x" } }), "/headers/host"),
        (json!({ "headers": { "Content-Length": "1" } }), "/headers/Content-Length"),
        (json!({ "headers": { "a/b": "x" } }), "/headers/a~1b"),
        (json!({ "headers": { "x": "two\nlines" } }), "/headers/x"),
        (json!({ "headers": { "X": "1", "x": "2" } }), "/headers/x"),
        (json!({ "timeout": "500ms" }), "/timeout"),
        (json!({ "timeout": "2m" }), "/timeout"),
        (json!({ "concurrency": 0 }), "/concurrency"),
        (json!({ "concurrency": 257 }), "/concurrency"),
        (json!({ "retry": { "attempts_max": 0 } }), "/retry/attempts_max"),
        (json!({ "retry": { "first": "1ms" } }), "/retry/first"),
        (json!({ "retry": { "first": "1m", "max": "30s" } }), "/retry/max"),
        (json!({ "retry": { "age_max": "31d" } }), "/retry/age_max"),
        (json!({}), "/secret"),
        (json!({ "secret": "whsec_short" }), "/secret"),
    ] {
        let told = fields.to_string();
        assert_eq!(refusal(fields).pointer, pointer, "{told}");
    }
}

#[test]
fn a_refusal_says_how_to_mend_it_and_shows_no_secret() {
    assert_eq!(refusal(json!({ "timeout": "2m" })).message, "2m is out of bounds; write 1s to 1m");
    let refused = refusal(json!({ "headers": { "authorization": "geheim\n" } }));
    assert!(!format!("{refused} {:?}", spec(json!({ "headers": { "a": "geheim" } }))).contains("geheim"));
}

#[test]
fn an_unknown_setting_is_an_error() {
    let read = |fields: Value| serde_json::from_value::<Spec>(fields).map_err(|error| error.to_string());
    assert!(read(json!({ "url": "https://a", "retries": {} })).expect_err("unknown").contains("`retries`"));
    assert!(read(json!({ "url": "https://a", "format": "xml" })).expect_err("unknown").contains("cloudevents-batch"));
}

#[test]
fn the_defaults_retry_for_days() {
    let retry = RetrySpec::default().refine().expect("the defaults are good");
    let longest: u64 = (1..retry.attempts_max).map(|n| crate::deliver::backoff::delay_ms(&retry, n, 0.999)).sum();
    assert!((3 * DAY_MS..4 * DAY_MS).contains(&longest), "{longest}");
}
