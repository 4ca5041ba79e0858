//! The description of the API, and that the API is as it says.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::ingest::PROBLEM_TYPES;
use sluicebox_tests::Host;

/// What anybody may call.
const OPEN: [&str; 6] = ["confirm", "getDescription", "getHealth", "getReadiness", "sendEvent", "sendEventToWorkspace"];

struct Operation {
    path: String,
    method: Method,
    described: Value,
}

impl Operation {
    fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap_or_default()
    }

    /// A path with something in each of its places.
    fn filled(&self) -> String {
        let filled = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
        self.path.split('/').map(filled).collect::<Vec<_>>().join("/")
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, item): (&String, &Value)| {
        let item = item.as_object().expect("a path's operations").clone();
        let path = path.clone();
        item.into_iter().map(move |(method, described)| {
            let method = method.to_uppercase().parse().expect("a method");
            Operation { path: path.clone(), method, described }
        })
    };
    paths.iter().flat_map(of_path).collect()
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_operation_is_described_and_has_its_scope() {
    let document = sluicebox::api::openapi();
    assert_eq!(document["openapi"], "3.1.0");
    let operations = operations(&document);
    let ids: BTreeSet<&str> = operations.iter().map(Operation::id).collect();
    assert_eq!(ids.len(), operations.len(), "each has an id of its own");
    for operation in &operations {
        let (id, described) = (operation.id(), &operation.described);
        assert!(described["summary"].is_string() && described["tags"][0].is_string(), "{id}");
        assert!(described["responses"]["default"].is_object(), "{id}");
        let scopes: Vec<&str> =
            described["security"][0]["key"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(scopes.len(), usize::from(!OPEN.contains(&id)), "{id}: {scopes:?}");
        let places = operation.path.matches('{').count();
        let parameters = described["parameters"].as_array().into_iter().flatten();
        assert_eq!(parameters.filter(|parameter| parameter["in"] == "path").count(), places, "{id}");
    }
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} is not there");
    }
}

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
    let Some(members) = schema.as_object() else {
        if *schema != json!(false) {
            found.insert(at.to_owned());
        }
        return;
    };
    const WORDS: [&str; 4] = ["default", "description", "readOnly", "title"];
    if members.keys().all(|key| WORDS.contains(&key.as_str())) {
        found.insert(at.to_owned());
    }
    let each = |key: &str| members.get(key).and_then(Value::as_array).into_iter().flatten();
    let branches: Vec<&Value> = ["allOf", "anyOf", "oneOf", "prefixItems"].into_iter().flat_map(each).collect();
    branches.iter().for_each(|branch| find_free(branch, at, found));
    for (name, member) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
        find_free(member, &format!("{at}.{name}"), found);
    }
    let is_of = |kind: &str| {
        members.get("type").is_some_and(|kinds| kinds == kind || kinds.as_array().is_some_and(|all| all.contains(&json!(kind))))
    };
    let of_members = members.get("additionalProperties").filter(|schema| schema.as_bool() != Some(false));
    if let Some(schema) = of_members {
        find_free(schema, &format!("{at}.*"), found);
    } else if is_of("object")
        && !["properties", "patternProperties", "additionalProperties"].iter().any(|key| members.contains_key(*key))
        && branches.is_empty()
    {
        found.insert(at.to_owned());
    }
    if let Some(items) = members.get("items").filter(|items| items.as_bool() != Some(false)) {
        find_free(items, &format!("{at}[]"), found);
    } else if is_of("array") && !members.contains_key("prefixItems") && branches.is_empty() {
        found.insert(at.to_owned());
    }
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

#[test]
fn the_table_of_problems_is_that_of_the_code() {
    let page = include_str!("../../docs/api.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 4).collect();
    for known in PROBLEM_TYPES {
        let statuses = known.statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let row = format!("| `{}` | {statuses} | {} |", known.kind, known.meaning);
        assert!(rows.contains(&row.as_str()), "docs/api.md lacks\n{row}");
    }
    assert!(PROBLEM_TYPES.is_sorted_by_key(|known| known.kind), "they are in order");
}

#[tokio::test]
async fn the_description_is_served_and_without_a_key_nothing_else_is() {
    // It presents more wrong keys than an address may.
    let host = Host::start_with(|config| config.api.wrong_keys_burst_max = 10_000).await;
    let served = host.request(Method::GET, "/openapi.json").send().await.expect("an answer");
    let document: Value = served.json().await.expect("JSON");
    assert_eq!(document, sluicebox::api::openapi());
    for operation in operations(&document) {
        if OPEN.contains(&operation.id()) {
            continue;
        }
        let request = || host.request(operation.method.clone(), &operation.filled());
        for request in [request(), request().bearer_auth("slk_wrong"), request().header("authorization", host.key())] {
            let answer = request.send().await.expect("an answer");
            assert_eq!((answer.status().as_u16(), answer.headers()["www-authenticate"].as_bytes()), (401, &b"Bearer"[..]));
            let problem: Value = answer.json().await.expect("a problem");
            assert_eq!(problem["type"], "urn:sluicebox:problem:no-key", "{}", operation.id());
        }
    }
    host.stop().await;
}

#[tokio::test]
async fn a_call_sees_its_own_workspace_only() {
    let host = Host::start().await;
    let other =
        |method: Method, path: &str| host.request(method, path).bearer_auth(host.key()).header("sluicebox-workspace", "other");
    let source = json!({ "verify": { "scheme": "none" } });
    let missing = other(Method::PUT, "/v1/sources/shop").json(&source).send().await.expect("an answer");
    assert_eq!(missing.status().as_u16(), 404, "there is no such workspace yet");
    assert_eq!(host.send("/v1/workspaces", &json!({ "name": "other" })).await.status, 201);
    let put = other(Method::PUT, "/v1/sources/shop").json(&source).send().await.expect("an answer");
    assert_eq!(put.status().as_u16(), 200);
    let event = json!({ "source": "shop", "type": "t", "data": 1 });
    let published = other(Method::POST, "/v1/events").json(&event).send().await.expect("an answer");
    assert_eq!(published.status().as_u16(), 202);
    let id = published.json::<Value>().await.expect("JSON")["id"].as_str().expect("an id").to_owned();

    assert_eq!(host.get("/v1/sources/shop").await.status, 404);
    assert_eq!(host.get("/v1/sources").await.json["items"], json!([]));
    assert_eq!(host.send("/v1/events", &event).await.status, 404);
    for path in ["/v1/events", "/v1/runs", "/v1/deliveries", "/v1/batches", "/v1/dead-letters"] {
        assert_eq!(host.get(path).await.json["items"], json!([]), "{path}");
    }
    for (path, status) in [(format!("/v1/events/{id}"), 404), (format!("/v1/events/{id}/runs/r/saw"), 404)] {
        assert_eq!(host.get(&path).await.status, status, "{path}");
    }
    assert_eq!(host.send(&format!("/v1/events/{id}/replay"), &json!({})).await.status, 404);
    assert_eq!(host.send("/v1/explain", &json!({ "match": {}, "event": id })).await.status, 404);
    let own = other(Method::GET, &format!("/v1/events/{id}")).send().await.expect("an answer");
    assert_eq!(own.status().as_u16(), 200);

    let bad = host.request(Method::GET, "/v1/events").bearer_auth(host.key()).header("sluicebox-workspace", "No Name");
    let bad = bad.send().await.expect("an answer");
    assert_eq!(bad.status().as_u16(), 400);
    host.stop().await;
}
