//! Versions of a plugin: uploaded and compiled beside the traffic, activated and rolled back between two events.

use sluicebox::hub;
use sluicebox_tests::{Answer, Api, Host, Receiver, eventually, guests};

use crate::story::{OPEN_SOURCE, destination};

/// The component with something behind it that changes its digest and nothing else.
fn padded(component: Vec<u8>, label: &str, bytes: usize) -> Vec<u8> {
    let mut padded = component;
    // A custom section: its id, the length of the rest, the name, anything.
    let content = [&leb128(label.len())[..], label.as_bytes(), &vec![0; bytes]].concat();
    padded.push(0);
    padded.extend(leb128(content.len()));
    padded.extend(content);
    padded
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Replaces `fields` by `***`.
fn first() -> Vec<u8> {
    guests::component("redact")
}

/// Does the same; only its digest is another.
fn second() -> Vec<u8> {
    padded(first(), "second", 8)
}

/// Uploads a version and waits until it is settled.
async fn push(host: &Api, component: Vec<u8>, query: &str) -> serde_json::Value {
    let uploaded = host.put_component(&format!("/v1/plugins/redact{query}"), component).await;
    assert!(matches!(uploaded.status, 200 | 202), "{}", uploaded.json);
    settled(host, digest_of(&uploaded.json)).await
}

async fn settled(host: &Api, digest: &str) -> serde_json::Value {
    eventually("a version that is settled", async || {
        let version = host.get(&format!("/v1/plugins/redact/versions/{digest}")).await.json;
        let waits = version["state"] == "queued" || version["state"] == "compiling" || version["activate_when_ready"] == true;
        (!waits).then_some(version)
    })
    .await
}

fn digest_of(version: &serde_json::Value) -> &str {
    version["digest"].as_str().expect("a digest")
}

/// A host with `redact` in its first version and a rule that uses it.
async fn start() -> (Host, Receiver, String) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = apply(&host, &receiver, "").await;
    (host, receiver, digest)
}

async fn apply(host: &Api, receiver: &Receiver, more: &str) -> String {
    let digest = host.upload(first()).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}[plugins.redact]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"a\"] }}\n{}\
         [rules.all]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\n{more}",
        destination("out", &format!("{}/out", receiver.url()))
    );
    host.apply(&hub).await;
    digest
}

/// The digest that the plugins of a rule ran with on a new event.
async fn ran(host: &Api, rule: &str) -> String {
    let id = host.post("open", &[("x-type", "t")], "{\"a\":1}").await;
    let run = host.run_in_state(&id, rule, "planned").await;
    run["stages"][0]["digest"].as_str().expect("a digest").to_owned()
}

async fn versions(host: &Api) -> Vec<serde_json::Value> {
    host.get("/v1/plugins/redact/versions").await.json["items"].as_array().expect("a list").clone()
}

