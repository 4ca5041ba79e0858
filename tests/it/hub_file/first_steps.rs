//! What newcomers stumble over: keys that may not do everything, addresses that are closed, words that are nearly right.

use std::process::Command;

use serde_json::{Value, json};
use sluicebox_tests::{guests, process};

use super::{HUB, World, expect};

/// What a command with this key told, which ended like this.
fn ends(world: &World, key: &str, code: i32, arguments: &[&str]) -> String {
    let mut command = Command::new(process::binary());
    command.args(arguments).args(["--url", world.host.url(), "--key", key]).current_dir(world.path());
    let output = command.env("GH_SECRET", "canary-of-github").output().expect("an end");
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_rules_applies_files_whose_plugins_stay() {
    let world = World::new().await;
    let hub = format!(
        "{HUB}\n[plugins.keeps]\npath = \"plugins/redact.wasm\"\nconfig = {{ fields = [\"a\"] }}\ngrants.secrets.k = \"file:crm.key\"\n"
    );
    world.write("hub.toml", &hub);
    world.works(&["apply", "hub.toml"]);
    let key = world.host.send("/v1/keys", &json!({ "name": "ci", "scopes": ["rules", "read"] })).await.json;
    let key = key["secret"].as_str().expect("a key");

    expect(&ends(&world, key, 0, &["apply", "hub.toml"]), &["nothing to change"]);
    world.write("hub.toml", &hub.replace("[\"issues\"]", "[\"pulls\"]"));
    expect(&ends(&world, key, 0, &["apply", "hub.toml"]), &["updated rule issues"]);

    // Another component, and one mistake more.
    std::fs::write(world.path().join("plugins/redact.wasm"), guests::component("sample")).expect("a file");
    world.write("hub.toml", &hub.replace("\"own\"]", "\"onw\"]"));
    let told = ends(&world, key, 1, &["apply", "hub.toml"]);
    expect(&told, &["hub.toml:12:8: plugins.redact.path: its component is not on the host yet", "needs the scope `plugins`"]);
    expect(&told, &["no destination is called `onw`, did you mean `own`?"]);
    // Settings are the plugin's own as well.
    std::fs::write(world.path().join("plugins/redact.wasm"), guests::module("redact")).expect("a file");
    world.write("hub.toml", &hub.replace("sender.email", "sender.name"));
    expect(&ends(&world, key, 1, &["apply", "hub.toml"]), &["this key lacks the scope `plugins`"]);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_closed_is_warned_of() {
    let world = World::new().await;
    world.write(
        "hub.toml",
        "[destinations.near]\nurl = \"http://10.1.2.3:8080/{data.id}\"\n[destinations.far]\nurl = \"https://example.com\"\n",
    );
    let warning = "warning: hub.toml:2:7: destinations.near.url: all that is sent there will become a dead letter: 10.1.2.3 is closed to \
                   deliveries (private network)";
    let told = world.ends(3, &["diff", "hub.toml"]);
    expect(&told, &[warning, "--allow-network"]);
    let output = world.call(&["diff", "hub.toml", "--json"]);
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let warnings = plan["warnings"].as_array().expect("warnings");
    assert_eq!((warnings.len(), &warnings[0]["name"], &warnings[0]["pointer"]), (1, &json!("near"), &json!("/url")));
    let output = world.call(&["apply", "hub.toml", "--json"]);
    let applied: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(applied["warnings"], plan["warnings"]);
    expect(&String::from_utf8_lossy(&output.stderr), &[warning]);

    world.write("near.toml", "url = \"http://192.168.1.1\"\n");
    expect(&world.works(&["put", "destination", "near", "near.toml"]), &["warning: destination near: ", "192.168.1.1 is closed"]);
    world.host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_nearly_right_are_understood_or_mended() {
    let world = World::new().await;
    world.works(&["apply", "hub.toml"]);
    assert_eq!(world.works(&["get", "destination", "crm"]), world.works(&["get", "destinations", "crm"]));
    expect(&world.works(&["get", "rule"]), &["issues"]);
    let told = world.ends(1, &["apply", "hub.toml", "--workspace", "nope"]);
    expect(&told, &["there is no workspace `nope`", "make it by `sluicebox workspaces create nope`"]);
    world.works(&["workspaces", "create", "nope"]);
    world.works(&["apply", "hub.toml", "--workspace", "nope"]);
    world.host.stop().await;
}
