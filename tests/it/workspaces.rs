//! Workspaces: made, bounded and deleted by the operator, and blind to each other.

use std::{collections::BTreeSet, path::Path, process::Command};

use prometheus_client::registry::Registry;
use reqwest::Method;
use serde_json::{Value, json};
use sluicebox::{
    config::{self, Config},
    event::Name,
    hub::{Caller, Draft, Hub, Kind, Options, Scope, WorkspaceChange},
    plugin::Plugins,
};
use sluicebox_tests::{Answer, Host, Receiver, eventually, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, Time, destination};

const WORKSPACES: [&str; 2] = ["default", "acme"];

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A draft of a hub file written as TOML.
fn draft(toml: &str) -> Draft {
    let tables: Value = toml::from_str(toml).expect("TOML");
    let of_kind = |kind: Kind| {
        let documents = tables[kind.as_str()].as_object().cloned().unwrap_or_default();
        documents.into_iter().map(move |(text, document)| ((kind, name(&text)), Some(document)))
    };
    Draft { entries: Kind::ALL.into_iter().flat_map(of_kind).collect(), ..Draft::default() }
}

/// The same names in each workspace; only where messages go tells them apart.
async fn twins(data: &Path, receiver: &Receiver) {
    let config = Config::at(data);
    let plugins = Plugins::start(&config.plugin, &mut Registry::default()).expect("plugins start");
    let options = Options { folder: data.to_owned(), versioning: config.versioning, main_key: config.main_key, callbacks: false };
    let opened = Hub::open(&options, plugins, config::system_clock()).await.expect("opened");
    let operator = Caller { key: "admin".to_owned(), workspace: None, scopes: vec![Scope::Operator] };
    let naming = opened.hub.naming().await;
    opened.hub.create_workspace(&naming, &operator, &name("acme"), WorkspaceChange::default()).await.expect("made");
    let (digest, _) =
        opened.hub.put_component(&Name::default_workspace(), guests::component("remember").into()).await.expect("a plugin");
    for workspace in WORKSPACES {
        let at = |path: &str| format!("{}/{workspace}/{path}", receiver.url());
        let hub = format!(
            "[sources.shop]\nverify = {{ scheme = \"none\" }}\nidempotency = {{ key = {{ header = \"idempotency-key\" }} }}\n\
             [plugins.remember]\ndigest = \"{digest}\"\nconfig = {{ does = \"count\" }}\ngrants = {{ state = true }}\n\
             {}{}[rules.counted]\nplugins = [\"remember\"]\ndestinations = [\"counts\"]\n\
             [rules.collected]\ndestinations = [\"batches\"]\nbatch = {{ max_events = 3, max_age = \"1h\" }}\n",
            destination("counts", &at("counts")),
            destination("batches", &at("batches")),
        );
        opened.hub.apply(&name(workspace), draft(&hub)).await.expect("applied");
    }
    opened.hub.close();
}

