//! Every operation of the OpenAPI document, called with every kind of key: none but the right one is given an answer. What there is, and which
//! scope each operation needs, is read from the document that the host itself gives.

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::hub::Scope;
use sluicebox_tests::Host;

struct Operation {
    id: String,
    path: String,
    method: Method,
    /// The scope that it needs; `None`: anybody may call it.
    scope: Option<Scope>,
}

impl Operation {
    /// Its path, with something that is nowhere in each of its places.
    fn filled(&self) -> String {
        let filled = |part: &str| if part.starts_with('{') { "nowhere".to_owned() } else { part.to_owned() };
        self.path.split('/').map(filled).collect::<Vec<_>>().join("/")
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("paths");
    let mut found = Vec::new();
    for (path, item) in paths {
        for (method, described) in item.as_object().expect("operations") {
            let scope = described["security"][0]["key"][0].as_str().map(|scope| scope.parse().expect("a scope"));
            let method = method.to_uppercase().parse().expect("a method");
            let id = described["operationId"].as_str().expect("an id").to_owned();
            found.push(Operation { id, path: path.clone(), method, scope });
        }
    }
    found
}

/// What an operation answers to this key in this workspace: its status, and whether anything but a refusal of the key came.
async fn status(host: &Host, operation: &Operation, key: Option<&str>, workspace: Option<&str>) -> u16 {
    let mut request = host.request(operation.method.clone(), &operation.filled());
    if let Some(key) = key {
        request = request.bearer_auth(key);
    }
    if let Some(workspace) = workspace {
        request = request.header("sluicebox-workspace", workspace);
    }
    // The body is not awaited: a stream has no end.
    request.send().await.expect("an answer").status().as_u16()
}

fn is_refused(status: u16) -> bool {
    matches!(status, 401 | 403)
}

/// A host that counts neither calls nor wrong keys.
async fn host() -> Host {
    Host::start_with(|config| {
        (config.api.calls_per_second_max, config.api.calls_burst_max) = (1_000_000, 1_000_000);
        (config.api.wrong_keys_per_second_max, config.api.wrong_keys_burst_max) = (1_000_000, 1_000_000);
    })
    .await
}

/// A key with one scope, of the workspace `default` or another.
async fn key(host: &Host, scope: Scope, workspace: &str) -> String {
    let body = json!({ "name": format!("{scope}-{workspace}"), "scopes": [scope] });
    let request = host.request(Method::POST, "/v1/keys").bearer_auth(host.key()).header("sluicebox-workspace", workspace);
    let answer = request.json(&body).send().await.expect("an answer");
    let (status, told) = (answer.status(), answer.json::<Value>().await.expect("JSON"));
    assert!(status.is_success(), "{scope}: {told}");
    told["secret"].as_str().unwrap_or_else(|| panic!("no secret in {told}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_a_key_is_given_an_answer() {
    let host = host().await;
    let document: Value = host.get("/openapi.json").await.json;
    let all = operations(&document);
    assert!(all.len() > 50, "{} operations", all.len());
    for operation in all.iter().filter(|operation| operation.scope.is_some()) {
        for key in [None, Some("slk_wrong"), Some("")] {
            assert_eq!(status(&host, operation, key, None).await, 401, "{} {key:?}", operation.id);
        }
        let near = format!("{}0", host.key());
        assert_eq!(status(&host, operation, Some(&near), None).await, 401, "{}", operation.id);
    }
    for operation in all.iter().filter(|operation| operation.scope.is_none()) {
        let told = status(&host, operation, None, None).await;
        assert!(!is_refused(told), "{} is open: {told}", operation.id);
    }
    // Nor is anybody answered by a method that there is not.
    for method in [Method::PATCH, Method::DELETE] {
        let answer = host.request(method, "/v1/events").send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_its_scopes_are_for_in_its_workspace_and_nothing_else() {
    let host = host().await;
    let document: Value = host.get("/openapi.json").await.json;
    let all = operations(&document);
    let made = host.send("/v1/workspaces", &json!({ "name": "other" })).await;
    assert!(made.status < 300, "{}", made.json);
    for scope in Scope::ALL.into_iter().filter(|scope| !matches!(scope, Scope::Operator)) {
        let (own, others) = (key(&host, scope, "default").await, key(&host, scope, "other").await);
        for operation in &all {
            let Some(needed) = operation.scope else { continue };
            let may = needed == scope || (scope == Scope::Admin && !matches!(needed, Scope::Metrics | Scope::Operator));
            let told = status(&host, operation, Some(&own), None).await;
            assert_eq!(is_refused(told), !may, "{} with {scope}: {told}", operation.id);
            if may && scope == Scope::Metrics {
                // They are the whole host's, and so are the keys to them.
                continue;
            }
            let told = status(&host, operation, Some(&others), Some("default")).await;
            assert!(is_refused(told), "{} with {scope} of another workspace: {told}", operation.id);
            let told = status(&host, operation, Some(&own), Some("nowhere")).await;
            assert!(is_refused(told), "{} with {scope} in a workspace that is not its own: {told}", operation.id);
        }
    }
    // The operator's opens all of them, in every workspace; what it would change is left alone.
    for operation in all.iter().filter(|operation| operation.method == Method::GET) {
        for workspace in [None, Some("other")] {
            let told = status(&host, operation, Some(host.key()), workspace).await;
            assert!(!is_refused(told), "{} with the operator's key: {told}", operation.id);
        }
    }
    host.stop().await;
}
