//! Every call of the API can be made from the command line, by a command that says what it is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;
use sluicebox_tests::process;

/// A call, and the command that makes it. `api` makes any; it stands here for those that machines make.
const REACHED_BY: &[(&str, &str)] = &[
    ("GET /healthz", "health"),
    ("GET /readyz", "health"),
    ("GET /metrics", "api"),
    ("GET /openapi.json", "openapi"),
    ("POST /confirm/{token}", "api"),
    ("POST /v1/apply", "apply"),
    ("POST /v1/components", "plugin store"),
    ("GET /v1/sources", "get"),
    ("GET /v1/sources/{name}", "get"),
    ("PUT /v1/sources/{name}", "put"),
    ("DELETE /v1/sources/{name}", "delete"),
    ("GET /v1/destinations", "get"),
    ("GET /v1/destinations/{name}", "get"),
    ("PUT /v1/destinations/{name}", "put"),
    ("DELETE /v1/destinations/{name}", "delete"),
    ("GET /v1/plugins", "get"),
    ("GET /v1/plugins/{name}", "get"),
    ("PUT /v1/plugins/{name}", "put"),
    ("DELETE /v1/plugins/{name}", "delete"),
    ("GET /v1/rules", "get"),
    ("GET /v1/rules/{name}", "get"),
    ("PUT /v1/rules/{name}", "put"),
    ("DELETE /v1/rules/{name}", "delete"),
    ("POST /v1/destinations/{name}/enable", "destinations enable"),
    ("POST /v1/destinations/{name}/rotate-secret", "rotate-secret"),
    ("GET /v1/destinations/{name}/messages", "pull"),
    ("POST /v1/destinations/{name}/messages/ack", "messages ack"),
    ("POST /v1/destinations/{name}/messages/nack", "messages nack"),
    ("POST /v1/destinations/{name}/messages/extend", "messages extend"),
    ("POST /v1/plugins/{name}/enable", "plugin enable"),
    ("POST /v1/plugins/{name}/diff", "plugin diff"),
    ("GET /v1/plugins/{name}/versions", "plugin versions"),
    ("GET /v1/plugins/{name}/versions/{digest}", "plugin push"),
    ("POST /v1/plugins/{name}/activate", "plugin activate"),
    ("POST /v1/plugins/{name}/rollback", "plugin rollback"),
    ("PUT /v1/plugins/{name}/canary", "plugin canary"),
    ("DELETE /v1/plugins/{name}/canary", "plugin canary"),
    ("GET /v1/events", "events"),
    ("POST /v1/events", "publish"),
    ("GET /v1/events/stream", "listen"),
    ("GET /v1/events/{id}", "events"),
    ("POST /v1/events/replay", "replay"),
    ("POST /v1/events/{id}/replay", "replay"),
    ("GET /v1/events/{id}/runs/{rule}/saw", "plugin run"),
    ("POST /v1/events/{id}/runs/{rule}/repeat", "plugin run"),
    ("POST /v1/explain", "explain"),
    ("GET /v1/deliveries", "deliveries"),
    ("GET /v1/deliveries/{id}", "deliveries"),
    ("POST /v1/deliveries/{id}/retry", "retry"),
    ("GET /v1/runs", "runs"),
    ("POST /v1/runs/{id}/retry", "retry"),
    ("GET /v1/batches", "batches"),
    ("POST /v1/batches/{id}/retry", "retry"),
    ("GET /v1/dead-letters", "dead"),
    ("POST /v1/dead-letters/retry", "retry"),
    ("GET /v1/audit", "audit"),
    ("GET /v1/audit/export", "audit export"),
    ("GET /v1/backup", "backup"),
    ("GET /v1/components/{digest}", "export"),
    ("GET /v1/drift", "drift"),
    ("GET /v1/export", "export"),
    ("GET /v1/keys", "keys list"),
    ("POST /v1/keys", "keys create"),
    ("DELETE /v1/keys/{id}", "keys revoke"),
    ("GET /v1/keys/{id}", "keys show"),
    ("PATCH /v1/keys/{id}", "keys set"),
    ("POST /v1/keys/{id}/rotate", "keys rotate"),
    ("POST /v1/main-key/rotate", "rekey"),
    ("GET /v1/revisions", "revisions list"),
    ("POST /v1/secrets/reseal", "reseal"),
    ("GET /v1/workspaces", "workspaces list"),
    ("POST /v1/workspaces", "workspaces create"),
    ("DELETE /v1/workspaces/{name}", "workspaces delete"),
    ("GET /v1/workspaces/{name}", "workspaces show"),
    ("PUT /v1/workspaces/{name}", "workspaces set"),
    ("GET /v1/revisions/{revision}", "revisions show"),
    ("GET /v1/revisions/{revision}/diff", "revisions diff"),
    ("POST /v1/revisions/{revision}/rollback", "rollback"),
];

/// Those of senders: `trigger` calls the first, and providers call both.
const OF_SENDERS: &str = "/in/";

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// The calls that the API's own description has.
fn calls() -> BTreeSet<String> {
    let told = Command::new(process::binary()).arg("openapi").output().expect("an end");
    let document: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let mut calls = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let methods = METHODS.into_iter().filter(|method| operations.get(method).is_some());
        calls.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    calls
}

#[test]
fn every_call_of_the_api_has_a_command() {
    let table: BTreeMap<&str, &str> = REACHED_BY.iter().copied().collect();
    let calls = calls();
    assert!(calls.len() > 40, "{calls:?}");
    let missing: Vec<&String> =
        calls.iter().filter(|call| !table.contains_key(call.as_str()) && !call.contains(OF_SENDERS)).collect();
    assert!(missing.is_empty(), "no command makes these calls: {missing:?}");
}

#[test]
fn the_commands_that_make_calls_are_there() {
    let commands: BTreeSet<&str> = REACHED_BY.iter().map(|(_, command)| *command).collect();
    for command in commands {
        let told = Command::new(process::binary()).args(command.split(' ')).arg("--help").output().expect("an end");
        assert!(told.status.success(), "{command}");
    }
}
