//! The tool for authors of plugins, as a person calls it: from an empty folder to a delivered event.

mod dev;
mod trials;

use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use sluicebox_tests::{HostProcess, Receiver, guests, process};
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("a folder")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// `sluicebox plugin ...` in a folder, and what cargo is told when it calls it: no network, and one target folder for all these tests,
/// so that the SDK is compiled once.
fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    in_author_surroundings(Command::new(process::binary()).arg("plugin").args(arguments))
        .current_dir(folder)
        .output()
        .expect("an end")
}

fn in_author_surroundings(command: &mut Command) -> &mut Command {
    command.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", root().join("target/authoring"))
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

/// `plugin new`, with the SDK of these sources.
fn new(folder: &Path, name: &str, kind: &str) -> PathBuf {
    let sdk = root().join("sdk");
    works(folder, &["new", name, "--kind", kind, "--sdk", sdk.to_str().expect("UTF-8")]);
    folder.join(name)
}

#[test]
fn a_new_plugin_of_each_kind_builds_and_passes_its_fixtures() {
    let folder = TempDir::new().expect("a folder");
    for kind in ["filter", "transform", "batch", "verify"] {
        let name = format!("new-{kind}");
        let made = new(folder.path(), &name, kind);
        let said = works(&made, &["build"]);
        assert!(said.contains(&format!("{name}.wasm: a component")), "{said}");
        assert!(said.contains(&format!("sluicebox:plugin/{kind}@0.1.0")), "{said}");
        assert!(said.contains(&format!("plugin   {name} 0.1.0, made with rust 0.1.0 for track 0.1")), "{said}");
        let file = made.join(format!("{name}.wasm"));
        let digest = works(&made, &["digest", file.to_str().expect("UTF-8")]);
        assert!(said.contains(digest.trim()), "{digest} is in {said}");
        assert!(file.metadata().expect("a file").len() < 250_000, "small, by the profile and the stack of the template");
        let said = works(&made, &["test", "--twice"]);
        assert!(said.contains("\nok ") || said.starts_with("ok "), "{said}");
    }
}

#[test]
fn new_harms_nothing_that_is_there() {
    let folder = TempDir::new().expect("a folder");
    fs::create_dir(folder.path().join("there")).expect("a folder");
    assert!(fails(folder.path(), &["new", "there"]).contains("there already"));
    assert!(fs::read_dir(folder.path().join("there")).expect("a folder").next().is_none());
    assert!(fails(folder.path(), &["new", "7up"]).contains("begin with a letter"));
    assert!(fails(folder.path(), &["new", "serde"]).contains("another has that name"));
    assert!(fails(folder.path(), &["new", "x", "--sdk", "nowhere"]).contains("--sdk nowhere"));
    assert!(!folder.path().join("x").exists());
    let told: Value = serde_json::from_str(&works(folder.path(), &["new", "x", "--json"])).expect("JSON");
    assert_eq!((&told["folder"], &told["next"][0]), (&json!("x"), &json!("cd x")));
    let made = told["files"].as_array().expect("files");
    assert!(made.iter().all(|file| folder.path().join("x").join(file.as_str().expect("a path")).is_file()), "{told}");
    let manifest = fs::read_to_string(folder.path().join("x/Cargo.toml")).expect("a file");
    assert!(manifest.contains("sluicebox-sdk = { version = \"0.1\" }"), "{manifest}");
}

#[test]
fn build_tells_what_is_missing() {
    let folder = TempDir::new().expect("a folder");
    assert!(fails(folder.path(), &["build"]).contains("there is no plugin in ."));
    let made = new(folder.path(), "broken", "filter");
    fs::write(made.join("src/lib.rs"), "not Rust").expect("a file");
    let said = fails(folder.path(), &["build", "broken"]);
    assert!(said.contains("src/lib.rs:1:") && said.contains("cargo could not build"), "{said}");
    // A toolchain without the target, as far as the tool can see.
    let mut build = Command::new(process::binary());
    build.args(["plugin", "build", "broken"]).env("RUSTC", "/bin/false");
    let output = in_author_surroundings(&mut build).current_dir(folder.path()).output().expect("an end");
    assert!(told(&output).contains("rustup target add wasm32-unknown-unknown"), "{}", told(&output));
    assert!(!made.join("broken.wasm").exists());
}

#[test]
fn inspect_tells_what_a_file_is() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("redact.wasm"), guests::component("redact")).expect("a file");
    let said = works(folder, &["inspect", "redact.wasm"]);
    for part in
        ["a component", "digest   sha256:", "exports  sluicebox:plugin/transform@0.1.0", "imports  sluicebox:plugin/log@0.1.0"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
    let json: Value = serde_json::from_str(&works(folder, &["inspect", "redact.wasm", "--json"])).expect("JSON");
    let exports = json["exports"].as_array().expect("a list");
    assert!(exports.contains(&json!("sluicebox:plugin/transform@0.1.0")), "{json}");

    let refused = |name: &str, bytes: &[u8], parts: &[&str]| {
        fs::write(folder.join(name), bytes).expect("a file");
        let said = fails(folder, &["inspect", name]);
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    };
    refused("text.wasm", b"text", &["error[P001]: text.wasm is not WebAssembly"]);
    refused("module.wasm", &guests::module("redact"), &["a core module", "error[P001]", "sluicebox plugin build"]);
    let whole = guests::component("redact");
    refused("cut.wasm", &whole[..whole.len() / 2], &["error[P003]: cut.wasm"]);
    let wasi = b"(component (import \"wasi:cli/exit@0.2.6\" (instance)))";
    refused("wasi.wasm", &wat::parse_bytes(wasi).expect("a component"), &["error[P005]", "wasi:cli/exit@0.2.6"]);
    let nothing = wat::parse_bytes(b"(component)").expect("a component");
    refused("nothing.wasm", &nothing, &["error[P002]: nothing.wasm exports none of filter, transform, batch, verify"]);
    assert!(fails(folder, &["inspect", "missing.wasm"]).contains("cannot read missing.wasm"));
    fs::write(folder.join("module.wasm"), guests::module("redact")).expect("a file");
    let of_module = works(folder, &["digest", "module.wasm"]);
    assert_eq!(of_module, works(folder, &["digest", "redact.wasm"]), "of the component that it becomes");
}