async fn activate(host: &Api, digest: &str) -> Answer {
    host.send("/v1/plugins/redact/activate", &serde_json::json!({ "digest": digest })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_uploaded_compiled_activated_and_rolled_back() {
    let (host, receiver, one) = start().await;
    let uploaded = host.put_component("/v1/plugins/redact", second()).await;
    assert_eq!(uploaded.status, 202, "{}", uploaded.json);
    let version = settled(&host, digest_of(&uploaded.json)).await;
    let two = digest_of(&version).to_owned();
    assert_eq!((&version["state"], &version["active"]), (&"ready".into(), &false.into()), "{version}");
    assert_eq!(version["exports"], serde_json::json!(["transform"]));
    assert_eq!(ran(&host, "all").await, one, "an upload alone changes nothing");

    let again = host.put_component("/v1/plugins/redact", second()).await;
    assert_eq!((again.status, &again.json), (200, &version), "the same bytes are the same version");

    // A dozen digits are enough to name it.
    let activated = activate(&host, &two[..19]).await;
    assert_eq!((activated.status, &activated.json["changes"]), (200, &serde_json::json!(["updated plugin redact"])));
    assert_eq!(ran(&host, "all").await, two);
    assert_eq!(host.get("/v1/plugins/redact").await.json["config"]["fields"], serde_json::json!(["a"]), "its settings stay");
    let listed = versions(&host).await;
    let marks: Vec<_> = listed.iter().map(|v| (digest_of(v), v["active"] == true, v["active_before"] == true)).collect();
    assert_eq!(marks, [(two.as_str(), true, false), (one.as_str(), false, true)]);
    assert_eq!(listed[0]["used_by"], serde_json::json!(["all"]));

    let back = host.send("/v1/plugins/redact/rollback", &serde_json::Value::Null).await;
    assert_eq!(back.status, 200, "{}", back.json);
    assert_eq!(ran(&host, "all").await, one);
    assert!(receiver.wait_for("/out", 3).await.iter().all(|message| message.body == "{\"a\":\"***\"}"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_plugin_is_made_by_its_first_activation() {
    let host = Host::start().await;
    // It has no settings that somebody would have to give first.
    let first = || guests::component("only-humans");
    let version = push(&host, first(), "").await;
    assert_eq!(host.get("/v1/plugins/redact").await.status, 404, "there is a version, and no plugin yet");
    assert_eq!((versions(&host).await.len(), activate(&host, digest_of(&version)).await.status), (1, 200));
    let mut made = host.get("/v1/plugins/redact").await.json;
    assert_eq!(made["breaker"].take()["state"], "closed", "shown beside the document: {made}");
    assert_eq!(made, serde_json::json!({ "digest": version["digest"], "breaker": null }));
    assert_eq!(host.send("/v1/plugins/redact/rollback", &serde_json::Value::Null).await.status, 404, "nothing was before it");
    let second = push(&host, padded(first(), "second", 8), "?activate=true").await;
    assert_eq!((&second["active"], &second["problem"]), (&true.into(), &serde_json::Value::Null), "{second}");
    assert_eq!(host.delete("/v1/plugins/redact").await.status, 200);
    let nowhere = host.send("/v1/plugins/redact/rollback", &serde_json::Value::Null).await;
    assert_eq!(
        (nowhere.status, &nowhere.json["type"]),
        (404, &"urn:sluicebox:problem:unknown-name".into()),
        "a rollback makes no plugin: {}",
        nowhere.json
    );
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_plugin_is_told_and_the_old_version_serves_on() {
    let (host, _receiver, one) = start().await;
    let refused = host.put_component("/v1/plugins/redact", b"text".to_vec()).await;
    assert_eq!(refused.status, 422);
    assert!(refused.json["detail"].as_str().is_some_and(|text| text.starts_with("error[P001]")), "{}", refused.json);

    let failed = push(&host, guests::component("wrong-interface"), "?activate=true").await;
    assert_eq!((&failed["state"], &failed["problem"]["code"]), (&"failed".into(), &"P004".into()), "{failed}");
    let refused = activate(&host, digest_of(&failed)).await;
    assert_eq!(refused.status, 409);
    assert!(refused.json["detail"].as_str().is_some_and(|text| text.contains("error[P004]")), "{}", refused.json);

    // It is a plugin, but refuses the settings that the old one has.
    let strict = push(&host, guests::component("capable"), "?activate=true").await;
    assert_eq!((&strict["state"], &strict["active"]), (&"ready".into(), &false.into()), "{strict}");
    assert_eq!(strict["problem"]["code"], "not-activated", "{strict}");
    assert_eq!(ran(&host, "all").await, one);
    assert_eq!(activate(&host, "sha256:000000000000").await.status, 404);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_there_after_a_restart() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (data, receiver) = (folder.path().join("data"), Receiver::start().await);
    let host = Host::start_at(data.clone(), |_| {}).await;
    apply(&host, &receiver, "").await;
    let two = push(&host, second(), "?activate=true").await;
    let failed = push(&host, guests::component("wrong-interface"), "").await;
    let before = versions(&host).await;
    host.stop().await;

    // As a stop in the middle of compiling leaves it.
    let list = data.join("versions/default.redact.json");
    let text = std::fs::read_to_string(&list).expect("a list");
    std::fs::write(&list, text.replace("\"state\":\"failed\"", "\"state\":\"queued\"")).expect("written");
    let host = Host::start_at(data, |_| {}).await;
    assert_eq!(settled(&host, digest_of(&failed)).await, failed, "it was compiled again, to the same end");
    assert_eq!((versions(&host).await, ran(&host, "all").await), (before, digest_of(&two).to_owned()));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_may_pin_a_version_and_keeps_it_through_activations() {
    let (host, receiver, one) = start().await;
    let two = push(&host, second(), "?activate=true").await;
    let two = digest_of(&two);
    let pinned = serde_json::json!({ "plugins": [format!("redact@{}", &one[..19])], "destinations": ["out"] });
    let put = host.put("/v1/rules/pinned", &pinned).await;
    assert_eq!(put.status, 200, "{}", put.json);
    let shown = host.get("/v1/rules/pinned").await.json;
    assert_eq!(shown["plugins"], serde_json::json!([format!("redact@{one}")]), "what it means is fixed");
    assert_eq!(host.put("/v1/rules/pinned", &pinned).await.json["changes"], serde_json::json!([]), "the same changes nothing");
    assert_eq!((ran(&host, "pinned").await.as_str(), ran(&host, "all").await.as_str()), (one.as_str(), two));
    // The pinned one has the plugin's settings, also when they change.
    let settings = serde_json::json!({ "digest": two, "config": { "fields": ["b"] } });
    assert_eq!(host.put("/v1/plugins/redact", &settings).await.status, 200);
    let id = host.post("open", &[("x-type", "t")], "{\"b\":1}").await;
    host.run_in_state(&id, "pinned", "planned").await;
    let messages = receiver.wait_for("/out", 6).await;
    assert_eq!(messages.iter().filter(|message| message.body == "{\"b\":\"***\"}").count(), 2);

    let unknown = serde_json::json!({ "plugins": ["redact@sha256:000000000000"], "destinations": ["out"] });
    let refused = host.put("/v1/rules/pinned", &unknown).await;
    assert_eq!((refused.status, &refused.json["problems"][0]["pointer"]), (422, &"/plugins/0".into()), "{}", refused.json);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_gets_its_share_of_the_events_and_every_rule_agrees_on_it() {
    const EVENTS: usize = 300;
    let host = Host::start().await;
    let receiver = Receiver::start().await;
    let one = apply(&host, &receiver, "[rules.twin]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\n").await;
    let two = push(&host, second(), "").await;
    let two = digest_of(&two);
    let canary = serde_json::json!({ "digest": two[..19], "percent": 30 });
    let begun = host.put("/v1/plugins/redact/canary", &canary).await;
    assert_eq!(begun.status, 200, "{}", begun.json);
    let shown = host.get(&format!("/v1/plugins/redact/versions/{two}")).await.json;
    assert_eq!((&shown["canary_percent"], &shown["used_by"]), (&30.into(), &serde_json::json!(["all", "twin"])), "{shown}");

    let (mut taken, mut met) = (0, std::collections::BTreeMap::new());
    for _ in 0..EVENTS {
        let id = host.post("open", &[("x-type", "t")], "{\"a\":1}").await;
        let first = host.run_in_state(&id, "all", "planned").await["stages"][0]["digest"].clone();
        let twin = host.run_in_state(&id, "twin", "planned").await["stages"][0]["digest"].clone();
        assert_eq!(first, twin, "the event's id decides, and nothing else");
        assert!(first == one.as_str() || first == two, "{first}");
        taken += usize::from(first == two);
        met.insert(first.as_str().map(str::to_owned), id);
    }
    // Five standard deviations around 90.
    assert!((50..=130).contains(&taken), "{taken} of {EVENTS}");

    let wrong = host.put("/v1/plugins/redact/canary", &serde_json::json!({ "digest": two, "percent": 100 })).await;
    assert_eq!((wrong.status, &wrong.json["problems"][0]["pointer"]), (422, &"/canary/percent".into()), "{}", wrong.json);
    assert_eq!(activate(&host, two).await.status, 200);
    assert_eq!(host.get("/v1/plugins/redact").await.json["canary"], serde_json::Value::Null, "it has all events now");
    assert_eq!(met.len(), 2);
    for (digest, id) in met {
        let repeated = host.send(&format!("/v1/events/{id}/runs/all/repeat"), &serde_json::Value::Null).await.json;
        assert_eq!(repeated["stages"][0]["digest"].as_str(), digest.as_deref(), "a repeat meets what the event met: {repeated}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_has_nothing_to_call_on_events_is_refused() {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let one = host.upload(first()).await.expect("a component");
    // It verifies requests and does nothing else.
    let verifies = host.upload(guests::component("discord-verify")).await.expect("a component");
    let plugin = format!(
        "[plugins.redact]\ndigest = \"{one}\"\nconfig = {{ fields = [\"a\"] }}\ncanary = {{ digest = \"{verifies}\", percent = 50 }}\n"
    );
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rule = "[rules.all]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\n";
    let refused = host.try_apply(&format!("{OPEN_SOURCE}{plugin}{out}{rule}")).await;
    let problem = refused.json["problems"][0].to_string();
    assert!(refused.status == 422 && problem.contains("/canary/digest") && problem.contains("uncalled"), "{}", refused.json);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nothing_uses_is_collected_and_what_work_is_pinned_to_is_not() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (data, receiver) = (folder.path().join("data"), Receiver::start().await);
    let host = Host::start_at(data.clone(), |config| {
        config.versioning = hub::Versioning { unused_max: 1, idle_ms_min: 0, collect_every_ms: 50, ..config.versioning.clone() };
    })
    .await;
    let one = apply(
        &host,
        &receiver,
        "[rules.slow]\nplugins = [\"redact\"]\ndestinations = [\"out\"]\nbatch = { max_events = 2, max_age = \"1h\" }\n",
    );
    let one = one.await;
    let batched = host.post("open", &[("x-type", "t")], "{\"a\":1}").await;
    host.run_in_state(&batched, "slow", "batched").await;
    let mut digests = vec![one];
    for label in ["two", "three", "four", "five"] {
        let version = push(&host, padded(first(), label, 8), "?activate=true").await;
        digests.push(digest_of(&version).to_owned());
    }
    // Beside the active one, the one before it and the first, which an open batch is pinned to, one unused is kept.
    eventually("versions that are collected", async || (versions(&host).await.len() == 4).then_some(())).await;
    let kept = |folder: &str| files(&data.join(folder), &digests);
    let expected = [true, false, true, true, true];
    eventually("files that are collected", async || {
        (kept("components") == expected && kept("compiled") == expected).then_some(())
    })
    .await;
    // The next event closes the batch, for the rule has changed: then nothing needs the first any more.
    host.post("open", &[("x-type", "t")], "{\"a\":2}").await;
    eventually("the first, collected", async || (!kept("components")[0] && !kept("compiled")[0]).then_some(())).await;
    host.stop().await;
}

/// Whether a folder has a file of each digest.
fn files(folder: &std::path::Path, digests: &[String]) -> [bool; 5] {
    let names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    let has = |digest: &String| names.iter().any(|name| name.starts_with(digest.trim_start_matches("sha256:")));
    std::array::from_fn(|at| has(&digests[at]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_compared_on_stored_events_and_nothing_is_stored() {
    let (host, receiver, _) = start().await;
    for body in ["{\"a\":1}", "{\"a\":2,\"b\":3}", "no JSON"] {
        let id = host.post("open", &[("x-type", "t")], body).await;
        eventually("a run that ended", async || (host.event(&id).await["runs"][0]["state"] != "pending").then_some(())).await;
    }
    receiver.wait_for("/out", 2).await;
    let alike = push(&host, second(), "").await;
    let other = push(&host, guests::component("only-humans"), "").await;
    let before = host.get("/v1/runs").await.json;
    let compare = async |version: &serde_json::Value, more: serde_json::Value| {
        let request = serde_json::json!({ "digest": digest_of(version), "events": more });
        let answer = host.send("/v1/plugins/redact/diff", &request).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    };
    let told = compare(&alike, serde_json::json!({})).await;
    assert_eq!((&told["compared"], &told["same"], &told["different"]), (&3.into(), &3.into(), &0.into()), "{told}");
    assert!(told["fuel_median"]["active"].as_u64() > Some(0) && told["fuel_median"]["active"] == told["fuel_median"]["other"]);

    let told = compare(&other, serde_json::json!({ "source": "open", "limit": 2 })).await;
    assert_eq!((&told["events"], &told["rules"]), (&2.into(), &serde_json::json!(["all"])), "{told}");
    let difference = told["differences"].as_array().and_then(|all| all.iter().find(|one| one["active"]["outcome"] == "messages"));
    let difference = difference.unwrap_or_else(|| panic!("{told}"));
    assert_eq!(difference["active"]["messages"][0]["body"]["json"]["a"], "***", "{difference}");
    assert!(difference["paths"].as_array().is_some_and(|paths| !paths.is_empty()), "{difference}");

    assert_eq!(host.get("/v1/runs").await.json, before, "no run more, none changed");
    assert_eq!(receiver.received("/out").len(), 2, "nothing was sent");

    let folder = tempfile::TempDir::new().expect("a folder");
    let call = |version: &serde_json::Value| {
        let version = format!("redact@{}", digest_of(version));
        let mut command = std::process::Command::new(sluicebox_tests::process::binary());
        command.args(["plugin", "diff", &version, "--events", "limit=2", "--url", host.url(), "--key", host.key()]);
        let output = command.current_dir(folder.path()).output().expect("an end");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(call(&alike).0, Some(0));
    let (code, said) = call(&other);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("/messages/0/body/json/a") || said.contains("/outcome"), "{said}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_component_is_loaded_when_it_is_first_used() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let (data, receiver) = (folder.path().join("data"), Receiver::start().await);
    // Every component is large here.
    let lazily = |config: &mut sluicebox::config::Config| config.plugin.eager_bytes_max = 0;
    let host = Host::start_at(data.clone(), lazily).await;
    let one = apply(&host, &receiver, "").await;
    host.stop().await;

    let host = Host::start_at(data.clone(), lazily).await;
    let found = "sluicebox_plugin_cache_hits_total";
    assert_eq!((host.metric(found).await, versions(&host).await[0]["exports"].clone()), (0, serde_json::json!(["transform"])));
    assert_eq!(ran(&host, "all").await, one);
    assert_eq!((host.metric(found).await, host.metric("sluicebox_plugin_compilations_total").await), (1, 0));
    host.stop().await;

    // Its code is damaged, and its head, which the start looks at, is not: then it is compiled again when it is used.
    let file = std::fs::read_dir(data.join("compiled")).expect("a folder").next().expect("a file").expect("a file").path();
    let mut bytes = std::fs::read(&file).expect("read");
    *bytes.last_mut().expect("code") ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let host = Host::start_at(data, lazily).await;
    assert_eq!(ran(&host, "all").await, one);
    assert_eq!((host.metric(found).await, host.metric("sluicebox_plugin_compilations_total").await), (0, 1));
    host.stop().await;
}
