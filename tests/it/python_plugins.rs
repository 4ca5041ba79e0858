//! Plugins in Python: the SDK by itself, the guide, the shipped one, and one that asks for everything and fails in each way.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, guests::Language, process};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, destination};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("a folder")
}

/// A command, with componentize-py where pip would look for it, and no file of its own left in the sources.
fn output(command: &mut Command, path: &str) -> Output {
    let tools = env::var("SLUICEBOX_PYTHON_TOOLS").expect("set by `cargo xtask test`");
    let path = if path.is_empty() { tools } else { format!("{path}:{tools}") };
    command.env("PYTHONPATH", path).env("PYTHONDONTWRITEBYTECODE", "1").output().expect("an end")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    output(Command::new(process::binary()).arg("plugin").args(arguments).current_dir(folder), "")
}

#[test]
fn the_sdk_and_the_shipped_plugin_pass_their_own_tests() {
    let sdk = root().join("sdk/python");
    for (folder, arguments) in [(sdk.clone(), &["discover", "-s", "tests"][..]), (root().join("plugins/csv-rows"), &[])] {
        let mut python = Command::new("python3");
        python.args(["-m", "unittest"]).args(arguments).current_dir(folder);
        let ended = output(&mut python, sdk.to_str().expect("UTF-8"));
        assert!(ended.status.success() && !told(&ended).contains("Ran 0 tests"), "{}", told(&ended));
    }
}

#[test]
fn the_shipped_plugin_passes_its_fixtures_twice() {
    let (folder, component) = (root().join("plugins/csv-rows"), Language::Python.file("csv-rows"));
    let ended = plugin(&folder, &["test", "--twice", "--wasm", component.to_str().expect("UTF-8")]);
    let said = told(&ended);
    assert!(ended.status.success(), "{said}");
    let fixtures = fs::read_dir(folder.join("fixtures")).expect("fixtures").count();
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), fixtures, "{said}");
    assert!(said.lines().all(|line| line.contains("k/")), "each has its budget: {said}");
}

#[test]
fn new_plugins_of_each_kind_pass_their_tests() {
    let folder = TempDir::new().expect("a folder");
    for kind in ["filter", "transform", "batch", "verify"] {
        let made = plugin(folder.path(), &["new", kind, "--language", "python", "--kind", kind]);
        assert!(made.status.success(), "{}", told(&made));
        let mut python = Command::new("python3");
        let tested = output(python.args(["-m", "unittest"]).current_dir(folder.path().join(kind)), "vendor");
        assert!(tested.status.success() && !told(&tested).contains("Ran 0 tests"), "{}", told(&tested));
    }
}

#[test]
fn build_tells_what_is_wrong() {
    let folder = TempDir::new().expect("a folder");
    let made = plugin(folder.path(), &["new", "wrong", "--language", "python"]);
    assert!(made.status.success(), "{}", told(&made));
    let fails = |source: &str, parts: &[&str]| {
        fs::write(folder.path().join("wrong/plugin.py"), source).expect("a file");
        let ended = plugin(folder.path(), &["build", "wrong"]);
        let said = told(&ended);
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    };
    fails("not Python", &["plugin.py\", line 1", "wrong/plugin.py could not be built"]);
    fails("", &["plugin.py has no function with @filter, @transform, @batch or @verify"]);
    let two = "from sluicebox_sdk import *\n@transform\ndef a(event): ...\n@transform\ndef b(event): ...\n";
    fails(two, &["one function with @transform: there are a and b"]);
    fails("from sluicebox_sdk import *\n@transform(schema={\"oneOf\": []})\ndef a(event, of): ...\n", &["not checked: /oneOf"]);
    let mut build = Command::new(process::binary());
    let without =
        build.args(["plugin", "build", "wrong"]).current_dir(folder.path()).env("PATH", "/nowhere").output().expect("an end");
    assert!(told(&without).contains("apt-get install python3 python3-pip"), "{}", told(&without));
}

/// The fenced blocks of how a document begins: from nothing to a delivered event.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("a document");
    let chapter = text.split("\n## ").find(|chapter| chapter.starts_with("From nothing")).expect("the chapter");
    let parts = chapter.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(str::to_owned)).collect()
}

/// Runs commands of the guide as they stand there, by a shell that stops at the first that fails.
fn sh(folder: &Path, commands: &str, url: &str) -> String {
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), env::var("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]).current_dir(folder).env("PATH", path).env("SLUICEBOX_URL", url);
    let ended = output(&mut shell, "");
    assert!(ended.status.success(), "{commands}\n{}", told(&ended));
    told(&ended)
}

