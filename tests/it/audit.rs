//! The audit log: every change leaves one entry, whatever happens right after it; so does every dry run, under its own outcome, and no other
//! question.

use std::{process::Command, sync::Arc};

use reqwest::Method;
use rusqlite::{Connection, TransactionBehavior};
use serde_json::{Value, json};
use sluicebox::event::Timestamp;
use sluicebox_tests::{Api, Host, HostProcess, eventually, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// All entries, newest first.
async fn entries(host: &Api, query: &str) -> Vec<Value> {
    let page = host.get(&format!("/v1/audit?limit=500&{query}")).await;
    assert_eq!(page.status, 200, "{}", page.json);
    page.json["items"].as_array().expect("entries").clone()
}

/// A host with something of each kind.
async fn furnished() -> (Host, String) {
    let host = Host::start().await;
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    let queue = "[destinations.queue]\nkind = \"pull\"\n";
    let plugin = format!("[plugins.redact]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"a\"] }}\n");
    let rule = "[rules.all]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{}{queue}{plugin}{rule}", destination("out", "https://example.com/a"))).await;
    (host, digest)
}

/// Sends a call, and gives its status.
async fn call(host: &Host, method: &Method, path: &str, body: &Value) -> u16 {
    let mut request = host.request(method.clone(), path).bearer_auth(host.key()).header("user-agent", "audited/1");
    request = request.header("x-request-id", "req-7");
    if !body.is_null() {
        request = request.json(body);
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_changing_route_leaves_one_entry_with_its_actor_and_target() {
    let (host, digest) = furnished().await;
    let source = json!({ "verify": { "scheme": "none" } });
    let plugin = json!({ "digest": digest, "config": { "fields": ["b"] } });
    let (post, put, delete) = (Method::POST, Method::PUT, Method::DELETE);
    let none = Value::Null;
    let rows = [
        (&post, "/v1/apply", json!({ "sources": { "more": source } }), "apply", None),
        (&post, "/v1/apply?dry_run=true", json!({ "sources": { "less": source } }), "apply", None),
        (&put, "/v1/sources/shop", source.clone(), "sources.put", Some("shop")),
        (&put, "/v1/sources/shop", json!({ "verify": 7 }), "sources.put", Some("shop")),
        (&delete, "/v1/sources/shop", none.clone(), "sources.delete", Some("shop")),
        (&delete, "/v1/sources/shop", none.clone(), "sources.delete", Some("shop")),
        (&put, "/v1/destinations/crm", json!({ "url": "https://example.com/b" }), "destinations.put", Some("crm")),
        (&post, "/v1/destinations/crm/enable", none.clone(), "destinations.enable", Some("crm")),
        (&post, "/v1/destinations/crm/rotate-secret", none.clone(), "destinations.rotate-secret", Some("crm")),
        (&delete, "/v1/destinations/crm", none.clone(), "destinations.delete", Some("crm")),
        (&put, "/v1/rules/some", json!({ "destinations": ["out"] }), "rules.put", Some("some")),
        (&delete, "/v1/rules/some", none.clone(), "rules.delete", Some("some")),
        (&post, "/v1/components", none.clone(), "components.create", None),
        (&put, "/v1/plugins/redact", plugin, "plugins.put", Some("redact")),
        (&post, "/v1/plugins/redact/activate", json!({ "digest": digest }), "plugins.activate", Some("redact")),
        (&post, "/v1/plugins/redact/rollback", none.clone(), "plugins.rollback", Some("redact")),
        (&put, "/v1/plugins/redact/canary", json!({}), "plugins.canary.put", Some("redact")),
        (&delete, "/v1/plugins/redact/canary", none.clone(), "plugins.canary.delete", Some("redact")),
        (&post, "/v1/plugins/redact/enable", none.clone(), "plugins.enable", Some("redact")),
        (&delete, "/v1/plugins/redact", none.clone(), "plugins.delete", Some("redact")),
        (&post, "/v1/deliveries/msg_00/retry", none.clone(), "deliveries.retry", Some("msg_00")),
        (&post, "/v1/runs/run_00/retry", none.clone(), "runs.retry", Some("run_00")),
        (&post, "/v1/batches/batch_00/retry", none.clone(), "batches.retry", Some("batch_00")),
        (&post, "/v1/dead-letters/retry", json!({ "dry_run": true }), "dead-letters.retry", None),
        (&post, "/v1/events/replay?source=open", json!({ "dry_run": true }), "events.replay", None),
        (&post, "/v1/events/evt_00/replay", none.clone(), "events.replay", Some("evt_00")),
    ];
    for (method, path, body, action, name) in rows {
        let (before, revision) =
            (entries(&host, "").await, host.get("/v1/audit?limit=1").await.json["items"][0]["revision_after"].clone());
        let status = call(&host, method, path, &body).await;
        let after = entries(&host, "").await;
        assert_eq!(after.len(), before.len() + 1, "{method} {path}");
        let is_dry = path.ends_with("dry_run=true") || body["dry_run"] == true;
        let (entry, outcome) = (
            &after[0],
            if status >= 400 {
                "refused"
            } else if is_dry {
                "dry-run"
            } else {
                "done"
            },
        );
        let told = json!([entry["action"], entry["name"], entry["outcome"], entry["status"], entry["key"], entry["workspace"]]);
        assert_eq!(told, json!([action, name, outcome, status, "admin", "default"]), "{method} {path}");
        let from = json!([entry["address"], entry["user_agent"], entry["request_id"], entry["times"]]);
        assert_eq!(from, json!(["127.0.0.1", "audited/1", "req-7", 1]), "{method} {path}");
        assert_eq!(entry["revision_before"], revision, "{method} {path}");
        if status >= 400 {
            assert_eq!(entry["revision_after"], revision, "nothing was changed by {method} {path}");
        }
    }
    let applied = entries(&host, "action=apply&outcome=done").await.remove(0);
    let (before, after) = (applied["revision_before"].as_u64().expect("one"), applied["revision_after"].as_u64().expect("one"));
    assert_eq!(after, before + 1, "what was changed has its revision");
    host.stop().await;
}

/// What takes another method than GET and is not on record.
const NOT_CHANGES: [&str; 7] = [
    "/v1/events",
    "/v1/explain",
    "/v1/plugins/{name}/diff",
    "/v1/events/{id}/runs/{rule}/repeat",
    "/v1/destinations/{name}/messages/ack",
    "/v1/destinations/{name}/messages/nack",
    "/v1/destinations/{name}/messages/extend",
];

/// Whatever operations are added: each that is not a read leaves one entry, in the workspace of the call or with the host.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_description_leaves_one_entry() {
    let host = Host::start().await;
    let document = sluicebox::api::openapi();
    let count = async || entries(&host, "").await.len() + entries(&host, "host=true").await.len();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().expect("paths").iter().filter(|(path, _)| path.starts_with("/v1/")) {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            let operation = &item[method.as_str().to_lowercase()];
            if operation["security"].is_null() {
                continue;
            }
            let place = |piece: &str| if piece.starts_with('{') { "x".to_owned() } else { piece.to_owned() };
            let filled = path.split('/').map(place).collect::<Vec<_>>().join("/");
            let before = count().await;
            let status = call(&host, &method, &filled, &json!({})).await;
            let expected = usize::from(!NOT_CHANGES.contains(&path.as_str()));
            assert_eq!(count().await, before + expected, "{method} {path}, answered with {status}");
            seen += 1;
        }
    }
    assert!(seen > 20, "the document has them: {seen}");
    host.stop().await;
}

