//! Every plugin that the project ships, once through a real host: the component as it is built, its settings as a hub file has them,
//! a real webhook in and what the receiver saw. `digest` is in `path`, where batches are.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};
use sluicebox_tests::{Host, Received, Receiver, github, guests, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

/// One rule for everything, through this plugin. `config` is the inside of its table.
async fn start(plugin: &str, config: &str) -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component(plugin)).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}{}[plugins.{plugin}]\ndigest = \"{digest}\"\n[plugins.{plugin}.config]\n{config}\n\
         [rules.all]\nplugins = [\"{plugin}\"]\ndestinations = [\"out\"]\n",
        destination("out", &format!("{}/out", receiver.url()))
    );
    host.apply(&hub).await;
    (host, receiver)
}

/// What goes out for one event.
async fn through(plugin: &str, config: &str, event_type: &str, body: impl Into<Vec<u8>>) -> Received {
    let (host, receiver) = start(plugin, config).await;
    host.post("open", &[("x-type", event_type), ("content-type", "application/json")], body).await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    host.stop().await;
    received
}

fn payload(name: &str) -> Vec<u8> {
    github::payloads().into_iter().find(|payload| payload.name == name).expect("a payload").body
}

fn value(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("JSON")
}

/// What an author looks for in an example: a README that names each setting, a schema of them in the component, and fixtures that pass.
#[test]
fn every_plugin_has_a_readme_a_schema_and_fixtures_that_pass_twice_alike() {
    let (folder, mut seen) = (TempDir::new().expect("a folder"), 0);
    for plugin in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins")).expect("the plugins") {
        let plugin = plugin.expect("an entry").path();
        if !plugin.join("Cargo.toml").is_file() {
            continue;
        }
        seen += 1;
        let name = plugin.file_name().expect("a name").to_string_lossy().into_owned();
        let component = guests::component(&name);
        let schema = sluicebox::plugin::config_schema(&component).unwrap_or_else(|| panic!("{name} has no schema"));
        let schema: Value = serde_json::from_str(schema).expect("JSON");
        let readme = fs::read_to_string(plugin.join("README.md")).expect("a README");
        for setting in schema["properties"].as_object().expect("settings").keys() {
            assert!(readme.contains(&format!("| `{setting}` |")), "{name}'s README does not tell of `{setting}`");
        }
        let fixtures = fs::read_dir(plugin.join("fixtures")).unwrap_or_else(|error| panic!("{name}: {error}")).count();
        assert!(fixtures >= 2, "{name} has {fixtures} fixtures");

        let file = folder.path().join(format!("{name}.wasm"));
        fs::write(&file, component).expect("a file");
        let mut test = Command::new(process::binary());
        let output = test.args(["plugin", "test", "--twice", "--wasm"]).args([&file, &plugin]).output().expect("an end");
        let told = [output.stdout, output.stderr].map(|told| String::from_utf8_lossy(&told).into_owned()).concat();
        assert!(output.status.success(), "{name}\n{told}");
    }
    assert!(seen >= 9, "only {seen} plugins were found");
}