async fn post(host: &Host, workspace: &str, key: &str) -> Answer {
    let request = host.request(Method::POST, &format!("/w/{workspace}/in/shop")).header("idempotency-key", key).body("{}");
    let answer = request.send().await.expect("an answer");
    Answer { status: answer.status().as_u16(), json: answer.json().await.unwrap_or_default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_with_the_same_names_see_nothing_of_each_other() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    twins(&data, &receiver).await;
    let host = Host::start_at(data, |_| {}).await;
    let mut posted = [BTreeSet::new(), BTreeSet::new()];
    for order in ["a", "b", "c"] {
        for (workspace, ids) in WORKSPACES.iter().zip(&mut posted) {
            let answer = post(&host, workspace, order).await;
            assert_eq!((answer.status, &answer.json["duplicate"]), (202, &Value::Null), "the same key in another workspace");
            ids.insert(answer.json["id"].as_str().expect("an id").to_owned());
        }
        if order == "b" {
            // Two of each wait by now: a batch of both together would be full.
            for workspace in WORKSPACES {
                assert!(receiver.received(&format!("/{workspace}/batches")).is_empty(), "{workspace}");
            }
        }
    }
    assert!(posted[0].is_disjoint(&posted[1]));
    for (workspace, ids) in WORKSPACES.iter().zip(&posted) {
        let counts = receiver.wait_for(&format!("/{workspace}/counts"), 3).await;
        let numbers: BTreeSet<String> = counts.iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
        assert_eq!(numbers, ["1", "2", "3"].map(str::to_owned).into(), "the state of {workspace}'s plugin");
        let batch = receiver.wait_for(&format!("/{workspace}/batches"), 1).await.remove(0);
        assert_eq!(serde_json::from_slice::<Value>(&batch.body).expect("JSON").as_array().map(Vec::len), Some(3), "{workspace}");
        assert!(ids.len() == 3);
    }
    // What is listed for one is nothing of the other's.
    let delivered = eventually("all that is to be delivered", async || {
        let page = host.get("/v1/deliveries?state=delivered").await.json;
        let items = page["items"].as_array()?.clone();
        (items.len() >= 4).then_some(items)
    })
    .await;
    assert_eq!(delivered.len(), 4, "three counts and a batch");
    for (workspace, ids) in WORKSPACES.iter().zip(&posted) {
        let request = host.request(Method::GET, "/v1/events").bearer_auth(host.key()).header("sluicebox-workspace", *workspace);
        let listed: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let listed =
            listed["items"].as_array().expect("a list").iter().map(|event| event["id"].as_str().expect("an id").to_owned());
        assert_eq!(listed.collect::<BTreeSet<_>>(), *ids, "{workspace}");
    }
    assert_eq!(host.get("/v1/runs").await.json["items"].as_array().map(Vec::len), Some(6));
    for id in &posted[1] {
        assert_eq!(host.get(&format!("/v1/events/{id}")).await.status, 404, "an event of the other workspace");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_is_not_there_takes_nothing() {
    let host = Host::start().await;
    host.apply(&OPEN_SOURCE.replace("open", "shop")).await;
    let (known, unknown) = (post(&host, "default", "a").await, post(&host, "nobodys", "a").await);
    assert_eq!((known.status, unknown.status), (202, 404));
    assert_eq!(unknown.json["type"], "urn:sluicebox:problem:unknown-source", "whether it is there is nobody's business");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workspaces_are_made_changed_and_deleted() {
    let host = Host::start().await;
    let made = host.send("/v1/workspaces", &json!({ "name": "acme", "quotas": { "rules_max": 5 } })).await;
    assert_eq!((made.status, &made.json["quotas"]["rules_max"]), (201, &json!(5)), "{}", made.json);
    let kind =
        |answer: &Answer| answer.json["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned();
    let again = host.send("/v1/workspaces", &json!({ "name": "acme" })).await;
    assert_eq!((again.status, kind(&again).as_str()), (409, "workspace-exists"));
    let changed = host.put("/v1/workspaces/acme", &json!({ "description": "a tenant" })).await;
    assert_eq!((&changed.json["description"], &changed.json["quotas"]["rules_max"]), (&json!("a tenant"), &Value::Null));
    let wrong = host.put("/v1/workspaces/acme", &json!({ "quotas": { "events_per_second_max": 0 } })).await;
    assert_eq!((wrong.status, &wrong.json["pointer"]), (422, &json!("/quotas/events_per_second_max")));
    let near = host.get("/v1/workspaces/acne").await;
    assert_eq!((near.status, kind(&near).as_str()), (404, "unknown-workspace"));
    assert!(near.json["detail"].as_str().is_some_and(|detail| detail.contains("did you mean `acme`?")), "{}", near.json);

    let names = host.get("/v1/workspaces").await.json["items"].as_array().expect("a list").clone();
    assert_eq!(names.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["acme", "default"]);
    assert_eq!(host.delete("/v1/workspaces/acme").await.status, 200);
    assert_eq!(host.get("/v1/workspaces/acme").await.status, 404);
    assert_eq!(host.delete("/v1/workspaces/default").await.status, 422, "it is always there");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_again_only_when_nothing_is_left_of_the_old() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    twins(&data, &receiver).await;
    let host = Host::start_at(data, |_| {}).await;
    post(&host, "acme", "a").await;
    let refused = host.delete("/v1/workspaces/acme").await;
    assert_eq!((refused.status, &refused.json["type"]), (409, &json!("urn:sluicebox:problem:workspace-not-empty")));
    let gone = host.delete("/v1/workspaces/acme?force=true").await;
    assert_eq!(gone.json["changes"].as_array().map(Vec::len), Some(6), "{}", gone.json);
    assert_eq!(post(&host, "acme", "b").await.status, 404);
    assert_eq!(post(&host, "default", "b").await.status, 202, "the other goes on");
    let again = host.send("/v1/workspaces", &json!({ "name": "acme" })).await;
    assert_eq!((again.status, &again.json["type"]), (409, &json!("urn:sluicebox:problem:workspace-remains")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quotas_bound_entries_keys_and_events() {
    let time = Time::new();
    let host = Host::start_with(time.rules()).await;
    host.apply(&OPEN_SOURCE.replace("open", "shop")).await;
    let quotas = json!({ "sources_max": 2, "keys_max": 1, "events_per_second_max": 3 });
    assert_eq!(host.put("/v1/workspaces/default", &json!({ "quotas": quotas })).await.status, 200);

    let source = json!({ "verify": { "scheme": "none" } });
    assert_eq!(host.put("/v1/sources/second", &source).await.status, 200);
    let third = host.put("/v1/sources/third", &source).await;
    assert_eq!((third.status, &third.json["type"]), (409, &json!("urn:sluicebox:problem:quota-reached")));
    assert!(third.json["detail"].as_str().is_some_and(|detail| detail.contains("`sources_max`")), "{}", third.json);
    assert_eq!(host.put("/v1/sources/second", &source).await.status, 200, "what is there may change");
    let planned = host.send("/v1/apply?dry_run=true", &json!({ "sources": { "third": source } })).await;
    assert_eq!((planned.status, &planned.json["type"]), (409, &third.json["type"]), "a plan tells so too");

    let key = json!({ "name": "one", "scopes": ["read"] });
    assert_eq!(host.send("/v1/keys", &key).await.status, 201);
    assert_eq!(host.send("/v1/keys", &key).await.status, 409);
    let hosts = host.send("/v1/keys", &json!({ "name": "prometheus", "scopes": ["metrics"] })).await;
    assert_eq!(hosts.status, 201, "the host's keys are none of the workspace's");

    for order in ["a", "b", "c"] {
        assert_eq!(post(&host, "default", order).await.status, 202, "{order}");
    }
    let request = host.request(Method::POST, "/w/default/in/shop").body("{}");
    let refused = request.send().await.expect("an answer");
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().ok()), (429, Some("1")));
    let problem: Value = refused.json().await.expect("a problem");
    assert_eq!(problem["type"], "urn:sluicebox:problem:workspace-rate");
    let published = host.send("/v1/events", &json!({ "source": "second", "data": {} })).await;
    assert_eq!(published.status, 429, "all sources together, however the events come");
    time.pass_ms(1_000);
    assert_eq!(host.send("/v1/events", &json!({ "source": "second", "data": {} })).await.status, 202);
    assert!(host.metrics().await.contains("outcome=\"workspace-rate\""));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_bounds_the_components_of_a_workspace() {
    let host = Host::start().await;
    let quotas = json!({ "components_max": 1 });
    assert_eq!(host.put("/v1/workspaces/default", &json!({ "quotas": quotas })).await.status, 200);
    let component = guests::component("redact");
    host.upload(component.clone()).await.expect("the first");
    // Other bytes that are the same plugin: an empty custom section more.
    let other = [component.clone(), vec![0, 2, 1, b'x']].concat();
    let refused = host.upload(other.clone()).await.expect_err("one too many");
    assert_eq!((refused.status, &refused.json["type"]), (409, &json!("urn:sluicebox:problem:quota-reached")));
    assert!(refused.json["detail"].as_str().is_some_and(|detail| detail.contains("`components_max`")), "{}", refused.json);
    assert_eq!(host.put_component("/v1/plugins/redact", other).await.status, 409);
    host.upload(component).await.expect("the same again");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_keeps_workspaces() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let call = |arguments: &[&str]| {
        let mut command = Command::new(process::binary());
        command.args(arguments).args(["--url", host.url(), "--key", host.key()]).current_dir(folder.path());
        let output = command.output().expect("an end");
        let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), told)
    };
    let works = |arguments: &[&str]| {
        let (success, told) = call(arguments);
        assert!(success, "{arguments:?}: {told}");
        told
    };
    works(&["workspaces", "create", "acme", "--description", "a tenant", "--rules-max", "100"]);
    works(&["workspaces", "set", "acme", "--keys-max", "3", "--components-max", "7"]);
    let shown: Value = serde_json::from_str(&works(&["workspaces", "show", "acme"])).expect("JSON");
    let expected = (&json!("a tenant"), &json!(100), &json!(3), &json!(7));
    let quotas = &shown["quotas"];
    assert_eq!((&shown["description"], &quotas["rules_max"], &quotas["keys_max"], &quotas["components_max"]), expected);
    works(&["workspaces", "set", "acme", "--rules-max", "none"]);
    let listed = works(&["workspaces", "list"]);
    assert!(listed.contains("acme") && listed.contains("0/3") && !listed.contains("/100"), "{listed}");
    let (success, told) = call(&["workspaces", "delete", "acmee"]);
    assert!(!success && told.contains("did you mean `acme`?"), "{told}");
    works(&["workspaces", "delete", "acme"]);
    assert!(!works(&["workspaces", "list"]).contains("acme"));
    host.stop().await;
}

/// A call of the operator's in the workspace `acme`.
async fn in_acme(host: &Host, method: Method, path: &str, body: &Value) -> Answer {
    let request = host.request(method, path).bearer_auth(host.key()).header("sluicebox-workspace", "acme").json(body);
    let answer = request.send().await.expect("an answer");
    Answer { status: answer.status().as_u16(), json: answer.json().await.unwrap_or_default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_tenant_sees_nothing_of_who_had_the_name_before() {
    let host = Host::start().await;
    let (make, source) = (json!({ "name": "acme" }), json!({ "verify": { "scheme": "api-key", "secret": "of the old tenant" } }));
    host.send("/v1/workspaces", &make).await;
    let put = in_acme(&host, Method::PUT, "/v1/sources/shop", &source).await;
    let old = put.json["revision"].as_u64().expect("a revision");
    assert_eq!(host.delete("/v1/workspaces/acme?force=true").await.status, 200);
    assert_eq!(host.send("/v1/workspaces", &make).await.status, 201);

    let revisions = in_acme(&host, Method::GET, "/v1/revisions", &json!(null)).await;
    assert_eq!(revisions.json["items"], json!([]));
    for (method, path) in [(Method::GET, format!("/v1/revisions/{old}")), (Method::POST, format!("/v1/revisions/{old}/rollback"))]
    {
        assert_eq!(in_acme(&host, method, &path, &json!({})).await.status, 404, "{path}");
    }
    let key = in_acme(&host, Method::POST, "/v1/keys", &json!({ "name": "theirs", "scopes": ["admin"] })).await;
    let key = key.json["secret"].as_str().expect("a secret").to_owned();
    let entries: Value =
        host.request(Method::GET, "/v1/audit").bearer_auth(key).send().await.expect("an answer").json().await.expect("JSON");
    let actions: Vec<_> = entries["items"].as_array().expect("a list").iter().map(|entry| entry["action"].clone()).collect();
    assert!(actions.contains(&json!("keys.create")) && !actions.contains(&json!("sources.put")), "{actions:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_goes_to_the_source_of_its_workspace() {
    let host = Host::start().await;
    host.apply(&OPEN_SOURCE.replace("open", "shop")).await;
    host.send("/v1/workspaces", &json!({ "name": "acme" })).await;
    in_acme(&host, Method::PUT, "/v1/sources/shop", &json!({ "verify": { "scheme": "none" } })).await;
    let key = in_acme(&host, Method::POST, "/v1/keys", &json!({ "name": "theirs", "scopes": ["read"] })).await;
    let theirs = key.json["secret"].as_str().expect("a secret").to_owned();
    for key in [&["--key", &theirs][..], &["--key", host.key(), "--workspace", "acme"]] {
        let mut command = Command::new(process::binary());
        command.args(["trigger", "shop", "sample.order.created", "--url", host.url()]).args(key);
        let output = command.output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let count = async |workspace: &str| {
        let request = host.request(Method::GET, "/v1/events").bearer_auth(host.key()).header("sluicebox-workspace", workspace);
        let page: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        page["items"].as_array().expect("a list").len()
    };
    assert_eq!((count("acme").await, count("default").await), (2, 0));
    host.stop().await;
}
