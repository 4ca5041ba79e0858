//! The description of the API, and that the API is as it says.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::ingest::PROBLEM_TYPES;
use sluicebox_tests::Host;

/// What anybody may call.
const OPEN: [&str; 6] = ["confirm", "getDescription", "getHealth", "getReadiness", "sendEvent", "sendEventToWorkspace"];

pub(crate) struct Operation {
    path: String,
    method: Method,
    pub(crate) described: Value,
}

impl Operation {
    pub(crate) fn id(&self) -> &str {
        self.described["operationId"].as_str().unwrap_or_default()
    }

    /// A path with something in each of its places.
    fn filled(&self) -> String {
        let filled = |part: &str| if part.starts_with('{') { "x".to_owned() } else { part.to_owned() };
        self.path.split('/').map(filled).collect::<Vec<_>>().join("/")
    }
}

pub(crate) fn operations(document: &Value) -> Vec<Operation> {
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
    let tags: Vec<&Value> = document["tags"].as_array().expect("tags").iter().map(|tag| &tag["name"]).collect();
    for operation in &operations {
        let (id, described) = (operation.id(), &operation.described);
        assert!(described["summary"].is_string() && tags.contains(&&described["tags"][0]), "{id}");
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
