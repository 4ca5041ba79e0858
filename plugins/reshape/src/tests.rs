//! Templates over real payloads.

use super::*;
use sluicebox_sdk::{config, testing};

const ISSUE: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");

fn issue() -> Event {
    Event::new("github", "issues").with_body(ISSUE).with_header("X-GitHub-Delivery", "d-1").with_attribute("subject", "s")
}

fn run(event: Event, config: &Value) -> Result<Outcome> {
    testing::set_settings(config);
    reshape(event, config::settings()?)
}

fn message(event: Event, config: &Value) -> Message {
    match run(event, config).expect("an outcome") {
        Outcome::Emit(mut messages) => messages.remove(0),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(body: &str, template: &Value, expected: &str) {
    let message = message(Event::new("shop", "order").with_body(body), &json!({ "body": template }));
    assert_eq!(std::str::from_utf8(message.body()).expect("UTF-8"), expected);
}

#[test]
fn the_fixtures_pass() {
    testing::fixtures("fixtures", reshape);
}

#[test]
fn a_real_issue_becomes_another_shape() {
    let config = json!({
        "body": {
            "kind": "ticket",
            "number": "{{issue.number}}",
            "title": "[{{repository.full_name}}] {{issue.title}}",
            "labels": "{{issue.labels[*].name}}",
            "tags": "labels: {{ issue.labels[*].name }}",
            "who": { "login": "{{sender.login}}", "bot": false },
            "milestone": "{{issue.milestone.title|none}}",
            "weight": "{{issue.weight|1}}",
        },
        "type": "ticket.{{action}}",
        "headers": { "X-Delivery": "{{@header.x-github-delivery}}", "X-None": "{{@header.none}}" },
    });
    let message = message(issue(), &config);
    let body: Value = Event::new("", "").with_body(message.body()).json().expect("JSON");
    assert_eq!(
        body,
        json!({
            "kind": "ticket",
            "number": 1,
            "title": "[Codertocat/Hello-World] Spelling error in the README file",
            "labels": ["bug"],
            "tags": "labels: bug",
            "who": { "login": "Codertocat", "bot": false },
            "milestone": "v1.0",
            "weight": 1,
        })
    );
    assert_eq!((message.event_type(), message.content_type()), (Some("ticket.opened"), Some("application/json")));
    assert_eq!(message.headers().collect::<Vec<_>>(), [("x-delivery", "d-1")]);
}

#[test]
fn an_event_can_be_wrapped() {
    let template =
        json!({ "body": ["{{@id}}", "{{@type}}", "{{@source}}", "{{@received_at_ms}}", "{{@attribute.subject}}", "{{@body}}"] });
    let event = Event::new("shop", "order").with_body(r#"{ "price": 1.10 }"#).with_attribute("subject", "s");
    let expected = r#"["evt_test","order","shop",1767225600000,"s",{ "price": 1.10 }]"#;
    assert_eq!(message(event, &template).body(), expected.as_bytes());
}

#[test]
fn values_of_any_kind_are_copied_as_they_are() {
    let body = r#"{"n": 123456789012345678901234567890, "o": {"b": 1, "a": [1.0]}, "t": "\u00e9", "null": null}"#;
    check(
        body,
        &json!(["{{n}}", "{{o}}", "{{t}}", "{{null}}"]),
        r#"[123456789012345678901234567890,{"b": 1, "a": [1.0]},"\u00e9",null]"#,
    );
    check(body, &json!("{{n}}, {{o.a}}, {{t}}, {{null}}."), "\"123456789012345678901234567890, [1.0], é, .\"");
}

#[test]
fn a_text_from_outside_cannot_leave_its_place() {
    check(r#"{"t": "\"}, {{n}} \\"}"#, &json!({ "a": "x {{t}}" }), r#"{"a":"x \"}, {{n}} \\"}"#);
}

#[test]
fn defaults_stand_in_for_what_is_missing_or_null() {
    let template =
        json!(["{{a|0}}", "{{a|nobody}}", "{{a|\"0\"}}", "{{a|{}}}", "{{a.b[*]|[]}}", "{{n|1}}", "by {{a|nobody}}", "{{a|}}"]);
    check(r#"{"n": null}"#, &template, r#"[0,"nobody","0",{},[],1,"by nobody",""]"#);
}

#[test]
fn what_is_missing_becomes_what_the_settings_say() {
    let template = json!({ "a": "{{x}}", "b": ["{{x}}", 1, "{{x[*]}}"], "c": "<{{x}}>" });
    let run = |missing: &str| run(Event::new("", "").with_body("{}"), &json!({ "body": template, "missing": missing }));
    assert_eq!(
        run("null"),
        emit(Message::bytes(r#"{"a":null,"b":[null,1,null],"c":"<>"}"#).with_content_type("application/json"))
    );
    assert_eq!(run("omit"), emit(Message::bytes(r#"{"b":[1],"c":"<>"}"#).with_content_type("application/json")));
    assert_eq!(run("reject"), reject("missing-value", "x leads to nothing"));
}

#[test]
fn braces_can_be_meant() {
    check("{}", &json!("\\{{a}} {b} }}"), "\"{{a}} {b} }}\"");
    check("{}", &json!(""), "\"\"");
}

#[test]
fn a_body_may_be_text_and_need_no_json_to_be_made() {
    let event = Event::new("shop", "order").with_body("no JSON").with_id("evt_1");
    let message = message(event.clone(), &json!({ "text": "{{@id}}: {{@type}}\n" }));
    assert_eq!(message, Message::text("evt_1: order\n"));
    assert_eq!(run(event, &json!({ "text": "{{a}}" })).expect_err("no JSON").code(), "invalid-json");
}

#[test]
fn a_header_stays_on_its_line() {
    let event = Event::new("", "").with_body(r#"{"t": "a\r\nx-evil: 1"}"#);
    let message = message(event, &json!({ "body": {}, "headers": { "x-t": "{{t}}" } }));
    assert_eq!(message.headers().next(), Some(("x-t", "a  x-evil: 1")));
}

#[test]
fn wrong_settings_are_refused() {
    for (config, why) in [
        (json!({}), "either `body` or `text`"),
        (json!({ "body": 1, "text": "" }), "either `body` or `text`"),
        (json!({ "body": { "a": ["{{a"] } }), "a `{{` without its `}}`"),
        (json!({ "body": "{{a..b}}" }), "\"a..b\" is no path"),
        (json!({ "body": "{{@kind}}" }), "\"@kind\" is none of @id, "),
        (json!({ "body": 1, "mising": "omit" }), "unknown field `mising`"),
    ] {
        let error = run(issue(), &config).expect_err("wrong settings");
        assert!(error.code() == "invalid-config" && error.failure().message.contains(why), "{error}");
    }
}