/// The fenced blocks of the guide, but for the chapters on other languages, whose tests are their own.
fn blocks(language: &str) -> Vec<String> {
    let guide = fs::read_to_string(root().join("docs/plugins.md")).expect("the guide");
    let parts = guide.split("\n## JavaScript").next().unwrap_or_default().split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(&format!("{language}\n")).map(str::to_owned)).collect()
}

/// Runs commands of the guide as they stand there, by a shell that stops at the first that fails.
fn sh(folder: &Path, commands: &str, url: &str) -> String {
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), env::var("PATH").expect("a path"));
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]).current_dir(folder).env("PATH", path).env("SLUICEBOX_URL", url);
    let output = in_author_surroundings(&mut shell).output().expect("an end");
    assert!(output.status.success(), "{commands}\n{}", told(&output));
    told(&output)
}

/// The guide's path, with all of its commands and no other: from an empty folder to an event that went through the plugin.
#[tokio::test(flavor = "multi_thread")]
async fn the_guide_leads_from_nothing_to_a_delivered_event() {
    let (receiver, folder) = (Receiver::start().await, TempDir::new().expect("a folder"));
    symlink(root(), folder.path().join("sluicebox")).expect("the sources beside the new folder");
    let work = folder.path().join("work");
    fs::create_dir(&work).expect("a folder");
    let commands = blocks("sh");
    let [make, rest @ ..] = &commands[..] else { panic!("the guide has commands") };
    let said = sh(&work, make, "");
    assert!(said.contains("ok      big-order    emit"), "{said}");

    let made = work.join("big-orders");
    let snippets = blocks("toml");
    let hub = snippets.iter().find(|block| block.contains("[rules.")).expect("a whole hub file");
    fs::write(made.join("hub.toml"), hub.replace("https://sales.example.com", receiver.url())).expect("a file");
    let host = HostProcess::start(&made.join("sluicebox-data")).await;
    for block in rest {
        sh(&made, &block.replace("http://127.0.0.1:8484", host.url()), host.url());
    }
    let received = receiver.wait_for("/hooks", 1).await;
    assert_eq!(received[0].body, "{\"text\":\"order 7 over 123 EUR\"}");
}
