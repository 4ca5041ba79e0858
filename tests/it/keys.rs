//! API keys, by the API and by the command line.

use std::{
    path::Path,
    process::{Command, Output},
};

use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, HostProcess, process};
use tempfile::TempDir;

/// The status and the body that a call with this key is answered with.
async fn with_key(host: &Api, key: &str, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let answer = host.request(method, path).bearer_auth(key).json(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// A new key of these scopes: its id and its secret.
async fn made(host: &Api, scopes: &[&str]) -> (String, String) {
    let answer = host.send("/v1/keys", &json!({ "name": "a test", "scopes": scopes })).await;
    assert_eq!(answer.status, 201, "{}", answer.json);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    (text(&answer.json["key"]["id"]), text(&answer.json["secret"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_told_without_its_secret_rotated_and_revoked() {
    let host = Host::start().await;
    let (id, first) = made(&host, &["admin"]).await;
    assert!(first.starts_with(&format!("slk_{id}_")), "{id}");
    let reads = async |key: &str| with_key(&host, key, Method::GET, "/v1/sources", &Value::Null).await.0;
    assert_eq!(reads(&first).await, 200);
    let told = host.get(&format!("/v1/keys/{id}")).await.json;
    assert_eq!((&told["scopes"], &told["state"], &told["workspace"]), (&json!(["admin"]), &json!("active"), &json!("default")));
    assert!(told["last_used_at"].is_string(), "{told}");
    assert!(!format!("{told}{}", host.get("/v1/keys").await.json).contains(&first[17..]), "only once");

    let rotated = host.send(&format!("/v1/keys/{id}/rotate?overlap=1h"), &Value::Null).await.json;
    let second = rotated["secret"].as_str().expect("a secret");
    assert_eq!((reads(&first).await, reads(second).await), (200, 200));
    let rotated = host.send(&format!("/v1/keys/{id}/rotate?overlap=0s"), &Value::Null).await.json;
    let third = rotated["secret"].as_str().expect("a secret");
    assert_eq!((reads(&first).await, reads(second).await, reads(third).await), (401, 401, 200));

    let (status, told) =
        with_key(&host, host.key(), Method::PATCH, &format!("/v1/keys/{id}"), &json!({ "disabled": true })).await;
    assert_eq!((status, &told["state"]), (200, &json!("disabled")));
    assert_eq!(reads(third).await, 401);
    assert_eq!(host.delete(&format!("/v1/keys/{id}")).await.status, 200);
    let gone = host.get(&format!("/v1/keys/{id}")).await;
    assert_eq!((gone.status, &gone.json["type"]), (404, &json!("urn:sluicebox:problem:unknown-key")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_no_more_than_it_has() {
    let host = Host::start().await;
    let (_, admin) = made(&host, &["admin"]).await;
    let (operator, _) = made(&host, &["operator"]).await;
    let create = async |scopes: &[&str]| {
        let (status, told) =
            with_key(&host, &admin, Method::POST, "/v1/keys", &json!({ "name": "more", "scopes": scopes })).await;
        (status, told["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned())
    };
    assert_eq!(create(&["read", "rules"]).await.0, 201);
    assert_eq!(create(&["operator"]).await, (403, "not-granted".to_owned()));
    assert_eq!(create(&["metrics"]).await, (403, "not-granted".to_owned()));
    for (method, path) in [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/rotate")] {
        let (status, _) = with_key(&host, &admin, method.clone(), &format!("/v1/keys/{operator}{path}"), &Value::Null).await;
        assert_eq!(status, 404, "{method} {path}");
    }
    let (status, _) = with_key(&host, &admin, Method::POST, "/v1/keys/admin/rotate", &Value::Null).await;
    assert_eq!(status, 403);
    assert_eq!(host.get("/v1/keys").await.status, 200, "the admin key is as it was");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_use_is_known_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = Host::start_at(data.clone(), |_| {}).await;
    let ((used, key), (unused, _)) = (made(&host, &["admin"]).await, made(&host, &["admin"]).await);
    assert_eq!(with_key(&host, &key, Method::GET, "/v1/rules", &Value::Null).await.0, 200);
    let last_use = async |host: &Host, id: &str| host.get(&format!("/v1/keys/{id}")).await.json["last_used_at"].clone();
    let before = last_use(&host, &used).await;
    assert!(before.is_string());
    host.stop().await;
    let host = Host::start_at(data, |_| {}).await;
    sluicebox_tests::eventually("what the process before knew", async || (last_use(&host, &used).await == before).then_some(()))
        .await;
    assert_eq!(last_use(&host, &unused).await, Value::Null);
    host.stop().await;
}

/// Killed at any step of making a key, the host has all keys afterwards that anybody was told of, and of the new one all or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_key_is_made_costs_no_other() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    let (_, first) = made(&host, &["admin"]).await;
    host.stop().await;
    let (mut before, new) = (1, json!({ "name": "new", "scopes": ["read"] }));
    for step in ["file-written", "file-renamed", "database-flushed"] {
        let armed = [("SLUICEBOX_FAILPOINT", &*format!("{step}:1"))];
        let mut host = HostProcess::try_start(&data, &[], &armed).await.expect("nothing is written by a start");
        let request = host.request(Method::POST, "/v1/keys").bearer_auth(&first).json(&new);
        assert!(request.send().await.is_err(), "{step}: nobody is left to answer");
        host.ended().await;
        let host = HostProcess::start(&data).await;
        assert_eq!(with_key(&host, &first, Method::GET, "/v1/rules", &Value::Null).await.0, 200, "{step}");
        let keys = host.get("/v1/keys").await.json["items"].as_array().map_or(0, Vec::len);
        assert_eq!(keys - before, usize::from(step != "file-written"), "{step}: a record that has its name counts");
        before = keys;
        host.stop().await;
    }
}

fn call(host: &Host, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(process::binary());
    command.args(arguments).args(["--url", host.url()]).arg("--data").arg(host.data()).current_dir(folder);
    command.output().expect("an end")
}

fn works(host: &Host, folder: &Path, arguments: &[&str]) -> String {
    let output = call(host, folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn fails(host: &Host, folder: &Path, arguments: &[&str]) -> String {
    let output = call(host, folder, arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_makes_and_ends_keys() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    let create = ["keys", "create", "deploys from CI", "--scope", "admin", "--expires", "90d"];
    let secret = works(&host, folder, &create).trim().to_owned();
    let id = &secret[4..16];
    assert!(works(&host, folder, &["keys", "list"]).contains("deploys from CI"));
    assert!(works(&host, folder, &["destinations", "list", "--key", &secret]).contains("NAME"));
    let shown: Value = serde_json::from_str(&works(&host, folder, &["keys", "show", id])).expect("JSON");
    assert!(shown["expires_at"].is_string() && shown["created_by"] == "admin", "{shown}");

    works(&host, folder, &["keys", "set", id, "--name", "deploys", "--expires", "never"]);
    let shown: Value = serde_json::from_str(&works(&host, folder, &["keys", "show", id])).expect("JSON");
    assert_eq!((&shown["name"], &shown["expires_at"]), (&json!("deploys"), &Value::Null));

    let rotated = works(&host, folder, &["keys", "rotate", id, "--overlap", "0s"]).trim().to_owned();
    assert!(fails(&host, folder, &["destinations", "list", "--key", &secret]).contains("key"));
    works(&host, folder, &["destinations", "list", "--key", &rotated]);
    assert!(works(&host, folder, &["keys", "revoke", id]).contains("was revoked"));
    fails(&host, folder, &["destinations", "list", "--key", &rotated]);

    // The new admin key stands in the file that the command line reads.
    let admin = works(&host, folder, &["keys", "rotate", "admin"]).trim().to_owned();
    assert_ne!(admin, host.key());
    works(&host, folder, &["keys", "list"]);
    assert!(fails(&host, folder, &["keys", "list", "--key", host.key()]).contains("key"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_key_is_told() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    let told = fails(&host, folder, &["keys", "create", "x", "--scope", "rule"]);
    assert!(told.contains("did you mean `rules`?"), "{told}");
    let told = fails(&host, folder, &["keys", "create", "x", "--scope", "read", "--scope", "metrics"]);
    assert!(told.contains("`metrics` is of the whole host"), "{told}");
    let told = fails(&host, folder, &["keys", "create", "x", "--scope", "read", "--expires", "soon"]);
    assert!(told.contains("as in 90d"), "{told}");
    let told = fails(&host, folder, &["keys", "show", "../sources"]);
    assert!(told.contains("no key's id"), "{told}");
    let told = fails(&host, folder, &["keys", "show", "0123456789ab"]);
    assert!(told.contains("no key has the id"), "{told}");
    host.stop().await;
}

/// The commands of the page on security are run as they stand there, by a shell that stops at the first that fails.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_page_on_security_do_what_it_says() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let page = crate::documents::page("docs/security.md");
    let section = page.split("\n## ").find(|section| section.starts_with("Keys and workspaces")).expect("the section");
    let commands = crate::documents::blocks(section, "sh").concat();
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), std::env::var("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &commands]).current_dir(folder.path()).env("PATH", path);
    let output = shell.env("SLUICEBOX_URL", host.url()).env("SLUICEBOX_KEY", host.key()).output().expect("an end");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{commands}\n{told}");
    assert!(told.contains("deploys from CI") && told.contains("acme"), "{told}");
    for file in ["ci.key", "acme.key"] {
        let key = std::fs::read_to_string(folder.path().join(file)).expect("a file");
        assert!(key.starts_with("slk_") && key.lines().count() == 1, "{file}");
    }
    host.stop().await;
}