/// The guide's path, with all of its commands: from an empty folder to an event that went through the plugin, and through what was
/// pushed later.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_from_nothing_to_a_delivered_event() {
    let (receiver, folder) = (Receiver::start().await, TempDir::new().expect("a folder"));
    let (own, of_all) = (blocks("plugins-python.md", "sh"), blocks("plugins.md", "sh"));
    let ([make], [_, apply, push]) = (&own[..], &of_all[..]) else { panic!("blocks of commands: {own:?}, {of_all:?}") };
    // The guide's own setting of the variable stands before what finds componentize-py.
    let tools = env::var("SLUICEBOX_PYTHON_TOOLS").expect("set by `cargo xtask test`");
    let make = make.replace("PYTHONPATH=vendor", &format!("PYTHONPATH=vendor:{tools}"));
    let said = sh(folder.path(), &make, "");
    assert!(said.contains("ok      big-order    emit"), "{said}");
    assert!(said.contains("sluicebox:plugin/transform@0.1.0") && said.contains("lifecycle@0.1.0"), "{said}");
    assert!(said.contains("plugin   big-orders 0.1.0, made with python 0.1.0 for track 0.1"), "{said}");

    let made = folder.path().join("big-orders");
    let component = fs::read(made.join("big-orders.wasm")).expect("a component");
    let schema: Value = serde_json::from_str(sluicebox::plugin::config_schema(&component).expect("a schema")).expect("JSON");
    assert_eq!(schema["properties"]["min_cents"]["minimum"], 0);
    let hub = blocks("plugins.md", "toml").remove(0);
    fs::write(made.join("hub.toml"), hub.replace("https://sales.example.com", receiver.url())).expect("a file");
    // In this process: one of its own would compile at a low priority, within a time that a busy machine may not give it.
    let host = Host::start_at(made.join("sluicebox-data"), |_| {}).await;
    let apply = apply.replace("http://127.0.0.1:8484", host.url());
    sh(&made, &apply, host.url());
    assert_eq!(receiver.wait_for("/hooks", 1).await[0].body, "{\"text\":\"order 7 over 123 EUR\"}");

    let source = fs::read_to_string(made.join("plugin.py")).expect("a file");
    fs::write(made.join("plugin.py"), source.replace("f\"order", "f\"sale")).expect("a file");
    sh(&made, push, host.url());
    sh(&made, apply.lines().find(|line| line.starts_with("curl")).expect("the event"), host.url());
    assert_eq!(receiver.wait_for("/hooks", 2).await[1].body, "{\"text\":\"sale 7 over 123 EUR\"}");
    host.stop().await;
}

