//! Plugins in JavaScript and TypeScript: from an empty folder to a delivered event, and what the SDK gives them. `cargo xtask test`
//! fills npm's cache.

mod golden;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use sluicebox_tests::{HostProcess, Receiver, process};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("a folder")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// npm looks into its cache before it asks anybody.
fn run(command: &mut Command, folder: &Path) -> Output {
    let cache = env::var_os("SLUICEBOX_NPM_CACHE").expect("SLUICEBOX_NPM_CACHE is set; run this by `cargo xtask test`");
    command.env("npm_config_cache", cache).env("npm_config_prefer_offline", "true").env("npm_config_loglevel", "error");
    command.current_dir(folder).output().expect("an end")
}

fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    run(Command::new(process::binary()).arg("plugin").args(arguments), folder)
}

fn works(folder: &Path, arguments: &[&str]) -> String {
    let output = plugin(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    told(&output)
}

fn fails(folder: &Path, arguments: &[&str]) -> String {
    let output = plugin(folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", told(&output));
    told(&output)
}

/// Runs commands of the guide as they stand there, by a shell that stops at the first that fails.
fn sh(folder: &Path, commands: &str, url: &str) -> String {
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), env::var("PATH").expect("a path"));
    let output = run(Command::new("sh").args(["-e", "-c", commands]).env("PATH", path).env("SLUICEBOX_URL", url), folder);
    assert!(output.status.success(), "{commands}\n{}", told(&output));
    told(&output)
}

/// What stands between fences of this language in a chapter of the guide.
fn blocks(chapter: &str, language: &str) -> Vec<String> {
    let guide = fs::read_to_string(root().join("docs/plugins.md")).expect("the guide");
    let chapter = guide.split("\n## ").find(|text| text.starts_with(chapter)).expect("the chapter");
    let parts = chapter.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(str::to_owned)).collect()
}

/// The guide's commands, and no other: from an empty folder to events that went through the plugin, and through what was pushed later.
#[tokio::test(flavor = "multi_thread")]
async fn javascript_leads_from_nothing_to_a_delivered_event() {
    let (receiver, folder) = (Receiver::start().await, TempDir::new().expect("a folder"));
    let (own, of_all) = (blocks("JavaScript", "sh"), blocks("From nothing", "sh"));
    let ([make], [_, apply, push]) = (&own[..], &of_all[..]) else { panic!("blocks of commands: {own:?}, {of_all:?}") };
    let said = sh(folder.path(), make, "");
    assert!(said.contains("ok      big-order    emit") && said.contains("pass 3"), "{said}");
    assert!(said.contains("plugin   big-orders 0.1.0, made with js 0.1.0 for track 0.1"), "{said}");

    let made = folder.path().join("big-orders");
    let hub = blocks("From nothing", "toml").remove(0).replace("https://sales.example.com", receiver.url());
    fs::write(made.join("hub.toml"), &hub).expect("a file");
    let host = HostProcess::start(&made.join("sluicebox-data")).await;
    let apply = apply.replace("http://127.0.0.1:8484", host.url());
    sh(&made, &apply, host.url());
    assert_eq!(receiver.wait_for("/hooks", 1).await[0].body, "{\"text\":\"order 7 over 123 EUR\"}");

    let source = fs::read_to_string(made.join("src/index.js")).expect("a file");
    fs::write(made.join("src/index.js"), source.replace("text: `order", "text: `sale")).expect("a file");
    sh(&made, push, host.url());
    let post = apply.lines().find(|line| line.starts_with("curl")).expect("the event");
    sh(&made, post, host.url());
    assert_eq!(receiver.wait_for("/hooks", 2).await[1].body, "{\"text\":\"sale 7 over 123 EUR\"}");

    // Its settings are checked when they are applied, with the line.
    fs::write(made.join("hub.toml"), hub.replace("10_000", "-1")).expect("a file");
    let output = run(Command::new(process::binary()).args(["apply", "hub.toml"]).env("SLUICEBOX_URL", host.url()), &made);
    let said = told(&output);
    assert!(!output.status.success() && said.contains("hub.toml:7") && said.contains("must be at least 0"), "{said}");
}

#[test]
fn javascript_and_typescript_begin_with_each_kind() {
    let folder = TempDir::new().expect("a folder");
    let kinds = ["transform", "filter", "batch", "verify"].into_iter();
    for (language, kind) in kinds.flat_map(|kind| [("js", kind), ("ts", kind)]) {
        let name = format!("{language}-{kind}");
        works(folder.path(), &["new", &name, "--language", language, "--kind", kind]);
        let made = folder.path().join(&name);
        // Without node_modules: the build installs them.
        let said = works(&made, &["build"]);
        assert!(said.contains(&format!("{name}.wasm: a component")) && said.contains(&format!("plugin/{kind}@0.1.0")), "{said}");
        assert!(said.contains(&format!("plugin   {name} 0.1.0, made with js 0.1.0 for track 0.1")), "{said}");
        assert!(made.join(format!("{name}.wasm")).metadata().expect("a file").len() < 1_500_000);
        works(&made, &["test", "--twice"]);
        assert!(works(&made, &["dev", "--once"]).starts_with("ok "));
        // Nothing changed, and so nothing does; the first time npm told of its packages too.
        assert!(said.starts_with(&works(&made, &["build"])), "{said}");
        let output = run(Command::new("npm").arg("test"), &made);
        assert!(output.status.success(), "{}", told(&output));
    }
}