#[test]
fn redact_is_small() {
    let bytes = guests::component("redact").len();
    assert!(bytes < 200_000, "{bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn redact_masks_a_value_and_changes_no_other_byte() {
    let issue = payload("issues.opened");
    let received = through("redact", "fields = [\"issue.title\"]", "issues", issue.clone()).await;
    let expected = String::from_utf8(issue).expect("UTF-8").replace("\"Spelling error in the README file\"", "\"***\"");
    assert_eq!(received.body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_humans_drops_what_a_bot_sent() {
    let (host, receiver) = start("only-humans", "allow = [\"good[bot]\"]").await;
    let bad = host.post("open", &[], r#"{"sender": {"login": "bad[bot]"}}"#).await;
    host.post("open", &[], r#"{"sender": {"login": "good[bot]"}}"#).await;
    host.run_in_state(&bad, "all", "dropped").await;
    assert_eq!(value(&receiver.wait_for("/out", 1).await[0])["sender"]["login"], "good[bot]");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn github_to_slack_tells_an_issue() {
    let received = through("github-to-slack", "excerpt_chars = 20", "issues", payload("issues.opened")).await;
    let message = value(&received);
    assert_eq!(
        message["text"],
        "[<https://github.com/Codertocat/Hello-World|Codertocat/Hello-World>] Issue opened by \
         <https://github.com/Codertocat|Codertocat>: \
         <https://github.com/Codertocat/Hello-World/issues/1|#1 Spelling error in the README file>"
    );
    assert_eq!(message["blocks"][1]["text"]["text"], ">It looks like you a…");
    assert_eq!(received.header("content-type"), "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_fields_keeps_the_order_and_every_digit() {
    let config = "drop = [\"**.b\"]\nrename = { z = \"y\" }\nmove = { \"a.c\" = \"c\" }\nset = { \"meta.from\" = \"shop\" }";
    let received = through("edit-fields", config, "order", r#"{"z": 1.10, "a": {"b": 1, "c": 12345678901234567890123}}"#).await;
    assert_eq!(received.body, r#"{"y":1.10,"a":{},"c":12345678901234567890123,"meta":{"from":"shop"}}"#);
    assert_eq!(received.header("content-type"), "application/json", "as it came");
}

#[tokio::test(flavor = "multi_thread")]
async fn reshape_fills_a_template() {
    let config = "headers = { x-action = \"{{action}}\" }\nbody.title = \"#{{issue.number}} {{issue.title}}\"\n\
        body.labels = \"{{issue.labels[*].name}}\"\nbody.weight = \"{{issue.weight|1}}\"\nbody.kind = \"{{@type}}\"";
    let received = through("reshape", config, "issues", payload("issues.opened")).await;
    let expected = json!({ "kind": "issues", "labels": ["bug"], "title": "#1 Spelling error in the README file", "weight": 1 });
    assert_eq!(value(&received), expected);
    assert_eq!(received.header("x-action"), "opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn sample_keeps_its_share() {
    let (host, receiver) = start("sample", "percent = 0\nby = \"customer\"\ntypes = { \"order.failed\" = 100 }").await;
    let paid = host.post("open", &[("x-type", "order.paid")], r#"{"customer": 1, "paid": true}"#).await;
    host.post("open", &[("x-type", "order.failed")], r#"{"customer": 1}"#).await;
    let run = host.run_in_state(&paid, "all", "dropped").await;
    assert!(run.to_string().contains("not among the 0 % that are kept"), "{run}");
    assert_eq!(receiver.wait_for("/out", 1).await[0].body, r#"{"customer": 1}"#);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn xml_to_json_makes_json_of_xml_and_a_dead_letter_of_what_is_none() {
    let (host, receiver) = start("xml-to-json", "always_array = [\"item\"]").await;
    let xml = [("content-type", "application/xml")];
    host.post("open", &xml, "<?xml version=\"1.0\"?>\n<order id=\"7\"><item>a &amp; b</item><z/><a/></order>").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    assert_eq!(received.body, r#"{"order":{"@id":"7","item":["a & b"],"z":"","a":""}}"#);
    assert_eq!(received.header("content-type"), "application/json");
    let bad = host.post("open", &xml, "<order>\n</ordre>").await;
    let run = host.run_in_state(&bad, "all", "dead").await;
    assert!(run["failure"]["message"].as_str().is_some_and(|text| text.contains("line 2: ")), "{}", run["failure"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payload_version_brings_orders_up_and_down() {
    let config = |target: u32| {
        format!(
            "field = \"version\"\ntarget = {target}\nmissing = 1\n\
             steps = [{{ from = 1, to = 2, edits = [{{ move = {{ email = \"customer.email\" }} }}] }}, \
             {{ from = 2, to = 1, edits = [{{ move = {{ \"customer.email\" = \"email\" }} }}, {{ drop = [\"customer\"] }}] }}]"
        )
    };
    let first = r#"{"total":1.10,"version":1,"email":"ada"}"#;
    let second = r#"{"total":1.10,"version":2,"customer":{"email":"ada"}}"#;
    assert_eq!(through("payload-version", &config(2), "order", first).await.body, second);
    assert_eq!(through("payload-version", &config(1), "order", second).await.body, first);
}
