//! Versions of a plugin: uploaded and compiled beside the traffic, activated and rolled back between two events.

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
    let version = push(&host, first(), "").await;
    assert_eq!(host.get("/v1/plugins/redact").await.status, 404, "there is a version, and no plugin yet");
    assert_eq!((versions(&host).await.len(), activate(&host, digest_of(&version)).await.status), (1, 200));
    assert_eq!(host.get("/v1/plugins/redact").await.json, serde_json::json!({ "digest": version["digest"] }));
    assert_eq!(host.send("/v1/plugins/redact/rollback", &serde_json::Value::Null).await.status, 404, "nothing was before it");
    let second = push(&host, second(), "?activate=true").await;
    assert_eq!((&second["active"], &second["problem"]), (&true.into(), &serde_json::Value::Null), "{second}");
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
