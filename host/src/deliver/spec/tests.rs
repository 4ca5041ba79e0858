//! What is refused, where, and in which words.

use serde_json::{Value, json};

use super::*;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

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
        (json!({ "method": "HEAD" }), "/method"),
        (json!({ "method": "GET", "format": "json" }), "/format"),
        (json!({ "method": "DELETE", "compression": "gzip" }), "/compression"),
        (json!({ "headers": { "x": "{order}" } }), "/headers/x"),
        (json!({ "auth": { "type": "bearer", "token": "a\nb" } }), "/auth/token"),
        (json!({ "auth": { "type": "bearer", "token": "" } }), "/auth/token"),
        (json!({ "auth": { "type": "basic", "username": "a:b", "password": "x" } }), "/auth/username"),
        (json!({ "auth": { "type": "api-key", "header": "host", "value": "x" } }), "/auth/header"),
        (json!({ "auth": { "type": "api-key", "value": "x" }, "headers": { "X-Api-Key": "y" } }), "/auth"),
        (
            json!({ "auth": { "type": "oauth2", "token_url": "ftp://x", "client_id": "a", "client_secret": "b" } }),
            "/auth/token_url",
        ),
        (json!({ "tls": { "client_key": "x" } }), "/tls/client_certificate"),
        (json!({ "tls": { "client_certificate": "x" } }), "/tls/client_key"),
        (json!({ "tls": { "client_certificate": "x", "client_key": "x" } }), "/tls/client_certificate"),
        (json!({ "tls": { "ca_certificates": "x" } }), "/tls/ca_certificates"),
        (json!({ "url": "http://example.com/", "tls": {} }), "/tls"),
        (json!({ "secret": SECRET, "signing": { "scheme": "github" } }), "/signing/secret"),
        (json!({ "secret": SECRET, "secrets": [{ "secret": "x" }] }), "/secrets/0"),
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
fn a_header_that_came_by_a_reference_is_no_template() {
    let spec = spec(json!({ "secret": SECRET, "headers": { "x": { "value": "{\"a\":1}", "ref": "${X}" }, "y": "{id}" } }));
    let destination = spec.refine().expect("it is good");
    let is_fixed: Vec<bool> = destination.headers.iter().map(|(_, text)| matches!(text, HeaderText::Fixed(_))).collect();
    assert_eq!(is_fixed, [true, false]);
    let refused = refusal(json!({ "secret": SECRET, "headers": { "x": "a{geheim}" } }));
    assert!(!refused.to_string().contains("geheim"), "{refused}");
}
