//! The schemas of the description: all JSON has one, and each is of one type.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::openapi::operations;

/// What says nothing of a value.
const WORDS: [&str; 3] = ["default", "description", "title"];
/// What says something of an object's members.
const MEMBERS: [&str; 3] = ["additionalProperties", "patternProperties", "properties"];
/// What is any JSON, and why it has to be: `Component.member`, or an operation and where in it.
const FREE: &[(&str, &str)] = &[
    ("Entry.data", "an event's data is its sender's"),
    ("ExplainedCondition.seen[]", "values of an event"),
    ("ExplainedCondition.wanted", "values of a pattern, as it has them"),
    ("FieldTold.after", "a value of a document, at a place of any depth"),
    ("FieldTold.before", "as `after`"),
    ("GivenEvent.data", "an event's data is its sender's"),
    ("PieceBody.json", "what a plugin made of an event"),
    ("Plugin.config.*", "settings are the plugin's, which says itself what it holds of them"),
    ("PluginShown.config.*", "as of `Plugin`"),
    ("Source.schema", "a JSON Schema, of its own dialect"),
    ("Source.schemas.*", "as `schema`"),
    ("getDescription 200 application/json.*", "this document, as OpenAPI describes it"),
    ("publishEvents request application/cloudevents+json", "events as CloudEvents has them"),
    ("publishEvents request application/cloudevents-batch+json", "events as CloudEvents has them"),
];

#[test]
fn all_json_has_a_schema_but_for_what_is_somebody_elses() {
    let document = sluicebox::api::openapi();
    let mut free = BTreeSet::new();
    for (name, schema) in document["components"]["schemas"].as_object().expect("schemas") {
        find_free(schema, name, &mut free);
    }
    for operation in operations(&document) {
        let is_json = |kind: &str| kind.ends_with("/json") || kind.ends_with("+json");
        let mut look = |at: &str, content: &Value| {
            for (kind, media) in content.as_object().into_iter().flatten().filter(|(kind, _)| is_json(kind)) {
                find_free(&media["schema"], &format!("{} {at} {kind}", operation.id()), &mut free);
            }
        };
        look("request", &operation.described["requestBody"]["content"]);
        for (status, response) in operation.described["responses"].as_object().expect("responses") {
            look(status, &response["content"]);
        }
    }
    let known: BTreeSet<String> = FREE.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(free, known, "give it a type that derives JsonSchema, or a line with its reason");
}

/// The places where a schema says nothing; what it refers to is looked at by itself.
fn find_free(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    let members = schema.as_object();
    let says = |key: &str| members.is_some_and(|members| members.contains_key(key));
    let is_of =
        |kind: &str| schema["type"] == kind || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!(kind)));
    let is_closed = |key: &str| schema[key] == false;
    let branches = ["allOf", "anyOf", "oneOf", "prefixItems"].into_iter().flat_map(|key| schema[key].as_array()).flatten();
    let branches: Vec<&Value> = branches.collect();
    let says_nothing = members.is_none_or(|members| members.keys().all(|key| WORDS.contains(&key.as_str())));
    let is_any_object = is_of("object") && !MEMBERS.iter().any(|key| says(key)) && branches.is_empty();
    let is_any_list = is_of("array") && !says("items") && branches.is_empty();
    if *schema != json!(false) && (says_nothing || is_any_object || is_any_list) {
        found.insert(at.to_owned());
    }
    branches.into_iter().for_each(|branch| find_free(branch, at, found));
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        find_free(member, &format!("{at}.{name}"), found);
    }
    for (key, place) in [("additionalProperties", ".*"), ("items", "[]")] {
        if says(key) && !is_closed(key) {
            find_free(&schema[key], &format!("{at}{place}"), found);
        }
    }
}

#[test]
fn what_says_nothing_is_found() {
    let found = |schema: Value| {
        let mut found = BTreeSet::new();
        find_free(&schema, "it", &mut found);
        found.into_iter().collect::<Vec<_>>().join(" ")
    };
    for nothing in
        [json!(true), json!({}), json!({ "description": "Anything." }), json!({ "type": "object" }), json!({ "type": "array" })]
    {
        assert_eq!(found(nothing.clone()), "it", "{nothing}");
    }
    let deep = json!({
        "type": "object",
        "properties": { "a": { "anyOf": [true, { "type": "null" }] }, "b": { "type": "string" } },
        "additionalProperties": { "type": "array", "items": {} },
    });
    assert_eq!(found(deep), "it.*[] it.a");
    assert_eq!(found(json!({ "type": "object", "properties": {}, "additionalProperties": false })), "");
    assert_eq!(found(json!({ "$ref": "#/components/schemas/Other" })), "");
}

#[test]
fn each_component_is_one_type() {
    // That no two types have one name is asserted where definitions meet; a name that was taken would have got a number.
    let document = sluicebox::api::openapi();
    let schemas = document["components"]["schemas"].as_object().expect("schemas");
    let numbered: Vec<&String> = schemas.keys().filter(|name| name.ends_with(|last: char| last.is_ascii_digit())).collect();
    assert!(numbered.is_empty(), "{numbered:?}");
    // Of words that several parts use: whose they are.
    for (name, member) in [
        ("Retry", "attempts_max"),
        ("RetryRequest", "through"),
        ("Answer", "headers"),
        ("Canary", "percent"),
        ("Batch", "max_events"),
        ("BatchTold", "opened_at"),
        ("Breaker", "attempts_min"),
        ("VersionBreaker", "calls"),
        ("DestinationBreaker", "probes_failed"),
        ("Plugin", "digest"),
        ("PluginShown", "breaker"),
    ] {
        assert!(schemas[name]["properties"][member].is_object(), "{name} has no {member}");
    }
    let kinds = schemas["DestinationShown"]["oneOf"].as_array().expect("kinds of destinations");
    assert!(kinds.len() == 3 && kinds.iter().all(|kind| kind["properties"]["runtime"].is_object()), "{kinds:?}");
}
