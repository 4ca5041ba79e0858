//! Three versions of an order, and a real payload on its way to another.

use super::*;
use sluicebox_sdk::{config, testing};

const ISSUE: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");

const V1: &str = r#"{"version":1,"id":"o-1","total":1.10,"email":"ada@example.com","debug":true}"#;
const V3: &str = r#"{"version":3,"id":"o-1","amount":{"value":1.10,"currency":"EUR"},"customer":{"email":"ada@example.com"}}"#;

fn orders(target: u32) -> Value {
    json!({
        "field": "version",
        "target": target,
        "missing": 1,
        "steps": [
            { "from": 1, "to": 2, "edits": [{ "drop": ["debug"], "move": { "email": "customer.email" } }] },
            { "from": 2, "to": 3, "edits": [{ "move": { "total": "amount.value" }, "set": { "amount.currency": "EUR" } }] },
            { "from": 3, "to": 2, "edits": [{ "move": { "amount.value": "total" }, "drop": ["amount.currency"] }, { "drop": ["amount"] }] },
            { "from": 2, "to": 1, "edits": [{ "move": { "customer.email": "email" } }, { "drop": ["customer"] }] },
        ],
    })
}

fn run(event: Event, config: &Value) -> Result<Outcome> {
    testing::set_settings(config);
    payload_version(event, config::settings()?)
}

fn message(event: Event, config: &Value) -> Message {
    match run(event, config).expect("an outcome") {
        Outcome::Emit(mut messages) => messages.remove(0),
        other => panic!("{other:?}"),
    }
}

fn order(body: &str) -> Event {
    Event::new("shop", "order.created").with_body(body)
}

fn brought(body: &str, target: u32) -> Value {
    Event::new("", "").with_body(message(order(body), &orders(target)).body()).json().expect("JSON")
}

fn value(body: &str) -> Value {
    order(body).json().expect("JSON")
}

#[test]
fn the_fixtures_pass() {
    testing::fixtures("fixtures", payload_version);
}

#[test]
fn bodies_go_up_and_down_step_by_step() {
    assert_eq!(brought(V1, 3), value(V3));
    let mut first = value(V1);
    first.as_object_mut().expect("an object").remove("debug");
    assert_eq!(brought(V3, 1), first, "but for what went on the way up");
    assert_eq!(brought(V3, 2)["total"], json!(1.1));
}

#[test]
fn what_no_step_names_keeps_its_text() {
    let body = r#"{"version": 1, "id": 123456789012345678901234567890, "price": 1.10, "z": [ 1E2 ]}"#;
    let expected = r#"{"version":2,"id":123456789012345678901234567890,"price":1.10,"z":[ 1E2 ]}"#;
    assert_eq!(message(order(body), &orders(2)).body(), expected.as_bytes());
}

#[test]
fn the_target_itself_goes_on_untouched() {
    assert_eq!(run(order(V3), &orders(3)), keep());
    assert_eq!(run(order(r#"{ "version": "3" }"#), &orders(3)), keep(), "a text is compared with a number as text");
    assert_eq!(run(order("{}"), &orders(1)), keep(), "what tells none is of version 1 here");
}

#[test]
fn a_version_that_is_missing_or_null_is_the_one_of_the_settings() {
    for body in [r#"{"email":"e"}"#, r#"{"version":null,"email":"e"}"#] {
        assert_eq!(brought(body, 2), json!({ "version": 2, "customer": { "email": "e" } }));
    }
}

#[test]
fn versions_may_be_dates_in_a_header() {
    let config = json!({
        "header": "X-GitHub-Api-Version",
        "target": "2026-01-01",
        "steps": [{ "from": "2022-11-28", "to": "2026-01-01", "edits": [{ "keep": ["action", "issue.number"], "rename": { "issue": "item" } }] }],
    });
    let event = Event::new("github", "issues").with_body(ISSUE).with_header("X-GitHub-Api-Version", "2022-11-28");
    let message = message(event, &config);
    assert_eq!(message.body(), br#"{"action":"opened","item":{"number":1}}"#);
    assert_eq!(message.headers().collect::<Vec<_>>(), [("x-github-api-version", "2026-01-01")]);
    let error = run(Event::new("github", "issues").with_body(ISSUE), &config).expect_err("no header");
    assert_eq!(error, Error::reject("no-version", "it tells no version"));
}

#[test]
fn unknown_versions_become_what_the_settings_say() {
    let body = r#"{"version":7}"#;
    assert_eq!(run(order(body), &orders(3)), reject("unknown-version", "no steps lead from \"7\" to \"3\""));
    let mut lenient = orders(3);
    lenient["unknown"] = json!("keep");
    assert_eq!(run(order(body), &lenient), keep());
}

#[test]
fn a_step_that_fails_is_named() {
    let error = run(order(r#"{"version":1,"email":"e","customer":"ada"}"#), &orders(2)).expect_err("in the way");
    assert_eq!(error, Error::reject("in-the-way", "from 1 to 2: customer.email: a text cannot have a member \"email\""));
    assert_eq!(run(order("version=1"), &orders(2)).expect_err("a form").code(), "invalid-json");
}

#[test]
fn wrong_settings_are_refused() {
    let step = json!({ "from": 1, "to": 2 });
    for (config, why) in [
        (json!({ "target": 2, "steps": [step] }), "either `field` or `header`"),
        (json!({ "field": "v", "header": "v", "target": 2, "steps": [step] }), "either `field` or `header`"),
        (json!({ "field": "v", "target": 3, "steps": [step] }), "no step leads to the target 3"),
        (json!({ "field": "v", "target": 2, "steps": [step, step] }), "two steps lead from 1 to 2"),
        (json!({ "field": "v[*]", "target": 2, "steps": [step] }), "leads to many places"),
        (json!({ "field": "v", "target": true, "steps": [step] }), "true is no version"),
        (json!({ "field": "v", "target": 2, "steps": [{ "from": 1, "to": 2, "edit": [] }] }), "unknown field `edit`"),
    ] {
        let error = run(order(V1), &config).expect_err("wrong settings");
        assert!(error.code() == "invalid-config" && error.failure().message.contains(why), "{error}");
    }
}