/// A host with the guest that asks for everything, and is granted it, but as `bare`; it verifies the source `shop` too.
async fn start() -> (Host, Receiver, String) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(Language::Python.component("asking")).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}{}[sources.shop]\nverify = {{ scheme = \"plugin\", plugin = \"asking\" }}\n\
         [plugins.asking]\ndigest = \"{digest}\"\nconfig = {{ greeting = \"hello\" }}\n\
         grants = {{ state = true, metrics = true, secrets = {{ shop = \"key\" }} }}\n\
         [plugins.bare]\ndigest = \"{digest}\"\nconfig = {{ greeting = \"nothing\" }}\n\
         [rules.all]\nmatch.type = [\"ask\"]\nplugins = [\"asking\"]\ndestinations = [\"out\"]\n\
         [rules.bare]\nmatch.type = [\"bare\"]\nplugins = [\"bare\"]\ndestinations = [\"out\"]\n",
        destination("out", &format!("{}/out", receiver.url()))
    );
    host.apply(&hub).await;
    (host, receiver, hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn python_asks_the_host_and_fails_with_its_own_words() {
    let (host, receiver, hub) = start().await;
    let post = |what: &str| {
        host.post("open", &[("x-type", "ask"), ("content-type", "application/json")], format!("{{\"do\":\"{what}\"}}"))
    };

    let id = post("tell").await;
    let received = receiver.wait_for("/out", 1).await.remove(0);
    let body: Value = serde_json::from_slice(&received.body).expect("JSON");
    assert_eq!(body["settings"], json!(["hello", 1, "hello"]));
    assert_eq!(body["event"], json!([id, "ask", "open", 1, "application/json", "ask"]));
    assert_eq!(body["sha256"], "7d88a385247626f6f536b9fdefae3f01fe7483370a1d5d1e36fef236f0a5cd4f");
    assert_eq!(received.header("x-told"), "yes");
    let now = body["now"].as_array().expect("a list");
    assert_eq!(now[0].as_f64().expect("milliseconds") / 1000.0, now[1], "time.time() is the host's clock");
    assert_eq!(now[2], now[3], "so is datetime.now()");
    let run = host.run_in_state(&id, "all", "planned").await;
    assert!(run.to_string().contains("info printed") && run.to_string().contains("info logged times=1"), "{run}");

    post("sign").await;
    let signed = receiver.wait_for("/out", 2).await.remove(1);
    assert_eq!(signed.body, "410b06d72cf493723497a77313a0849d0240553df010faf2717deeb7c9b3d2f2", "HMAC-SHA256 by `key`");

    let dead = [
        ("raise", "panic", "panicked at plugin.py:46: KeyError: 'no such key'"),
        ("dive", "panic", "RecursionError: maximum recursion depth exceeded"),
        ("urandom", "panic", "use sluicebox_sdk.random"),
        ("wait", "panic", "use sluicebox_sdk.retry_after"),
        ("wrong", "panic", "asking with @transform returned int"),
        ("reject", "as-asked", "for good"),
    ];
    for (what, code, words) in dead {
        let run = host.run_in_state(&post(what).await, "all", "dead").await;
        assert_eq!(run["failure"]["code"], code, "{}", run["failure"]);
        assert!(run["failure"]["message"].as_str().is_some_and(|text| text.contains(words)), "{words} in {}", run["failure"]);
    }
    let dropped = host.run_in_state(&post("drop").await, "all", "dropped").await;
    assert!(dropped.to_string().contains("as asked"), "{dropped}");

    for (wrong, words) in
        [("{ times = 4, greeting = \"\" }", "must be at most 3"), ("{ typo = 1 }", "unknown setting; there are greeting, times")]
    {
        let refused = host.try_apply(&hub.replace("{ greeting = \"hello\" }", wrong)).await;
        assert_eq!(refused.status, 422, "{}", refused.json);
        assert!(refused.json.to_string().contains(words), "{}", refused.json);
    }
    host.stop().await;
}

/// What a run of this rule ended with.
async fn failure(host: &Host, rule: &str, body: &str) -> (String, String) {
    let event_type = if rule == "all" { "ask" } else { rule };
    let id = host.post("open", &[("x-type", event_type), ("content-type", "application/json")], body).await;
    let failure = host.run_in_state(&id, rule, "dead").await["failure"].take();
    let text = |key: &str| failure[key].as_str().unwrap_or_default().to_owned();
    (text("code"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn python_remembers_counts_and_verifies_where_it_is_granted() {
    let (host, receiver, _) = start().await;
    let told = async |what: &str, count: usize| {
        host.post("open", &[("x-type", "ask")], format!("{{\"do\":\"{what}\"}}")).await;
        serde_json::from_slice::<Value>(&receiver.wait_for("/out", count).await[count - 1].body).expect("JSON")
    };
    assert_eq!(told("remember", 1).await, json!([null, "state-conflict", "1", [40, 42], null]));
    assert_eq!(told("remember", 2).await[3], json!([82, 84]), "it remembers");
    assert_eq!(told("verify", 3).await, json!([true, false, true, false]));
    assert_eq!(told("count", 4).await, json!({ "do": "count" }), "the event goes on");
    assert_eq!(host.metric("sluicebox_plugin_custom_asked_total").await, 2);
    assert_eq!(host.metric("sluicebox_plugin_custom_asked_seconds_count").await, 1);

    for (rule, what, code, words) in [
        ("all", "too-large", "state-too-large", "over its limit"),
        ("all", "bad-key", "invalid-key", "32 bytes"),
        ("bare", "remember", "not-granted", "plugins.bare.grants.state"),
        ("bare", "count", "metric-refused", "plugins.bare.grants.metrics"),
        ("bare", "sign", "not-granted", "plugins.bare.grants.secrets.shop"),
    ] {
        let (found, text) = failure(&host, rule, &format!("{{\"do\":\"{what}\"}}")).await;
        assert_eq!(found, code, "{what} of {rule}: {text}");
        assert!(text.contains(words), "{words} in {text}");
    }

    // HMAC-SHA256 of `{}` by `key`.
    let mac = "a777724d943eb48dc69bca8a4a6d57a04db3f9ec7e1de4e581e860265bdf3032";
    for (mac, status) in [(mac, 202), ("00", 401)] {
        let answer = host.try_post("shop", &[("x-mac", mac)], "{}").await.expect("an answer");
        assert_eq!(answer.status, status, "{}", answer.json);
    }
    host.stop().await;
}