/// Who has the scope `admin` in the workspace that the operator works in sees nothing of the host's keys.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_the_hosts_keys_are_the_hosts() {
    let host = Host::start().await;
    let mut ids = Vec::new();
    for scope in ["metrics", "read"] {
        let made = host.send("/v1/keys", &json!({ "name": scope, "scopes": [scope] })).await.json;
        let id = made["key"]["id"].as_str().expect("an id").to_owned();
        assert_eq!(host.send(&format!("/v1/keys/{id}/rotate"), &Value::Null).await.status, 200);
        assert_eq!(host.delete(&format!("/v1/keys/{id}")).await.status, 200);
        ids.push(id);
    }
    let told = async |query: &str| -> Vec<Value> {
        entries(&host, query).await.into_iter().rev().map(|entry| json!([entry["action"], entry["name"]])).collect()
    };
    let expected = |id: &str| {
        ["keys.create", "keys.rotate", "keys.delete"]
            .map(|action| json!([action, if action == "keys.create" { None } else { Some(id) }]))
    };
    assert_eq!(told("kind=keys&host=true").await, expected(&ids[0]));
    assert_eq!(told("kind=keys").await, expected(&ids[1]));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_nothing_of_it() {
    let host = Host::start().await;
    assert_eq!(host.send("/v1/workspaces", &json!({ "name": "other" })).await.status, 201);
    let elsewhere =
        |method: Method, path: &str| host.request(method, path).bearer_auth(host.key()).header("sluicebox-workspace", "other");
    let source = json!({ "verify": { "scheme": "none" } });
    let put = elsewhere(Method::PUT, "/v1/sources/there").json(&source).send().await.expect("an answer");
    assert_eq!(put.status().as_u16(), 200);
    host.put("/v1/sources/here", &source).await;
    let names = |items: &[Value]| items.iter().map(|entry| entry["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&entries(&host, "").await), ["here"]);
    let page: Value = elsewhere(Method::GET, "/v1/audit").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(names(page["items"].as_array().expect("entries")), ["there"]);
    let exported = elsewhere(Method::GET, "/v1/audit/export").send().await.expect("an answer").text().await.expect("text");
    assert!(exported.contains("\"there\"") && !exported.contains("\"here\""), "{exported}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_nothing_leaves_no_entry() {
    let (host, _) = furnished().await;
    let before = entries(&host, "").await;
    let event = json!({ "source": "open", "type": "a", "data": 1 });
    let rows = [
        (Method::POST, "/v1/events", event),
        (Method::POST, "/v1/explain", json!({ "match": {}, "event": { "source": "open" } })),
        (Method::POST, "/v1/plugins/redact/diff", json!({})),
        (Method::POST, "/v1/events/evt_00/runs/all/repeat", json!({})),
        (Method::POST, "/v1/destinations/queue/messages/ack", json!({ "receipts": [] })),
        (Method::POST, "/v1/destinations/queue/messages/nack", json!({ "receipts": [] })),
        (Method::POST, "/v1/destinations/queue/messages/extend", json!({ "receipts": [] })),
        (Method::GET, "/v1/sources", Value::Null),
        (Method::GET, "/v1/audit", Value::Null),
        (Method::GET, "/metrics", Value::Null),
    ];
    for (method, path, body) in rows {
        let status = call(&host, &method, path, &body).await;
        assert!(![401, 404, 405].contains(&status) || path.contains("evt_00"), "{method} {path} is a route: {status}");
    }
    host.post("open", &[], "{}").await;
    assert_eq!(entries(&host, "").await, before);
    let own: Vec<Value> = entries(&host, "host=true").await;
    assert_eq!(own.iter().map(|entry| entry["action"].clone()).collect::<Vec<_>>(), ["host.start"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_by_its_key_leaves_no_second_entry() {
    let host = Host::start().await;
    let put = async |name: &str, key: &str| {
        let request = host.request(Method::PUT, &format!("/v1/destinations/{name}")).bearer_auth(host.key());
        let request = request.header("idempotency-key", key).json(&json!({ "url": "https://example.com/" }));
        let answer = request.send().await.expect("an answer");
        let is_repeat = answer.headers().contains_key("idempotency-replayed");
        (answer.status().as_u16(), is_repeat, answer.text().await.expect("text"))
    };
    let (status, is_repeat, first) = put("a", "one").await;
    assert_eq!((status, is_repeat), (200, false));
    assert_eq!(put("a", "one").await, (200, true, first), "told again, and not done again");
    assert_eq!(put("b", "one").await.0, 422, "the key is another call's");
    assert_eq!(put("a", "two").await.0, 200);
    let done: Vec<_> = entries(&host, "").await.iter().map(|entry| json!([entry["name"], entry["outcome"]])).collect();
    assert_eq!(done, [json!(["a", "done"]), json!(["a", "done"])], "one for each call that was done");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_there_after_a_kill_and_so_are_starts_and_stops() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    assert_eq!(host.put("/v1/sources/open", &json!({ "verify": { "scheme": "none" } })).await.status, 200);
    host.kill();
    let host = HostProcess::start(&data).await;
    let all = entries(&host, "").await;
    assert_eq!(all.len(), 1, "{all:?}");
    let told = json!([all[0]["action"], all[0]["outcome"], all[0]["revision_before"], all[0]["revision_after"]]);
    assert_eq!(told, json!(["sources.put", "done", 0, 1]));
    host.stop().await;
    let host = HostProcess::start(&data).await;
    let own: Vec<Value> = entries(&host, "host=true").await.into_iter().map(|entry| entry["action"].clone()).collect();
    assert_eq!(own, ["host.start", "host.stop", "host.start", "host.start"]);
}

/// Another program holds the journal, as a disk that does not answer would.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_done() {
    let host = Host::start().await;
    let source = json!({ "verify": { "scheme": "none" } });
    let mut other = Connection::open(host.data().join("journal/journal.db")).expect("the journal");
    let lock = other.transaction_with_behavior(TransactionBehavior::Immediate).expect("it is locked");
    let refused = host.put("/v1/sources/open", &source).await;
    assert_eq!(
        (refused.status, &refused.json["type"]),
        (503, &json!("urn:sluicebox:problem:audit-unavailable")),
        "{}",
        refused.json
    );
    assert_eq!(host.get("/v1/sources/open").await.status, 404, "nothing was done");
    drop(lock);
    assert_eq!(host.put("/v1/sources/open", &source).await.status, 200);
    assert_eq!(host.metric("sluicebox_audit_failures_total").await, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_kept_and_do_not_fill_the_disk() {
    let host = Host::start().await;
    for _ in 0..50 {
        let answer = host.request(Method::DELETE, "/v1/sources/a").bearer_auth("slk_canary").send().await.expect("an answer");
        assert_eq!(answer.status(), 401);
    }
    // Nobody waits for it, so it may come a moment later.
    let refused = eventually("an entry", async || {
        let found = entries(&host, "host=true&outcome=refused").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert!(refused.len() <= 2, "one a minute: {refused:?}");
    let told = json!([refused[0]["action"], refused[0]["status"], refused[0]["key"], refused[0]["address"]]);
    assert_eq!(told, json!(["sources.delete", 401, null, "127.0.0.1"]));
    assert_eq!(host.metric("sluicebox_audit_refusals_total").await, 50);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_it() {
    let host = Host::start().await;
    let source = "[sources.s]\nverify = { scheme = \"github\", secret = \"canary-secret\" }\n";
    host.apply(source).await;
    let answer =
        call(&host, &Method::PUT, "/v1/sources/s?x=canary-query", &json!({ "verify": { "scheme": "canary-body" } })).await;
    assert!(answer >= 400);
    let made = host.put("/v1/destinations/made", &json!({ "url": "https://example.com/a" })).await.json;
    let made = made["generated_secrets"]["made"].as_str().expect("shown this once").to_owned();
    let all = json!([entries(&host, "").await, entries(&host, "host=true").await]).to_string();
    for canary in ["canary", host.key(), made.trim_start_matches("whsec_")] {
        assert!(!all.contains(canary), "{canary}: {all}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_listed_narrowed_and_exported() {
    let (host, _) = furnished().await;
    for n in 0..3 {
        host.put(&format!("/v1/sources/s{n}"), &json!({ "verify": { "scheme": "none" } })).await;
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new(process::binary());
        let output = command.args(arguments).args(["--url", host.url(), "--key", host.key()]).output().expect("an end");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    let page = host.get("/v1/audit?kind=sources&limit=2").await.json;
    let names = |page: &Value| page["items"].as_array().expect("a page").iter().map(|e| e["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(&page), ["s2", "s1"]);
    let next = page["next"].as_str().expect("more");
    assert_eq!(names(&host.get(&format!("/v1/audit?kind=sources&limit=2&after={next}")).await.json), ["s0"]);
    for (query, count) in [("name=s1", 1), ("outcome=refused", 0), ("key=nobody", 0), ("until=2020-01-01T00:00:00Z", 0)] {
        assert_eq!(entries(&host, query).await.len(), count, "{query}");
    }
    for bad in ["outcome=fine", "since=today", "limit=0", "nme=a"] {
        assert_eq!(host.get(&format!("/v1/audit?{bad}")).await.status, 400, "{bad}");
    }
    for paged in ["limit=2", "after=9"] {
        assert_eq!(host.get(&format!("/v1/audit/export?{paged}")).await.status, 400, "{paged}");
    }
    let table = run(&["audit", "--kind", "sources"]);
    assert!(table.contains("sources.put") && table.contains("admin") && table.contains("127.0.0.1"), "{table}");
    let exported = run(&["audit", "export"]);
    let lines: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let mut listed = entries(&host, "").await;
    listed.reverse();
    assert_eq!(lines, listed, "oldest first, and all of it");
    assert_eq!(run(&["audit", "export", "--name", "s1"]).lines().count(), 1);
    assert!(run(&["audit", "--host", "--json"]).contains("host.start"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_no_route_takes_is_not_on_record() {
    let host = Host::start().await;
    let items = async || host.get("/v1/audit").await.json["items"].as_array().map(Vec::len).expect("a list");
    let before = items().await;
    assert_eq!(host.delete("/v1/sources").await.status, 405);
    assert_eq!(host.delete("/v1/nothing").await.status, 404);
    assert_eq!(items().await, before, "anybody with a key could fill the log with these");
    assert_eq!(host.delete("/v1/sources/none").await.status, 404);
    assert_eq!(items().await, before + 1, "and a change that is refused is");
    host.stop().await;
}

/// A key that asks for what is not there again and again does not fill the log, and hides no change.
#[tokio::test(flavor = "multi_thread")]
async fn refused_calls_of_one_key_have_one_entry_together_beyond_so_many() {
    let host = Host::start_with(|config| config.clock = Arc::new(|| Timestamp(1_800_000_000_000))).await;
    for n in 0..130 {
        assert_eq!(host.delete(&format!("/v1/sources/none-{n}")).await.status, 404);
    }
    assert_eq!(host.put("/v1/sources/shop", &json!({ "verify": { "scheme": "none" } })).await.status, 200);
    assert_eq!(entries(&host, "action=sources.delete").await.len(), 100);
    let summary = entries(&host, "action=calls.refused").await;
    assert_eq!(summary.len(), 1, "{summary:?}");
    let told = json!([summary[0]["times"], summary[0]["outcome"], summary[0]["key"], summary[0]["name"], summary[0]["kind"]]);
    assert_eq!(told, json!([30, "refused", "admin", null, "calls"]));
    let done = entries(&host, "outcome=done").await;
    assert_eq!((done.len(), &done[0]["action"]), (1, &json!("sources.put")), "what changes anything has its own");
    assert_eq!(host.metric("sluicebox_audit_summed_total").await, 30);
    host.stop().await;
}
