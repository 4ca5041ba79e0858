//! Plugins in Python: the SDK by itself, the guide, the shipped one, and one that asks for everything and fails in each way.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver, guests, process};
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
    let (folder, component) = (root().join("plugins/csv-rows"), guests::python_file("csv-rows"));
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

/// The fenced blocks of a document.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs").join(document)).expect("a document");
    let parts = text.split("```").skip(1).step_by(2);
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

/// The guide's path, with all of its commands: from an empty folder to an event that went through the plugin.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_from_nothing_to_a_delivered_event() {
    let (receiver, folder) = (Receiver::start().await, TempDir::new().expect("a folder"));
    let commands = blocks("plugins-python.md", "sh");
    let [make, rest @ ..] = &commands[..] else { panic!("the guide has commands") };
    // The guide's own setting of the variable stands before what finds componentize-py.
    let tools = env::var("SLUICEBOX_PYTHON_TOOLS").expect("set by `cargo xtask test`");
    let make = make.replace("PYTHONPATH=vendor", &format!("PYTHONPATH=vendor:{tools}"));
    let said = sh(folder.path(), &make, "");
    assert!(said.contains("ok      big-order    emit"), "{said}");
    assert!(said.contains("sluicebox:plugin/transform@0.1.0") && said.contains("lifecycle@0.1.0"), "{said}");

    let made = folder.path().join("big-orders");
    let component = fs::read(made.join("big-orders.wasm")).expect("a component");
    let schema: Value = serde_json::from_str(sluicebox::plugin::config_schema(&component).expect("a schema")).expect("JSON");
    assert_eq!(schema["properties"]["min_cents"]["minimum"], 0);
    let hub = blocks("plugins.md", "toml").into_iter().find(|block| block.contains("[rules.")).expect("a whole hub file");
    fs::write(made.join("hub.toml"), hub.replace("https://sales.example.com", receiver.url())).expect("a file");
    // In this process: one of its own would compile at a low priority, within a time that a busy machine may not give it.
    let host = Host::start_at(made.join("sluicebox-data"), |_| {}).await;
    for block in rest {
        sh(&made, &block.replace("http://127.0.0.1:8484", host.url()), host.url());
    }
    let received = receiver.wait_for("/hooks", 1).await;
    assert_eq!(received[0].body, "{\"text\":\"order 7 over 123 EUR\"}");
    host.stop().await;
}

/// A host with the guest that asks for everything; rules of two plugins of the same bytes.
async fn start() -> (Host, Receiver, String) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::python("asking")).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}{}[plugins.asking]\ndigest = \"{digest}\"\nconfig = {{ greeting = \"hello\" }}\n\
         grants.secrets = {{ shop = \"key\" }}\n\
         [rules.all]\nplugins = [\"asking\"]\ndestinations = [\"out\"]\n",
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
        ("raise", "panic", "panicked at plugin.py:35: KeyError: 'no such key'"),
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