#[test]
fn javascript_plugins_that_are_shipped_pass_their_tests() {
    let folder = root().join("plugins/stripe-summary");
    let said = works(&folder, &["test", "--twice"]);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 4, "{said}");
    for folder in [folder, root().join("sdk/js")] {
        let output = run(Command::new("npm").arg("test"), &folder);
        assert!(output.status.success() && told(&output).contains("fail 0"), "{}", told(&output));
    }
}

/// A plugin of this module, built.
fn with_module(text: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a folder");
    works(folder.path(), &["new", "tried", "--language", "js"]);
    let made = folder.path().join("tried");
    fs::write(made.join("src/index.js"), text).expect("a file");
    (folder, made)
}

/// What `plugin run` tells of one event of this type.
fn ran(made: &Path, event: &str, config: &str) -> String {
    fs::write(made.join("event.toml"), format!("[event]\n{event}\n")).expect("a file");
    told(&plugin(made, &["run", "tried.wasm", "--event", "event.toml", "--config", config]))
}

const FAILING: &str = r#"import { crypto, keep, metrics, reject, retryAfter, state, transform } from "@sluicebox/sdk";
import { order } from "./order.js";

export default transform((event) => {
  if (event.type === "throw") order(event);
  if (event.type === "reject") throw reject("no-order", "why");
  if (event.type === "retry") return retryAfter(1500, "busy", "later");
  if (event.type === "state") state.get("a");
  if (event.type === "conflict") state.put("a", "b", { expect: 7 });
  if (event.type === "too-large") state.put("a", new Uint8Array(70_000));
  if (event.type === "quota") for (let at = 0; at < 65; at += 1) state.get("a");
  if (event.type === "metrics") metrics.count("orders");
  if (event.type === "secret") crypto.verifyHmac("sha256", "shop", "data", "mac");
  if (event.type === "key") crypto.verifyEd25519("short", "data", "signature");
  if (event.type === "async") return Promise.resolve(keep());
  return event.type === "nothing" ? undefined : keep();
});
"#;

