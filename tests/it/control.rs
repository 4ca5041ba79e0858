//! The control plane: documents, whole hub files, the key, what is kept of secrets.

use std::{fs, path::Path};

use reqwest::Method;
use serde_json::json;
use sluicebox_tests::{Host, HostProcess, Receiver, guests};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, SECRET, destination};

#[tokio::test(flavor = "multi_thread")]
async fn every_admin_route_needs_the_key() {
    let host = Host::start().await;
    let routes = [
        (Method::GET, "/metrics"),
        (Method::GET, "/v1/events"),
        (Method::GET, "/v1/events/evt_00"),
        (Method::GET, "/v1/runs"),
        (Method::GET, "/v1/batches"),
        (Method::GET, "/v1/deliveries"),
        (Method::GET, "/v1/deliveries/msg_00"),
        (Method::POST, "/v1/components"),
        (Method::POST, "/v1/apply"),
        // Not there for this method, which is nobody's business either.
        (Method::POST, "/v1/events"),
    ];
    let mut routes: Vec<_> = routes.map(|(method, path)| (method, path.to_owned())).into();
    for kind in ["sources", "destinations", "plugins", "rules"] {
        routes.push((Method::GET, format!("/v1/{kind}")));
        routes.extend([Method::GET, Method::PUT, Method::DELETE].map(|method| (method, format!("/v1/{kind}/a"))));
    }
    for (method, path) in &routes {
        for key in [None, Some("slk_wrong"), Some("")] {
            let mut request = host.request(method.clone(), path).body("{}");
            if let Some(key) = key {
                request = request.bearer_auth(key);
            }
            let status = request.send().await.expect("an answer").status();
            assert_eq!(status, 401, "{method} {path} with {key:?}");
        }
    }
    for open in ["/healthz", "/readyz"] {
        assert_eq!(host.request(Method::GET, open).send().await.expect("an answer").status(), 200);
    }
    assert_eq!(host.get("/metrics").await.status, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_answered_with_a_problem() {
    let host = Host::start().await;
    let wrong = [
        (Method::GET, "/in/open", "POST"),
        (Method::PUT, "/w/default/in/open", "POST"),
        (Method::POST, "/v1/deliveries", "GET,HEAD"),
        (Method::GET, "/v1/apply", "POST"),
        (Method::POST, "/metrics", "GET,HEAD"),
        (Method::DELETE, "/healthz", "GET,HEAD"),
    ];
    for (method, path, allowed) in wrong {
        let answer = host.request(method.clone(), path).bearer_auth(host.key()).send().await.expect("an answer");
        assert_eq!(answer.status(), 405, "{method} {path}");
        assert_eq!(answer.headers()["allow"], allowed, "{method} {path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = answer.json().await.expect("a problem");
        assert_eq!(problem["type"], "urn:sluicebox:problem:method-not-allowed", "{method} {path}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_put_shown_and_deleted() {
    let host = Host::start().await;
    let source = json!({"verify": {"scheme": "none"}});
    let applied = host.put("/v1/sources/open", &source).await;
    assert_eq!((applied.status, &applied.json["changes"]), (200, &json!(["created source open"])));
    assert_eq!(host.get("/v1/sources/open").await.json, source);
    let again = host.put("/v1/sources/open", &source).await.json;
    assert_eq!((&again["changes"], &again["revision"]), (&json!([]), &applied.json["revision"]), "the same changes nothing");

    host.put("/v1/destinations/out", &json!({"url": "https://example.com/hook"})).await;
    let rule = json!({"destinations": ["out"]});
    assert_eq!(host.put("/v1/rules/all", &rule).await.status, 200);
    let refused = host.delete("/v1/destinations/out").await;
    assert_eq!(refused.status, 422, "a rule needs it");
    assert!(refused.json.to_string().contains("all"), "{}", refused.json);
    assert_eq!(host.delete("/v1/rules/all").await.status, 200);
    assert_eq!(host.delete("/v1/destinations/out").await.status, 200);
    assert_eq!(host.get("/v1/destinations/out").await.status, 404);
    assert_eq!(host.delete("/v1/destinations/out").await.status, 404);
    assert_eq!(host.get("/v1/gadgets").await.status, 404);
    host.stop().await;
}

/// Names within a document are never read as patterns of where its secrets are.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_looks_like_a_pattern_is_a_name() {
    let host = Host::start().await;
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    let plugin = json!({"digest": digest, "config": {"fields": ["a"]}, "grants": {"secrets": {"*": "x", "*x": "y"}}});
    assert_eq!(host.put("/v1/plugins/redact", &plugin).await.status, 200);
    let shown = host.get("/v1/plugins/redact").await.json;
    assert_eq!(shown["grants"]["secrets"], json!({"*": {"set": true}, "*x": {"set": true}}));
    let destination = json!({"url": "https://example.com/", "headers": {"*": "x"}});
    assert_eq!(host.put("/v1/destinations/out", &destination).await.status, 200);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_file_is_applied_whole_or_not_at_all() {
    let host = Host::start().await;
    let good = format!("{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n", destination("out", "https://example.com/a"));
    host.apply(&good).await;
    let before = host.get("/v1/destinations/out").await.json;
    let bad = format!(
        "{}[rules.all]\ndestinations = [\"out\", \"nowhere\"]\n[rules.other]\nmatch.data.x = [{{ prefx = \"a\" }}]\ndestinations = [\"out\"]\n",
        destination("out", "https://example.com/b")
    );
    let refused = host.try_apply(&bad).await;
    assert_eq!(refused.status, 422, "{}", refused.json);
    let problems = refused.json["problems"].as_array().expect("problems");
    let places: Vec<String> =
        problems.iter().map(|p| format!("{}{}", p["name"].as_str().unwrap_or(""), p["pointer"].as_str().unwrap_or(""))).collect();
    assert!(places.iter().any(|place| place.starts_with("all/destinations/1")), "{places:?}");
    assert!(places.iter().any(|place| place.starts_with("other/match/data/x/0")), "all at once: {places:?}");
    assert!(refused.json.to_string().contains("prefix"), "names the nearest operator: {}", refused.json);
    assert_eq!(host.get("/v1/destinations/out").await.json, before, "nothing was changed");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_applied_is_there_after_a_kill() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    let digest = host.upload(guests::component("redact")).await.expect("a component");
    let plugin = format!("[plugins.redact]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"a\"] }}\n");
    host.apply(&format!("{OPEN_SOURCE}{plugin}{}", destination("out", "https://example.com/a"))).await;
    host.kill();
    let host = HostProcess::start(&data).await;
    for path in ["/v1/sources/open", "/v1/plugins/redact", "/v1/destinations/out"] {
        assert_eq!(host.get(path).await.status, 200, "{path}");
    }
}

/// A secret is in clear in no file of the data folder, but for the two keys; and in no answer, no metric and no log.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_leave_the_host_nowhere() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let host = HostProcess::start(&data).await;
    let source = "[sources.guarded]\nverify = { scheme = \"github\", secret = \"canary-of-the-source\" }\n";
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!("{source}{out}[rules.all]\ndestinations = [\"out\"]\n")).await;
    let made = host.put("/v1/destinations/made", &json!({"url": "https://example.com/a"})).await.json;
    let made = made["generated_secrets"]["made"].as_str().expect("shown this once").to_owned();
    assert!(made.starts_with("whsec_"), "{made}");
    let signature = sluicebox_tests::github::signature("canary-of-the-source", b"{}");
    host.post("guarded", &[("x-hub-signature-256", &signature)], "{}").await;
    host.try_post("guarded", &[("x-hub-signature-256", "sha256=00")], "{}").await.expect("an answer");
    receiver.wait_for("/out", 1).await;

    let admin = host.key().to_owned();
    let mut outside = String::new();
    for path in
        ["/v1/sources", "/v1/destinations", "/v1/sources/guarded", "/v1/destinations/made", "/v1/events", "/v1/deliveries"]
    {
        outside += &host.get(path).await.json.to_string();
    }
    outside +=
        &host.request(Method::GET, "/metrics").bearer_auth(&admin).send().await.expect("metrics").text().await.expect("text");
    host.kill();
    outside += &fs::read_to_string(data.with_extension("log")).expect("a log");
    let canaries = ["canary-of-the-source", made.trim_start_matches("whsec_"), SECRET.trim_start_matches("whsec_"), &admin];
    for canary in canaries {
        assert!(!outside.contains(canary), "{canary} was told");
        let holders = holders(&data, canary.as_bytes());
        let allowed = if canary == admin { vec!["admin.key".to_owned()] } else { Vec::new() };
        assert_eq!(holders, allowed, "{canary} is on disk");
    }
}

/// The names of the files below a folder that hold these bytes.
fn holders(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            found.extend(holders(&entry, bytes));
        } else if fs::read(&entry).expect("a file").windows(bytes.len()).any(|window| window == bytes) {
            found.push(entry.file_name().expect("a name").to_string_lossy().into_owned());
        }
    }
    found
}