#[test]
fn javascript_errors_are_told_with_their_text_and_line() {
    let (_folder, made) = with_module(FAILING);
    fs::write(made.join("src/order.js"), "// One.\n\nexport function order(event) {\n  return event.none.there;\n}\n")
        .expect("a file");
    works(&made, &["build"]);
    let said = ran(&made, "type = \"throw\"", "{}");
    for part in ["fault panic", "panicked at src/order.js:4: TypeError: ", "(src/index.js:5)"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(ran(&made, "type = \"reject\"", "{}").contains("reject no-order"));
    assert!(ran(&made, "type = \"retry\"", "{}").contains("retry busy"));
    let said = ran(&made, "type = \"async\"", "{}");
    assert!(said.contains("the function is async, which plugins cannot be"), "{said}");
    let said = ran(&made, "type = \"nothing\"", "{}");
    assert!(said.contains("TypeError: transform: the function has to return keep()"), "{said}");
}

/// As in Rust: see the documentation of `sluicebox_sdk`'s modules.
#[test]
fn javascript_fails_with_the_codes_of_every_language() {
    let (_folder, made) = with_module(FAILING);
    fs::write(made.join("src/order.js"), "export function order() {}\n").expect("a file");
    works(&made, &["build"]);
    let state = "\n[grants]\nstate = true";
    for (event, grants, parts) in [
        ("state", "", ["reject not-granted", "plugins.tried.grants.state"]),
        ("metrics", "", ["reject metric-refused", "plugins.tried.grants.metrics"]),
        ("secret", "", ["reject not-granted", "plugins.tried.grants.secrets.shop"]),
        ("key", "", ["reject invalid-key", "32 bytes"]),
        ("conflict", state, ["retry state-conflict", "another version"]),
        ("too-large", state, ["reject state-too-large", "over its limit"]),
        ("quota", state, ["reject state-quota", "all operations of a call"]),
    ] {
        let said = ran(&made, &format!("type = \"{event}\"{grants}"), "{}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    }
}

const ASKING: &str = r#"import { bytes, clock, config as settings, crypto, drop, emit, log, Message, random, transform } from "@sluicebox/sdk";

export const config = { type: "object", properties: { name: { type: "string", default: "given" } } };
export function validateConfig(settings) {
  return settings.name === "bad" ? [{ path: "/name", message: "is bad" }] : [];
}

export default transform((event, given) => {
  if (event.type === "mac") return drop(bytes.toHex(crypto.hmac("sha256", "shop", event.body)));
  const now = clock.now();
  console.log("to the", { log: true });
  log.info("beside", { field: "value" });
  const decoded = new TextDecoder().decode(new TextEncoder().encode("grüße ☃\ud800"));
  return emit(Message.json({
    now, date: Date.now() - now, is: new Date().getTime() - now, year: new Date(2024, 5, 1).getFullYear(),
    random: random.bytes(4).length, math: Math.random() < 1, name: given.name, same: settings.get("name"), decoded,
    form: new URLSearchParams("a=1+2").get("a"), clone: structuredClone({ a: [new Date(0)] }), performance: performance.now(),
  }));
});
"#;

#[test]
fn javascript_has_what_the_host_gives_and_what_quickjs_lacks() {
    let (_folder, made) = with_module(ASKING);
    works(&made, &["build"]);
    let said = ran(&made, "received_at_ms = 1767225600000", "{}");
    let expected = "\"date\":0,\"is\":0,\"year\":2024,\"random\":4,\"math\":true,\"name\":\"given\",\"same\":\"given\",\
        \"decoded\":\"grüße ☃\u{fffd}\",\"form\":\"1 2\",\"clone\":{\"a\":[\"1970-01-01T00:00:00.000Z\"]},\"performance\":0}";
    assert!(said.contains(expected) && said.contains("log: info to the {\"log\":true}") && said.contains("value"), "{said}");
    assert_eq!(ran_body(&made), ran_body(&made), "time and chance are the same again");

    assert!(ran(&made, "", "{\"name\": 1}").contains("/config/name: expected a text, found a number"));
    assert!(ran(&made, "", "{\"name\": \"bad\"}").contains("/config/name: is bad"));
    assert!(ran(&made, "type = \"mac\"", "{}").contains("reject not-granted"));
    // RFC 4231 has no case with a text for a key but this, its second.
    let said = ran(&made, "type = \"mac\"\nbody = \"what do ya want for nothing?\"\n[grants.secrets]\nshop = \"Jefe\"", "{}");
    assert!(said.contains("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"), "{said}");
}

/// The message that `plugin run` prints behind what it measured.
fn ran_body(made: &Path) -> String {
    let said = ran(made, "", "{}");
    said.split_once("message 1").map(|(_, message)| message.to_owned()).unwrap_or_else(|| panic!("a message in {said}"))
}

#[test]
fn javascript_builds_that_fail_say_why() {
    let (_folder, made) = with_module("export default 1;\n");
    let module = |text: &str| fs::write(made.join("src/index.js"), text).expect("a file");
    assert!(fails(&made, &["build"]).contains("exports nothing that filter, transform, batch or verify made"));
    module("export default (;\n");
    let said = fails(&made, &["build"]);
    assert!(said.contains("src/index.js:1:16") && said.contains("could not be built"), "{said}");
    module("import fs from \"node:fs\";\nexport default fs;\n");
    assert!(fails(&made, &["build"]).contains("Could not resolve \"node:fs\""));
    module(
        "import { filter } from \"@sluicebox/sdk\";\nexport const config = { oneOf: [] };\nexport default filter(() => true);\n",
    );
    assert!(fails(&made, &["build"]).contains("not checked: /oneOf"));
    module(
        "import { clock, filter } from \"@sluicebox/sdk\";\nconst then = clock.now();\nexport default filter(() => then > 0);\n",
    );
    let said = fails(&made, &["build"]);
    assert!(said.contains("not while its module is loaded") && said.contains("src/index.js:2"), "{said}");

    let output = run(Command::new(process::binary()).args(["plugin", "build"]).env("PATH", "/nowhere"), &made);
    assert!(
        told(&output).contains("Node.js 18 or later") && told(&output).contains("apt-get install nodejs npm"),
        "{}",
        told(&output)
    );
    assert!(!made.join("tried.wasm").exists());
}

/// One of the two would otherwise be installed anew, and the network asked for it.
#[test]
fn javascript_is_built_by_the_same_tools_everywhere() {
    let pinned = |file: &str| {
        let text = fs::read_to_string(root().join(file)).expect("a file");
        let tools = |line: &&str| {
            ["componentize-qjs", "\"esbuild\"", "\"typescript\"", "@types/node"].iter().any(|tool| line.contains(tool))
        };
        text.lines().filter(tools).map(|line| line.trim().trim_end_matches(',').to_owned()).collect::<Vec<_>>()
    };
    let template = "host/src/cli/plugin/template/javascript";
    for guest in ["golden", "bench"] {
        assert_eq!(pinned(&format!("{template}/package.js.json")), pinned(&format!("tests/javascript/{guest}/package.json")));
    }
    let shipped = pinned("plugins/stripe-summary/package.json");
    assert_eq!(pinned(&format!("{template}/package.ts.json")), shipped);
    assert!(pinned(&format!("{template}/package.js.json")).iter().all(|tool| shipped.contains(tool)));
}
