//! Plugins tried on this machine: their fixtures, and single events.

use std::fs;

use serde_json::{Value, json};
use sluicebox_tests::guests;
use tempfile::TempDir;

use super::{fails, root, works};

/// Every fixture of the shipped plugins, twice: nothing differs from what is expected, nor the second run from the first.
#[test]
fn the_shipped_plugins_pass_their_fixtures_twice() {
    for name in ["redact", "only-humans", "digest", "discord-verify", "dedupe"] {
        let folder = root().join("plugins").join(name);
        let module = guests::folder().join(format!("{}.wasm", name.replace('-', "_")));
        let said = works(&folder, &["test", "--twice", "--wasm", module.to_str().expect("UTF-8")]);
        let fixtures = fs::read_dir(folder.join("fixtures")).expect("fixtures").count();
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), fixtures, "{said}");
        assert!(said.lines().all(|line| line.contains("k/")), "each has its budget: {said}");
    }
}

/// A folder with `redact` as built, and one fixture.
fn with_fixture(text: &str) -> TempDir {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("redact.wasm"), guests::component("redact")).expect("a file");
    fs::create_dir(folder.path().join("fixtures")).expect("a folder");
    fs::write(folder.path().join("fixtures/one.toml"), text).expect("a file");
    folder
}

const TEST: [&str; 3] = ["test", "--wasm", "redact.wasm"];
const GIVEN: &str = "config = { fields = [\"a\"] }\n[event]\ntype = \"t\"\njson = { a = 1, b = 2 }\n";

#[test]
fn a_fixture_that_fails_shows_what_differs() {
    let differs = |expect: &str, parts: &[&str]| {
        let folder = with_fixture(&format!("{GIVEN}{expect}"));
        let said = fails(folder.path(), &TEST);
        assert!(said.contains("FAIL    one  emit") && said.contains("1 of 1 fixtures failed"), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    };
    differs(
        "[[expect.messages]]\njson = { a = \"x\", b = 2 }\n",
        &["  -     \"a\": \"x\",", "  +     \"a\": \"***\",", "\"b\": 2"],
    );
    differs("[[expect.messages]]\ntype = \"u\"\n", &["  -   type = u", "  +   type = t"]);
    differs("[expect]\nkeep = true\n", &["  - keep", "  + message 1"]);
    differs("[expect]\ndrop = \"why\"\n", &["  - drop = why"]);
    differs("", &["[expect] is missing", "--update"]);
    let folder = with_fixture(&format!("max_fuel = 10\n{GIVEN}[[expect.messages]]\n"));
    let said = fails(folder.path(), &TEST);
    assert!(said.contains("fuel") && said.contains("- max_fuel = 10"), "{said}");
}

#[test]
fn update_rewrites_what_is_expected_and_nothing_else() {
    let folder = with_fixture(&format!("# Why it is there.\n{GIVEN}\n[expect]\nkeep = true\n"));
    let file = folder.path().join("fixtures/one.toml");
    let update = ["test", "--wasm", "redact.wasm", "--update", "--twice"];
    assert!(works(folder.path(), &update).contains("updated one"));
    let updated = fs::read_to_string(&file).expect("a file");
    assert!(updated.starts_with("# Why it is there.\nmax_fuel = "), "{updated}");
    assert!(updated.contains(GIVEN), "{updated}");
    assert!(updated.ends_with("[[expect.messages]]\n\n[expect.messages.json]\na = \"***\"\nb = 2\n"), "{updated}");
    assert!(works(folder.path(), &TEST).contains("ok "));
    assert!(works(folder.path(), &update).contains("ok "), "a second time there is nothing to do");
    assert_eq!(fs::read_to_string(&file).expect("a file"), updated);

    // JSON that TOML cannot write is expected as text, and what cannot be rewritten by line is left alone.
    fs::write(&file, "config = { fields = [\"a\"] }\n[event]\nbody = '{\"a\": 1, \"b\": null}'\n").expect("a file");
    works(folder.path(), &update);
    let updated = fs::read_to_string(&file).expect("a file");
    assert!(updated.contains("body = '{\"a\": \"***\", \"b\": null}'"), "{updated}");
    assert!(works(folder.path(), &TEST).contains("ok "));
    let inline = "expect = { keep = true }\nconfig = { fields = [\"a\"] }\n[event]\njson = { a = 1 }\n";
    fs::write(&file, inline).expect("a file");
    assert!(fails(folder.path(), &update).contains("one.toml has to be changed by hand"));
    assert_eq!(fs::read_to_string(&file).expect("a file"), inline);
}

#[test]
fn a_fixture_that_is_wrongly_written_is_told_where() {
    let said = |text: &str| fails(with_fixture(text).path(), &TEST);
    for (text, parts) in [
        ("[event]\njsn = 1\n", ["one.toml", "`jsn`"]),
        ("[event\n", ["one.toml", "line 1"]),
        ("", ["one.toml", "there is no event"]),
        ("[event]\nbody = \"x\"\njson = 1\n", ["one.toml", "one body"]),
        ("[event]\nbody_file = \"missing.json\"\n", ["one.toml", "missing.json"]),
        ("[event]\nsource = \"No Name\"\n", ["one.toml", "source"]),
        ("[event]\n[expect]\nkeep = true\ndrop = \"x\"\n", ["one.toml", "give one of `keep`"]),
        ("[event]\n[limits]\nfuel = 0\n[expect]\nkeep = true\n", ["fixture one", "/limits/fuel"]),
        ("[config]\nfields = []\n[[events]]\n[expect]\nkeep = true\n", ["fixture one", "exports batch"]),
    ] {
        let said = said(text);
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    }
    let folder = TempDir::new().expect("a folder");
    assert!(fails(folder.path(), &["test"]).contains("there are no fixtures"));
}

/// The arguments of a run of `redact`.
fn run<'a>(event: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["run", "redact.wasm", "--event", event], more].concat()
}

#[test]
fn run_tells_what_became_of_an_event() {
    let folder = with_fixture(&format!("{GIVEN}[expect]\nkeep = true\n"));
    let folder = folder.path();
    fs::write(folder.join("body.json"), "{\"a\": 1}").expect("a file");
    fs::write(folder.join("event.toml"), "type = \"t\"\nbody = \"no JSON\"\n").expect("a file");
    fs::write(folder.join("config.json"), "{\"fields\": [\"a\"]}").expect("a file");
    fs::write(folder.join("hub.toml"), "[config]\nfields = [\"b\"]\n").expect("a file");

    let config = "{\"fields\": [\"a\"]}";
    let said = works(folder, &run("body.json", &["--config", config, "--type", "made", "--source", "shop"]));
    for part in ["emit", "fuel ", " MiB", " ms", "type: made", "content-type: application/json", "{\"a\": \"***\"}"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    assert!(works(folder, &run("body.json", &["--config", "hub.toml"])).starts_with("keep"));
    assert!(works(folder, &run("fixtures/one.toml", &[])).contains("{\"a\":\"***\",\"b\":2}"), "with the fixture's settings");
    assert!(works(folder, &run("event.toml", &["--config", "config.json"])).contains("reject: "));
    let told: Value =
        serde_json::from_str(&works(folder, &run("event.toml", &["--config", "config.json", "--json"]))).expect("JSON");
    assert_eq!((&told["outcome"], &told["failure"]["code"]), (&json!("reject"), &json!("invalid-json")));
    let wrong = fails(folder, &run("body.json", &["--config", "config.txt"]));
    assert!(wrong.contains("--config") && wrong.contains("config.txt"), "{wrong}");
    assert!(fails(folder, &run("missing.json", &[])).contains("missing.json"));
}

/// Under the limits of a host: what ends there ends here, by the same code.
#[test]
fn run_fails_where_the_plugin_does() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    fs::write(folder.join("misbehave.wasm"), guests::module("misbehave")).expect("a file");
    let limits = "[limits]\nmemory_bytes = 32_000_000\ntime_ms = 5_000\n";
    for (mode, code) in [("spin", "limit-fuel"), ("eat", "limit-memory"), ("many", "limit-output")] {
        fs::write(folder.join("event.toml"), format!("config = {{ mode = \"{mode}\" }}\n[event]\n{limits}")).expect("a file");
        let said = fails(folder, &["run", "misbehave.wasm", "--event", "event.toml"]);
        assert!(said.contains(&format!("misbehave.wasm failed: {code}")), "{said}");
    }
}

#[test]
fn bench_tells_what_a_call_costs() {
    let folder = with_fixture(&format!("{GIVEN}[[expect.messages]]\n"));
    let folder = folder.path();
    let bench = |more: &[&'static str]| [&["bench", "redact.wasm", "--event", "fixtures/one.toml"], more].concat();
    let told: Value = serde_json::from_str(&works(folder, &bench(&["--calls", "20", "--json"]))).expect("JSON");
    assert_eq!((&told["outcome"], &told["messages"]), (&json!("emit"), &json!(1)), "{told}");
    assert!(told["calls"].as_u64().is_some_and(|calls| (1..=20).contains(&calls)), "{told}");
    for times in [&told["instantiate_us"], &told["call_us"]] {
        let (median, p99) = (times["median"].as_u64().expect("a number"), times["p99"].as_u64().expect("a number"));
        assert!(median <= p99 && p99 > 0, "{told}");
    }
    let run: Value = serde_json::from_str(&works(folder, &run("fixtures/one.toml", &["--json"]))).expect("JSON");
    assert_eq!((&told["fuel"], &told["memory_bytes"]), (&run["fuel"], &run["memory_bytes"]), "as of a single call");

    let said = works(folder, &bench(&["--calls", "1", "--config", "{\"fields\": [\"z\"]}"]));
    for part in ["keep  1 calls", "instantiate  median ", "call         median ", "  p99 ", " MiB  messages 1"] {
        assert!(said.contains(part), "{part} in {said}");
    }
    fs::write(folder.join("misbehave.wasm"), guests::module("misbehave")).expect("a file");
    let failing = ["bench", "misbehave.wasm", "--event", "fixtures/one.toml", "--config", "{\"mode\": \"panic\"}"];
    assert!(fails(folder, &failing).contains("failed, so there is nothing to measure: panic"));
}

#[test]
fn a_fixture_is_one_batch() {
    let push =
        |repository: &str| format!("[[events]]\ntype = \"push\"\njson = {{ repository = {{ full_name = \"{repository}\" }} }}\n");
    let refused = |events: &str, parts: &[&str]| {
        let folder = with_fixture(&format!("{events}[expect]\nreject = \"invalid-json\"\n"));
        fs::write(folder.path().join("digest.wasm"), guests::component("digest")).expect("a file");
        let said = fails(folder.path(), &["test", "--wasm", "digest.wasm"]);
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    };
    refused(&format!("{}{}", push("a/b"), push("c/d")), &["fixture one: events[1]", "`c/d`", "`a/b`"]);
    refused("[[events]]\ntype = \"issues\"\njson = {}\n", &["fixture one: events[0]", "joins no batch"]);
}

#[test]
fn a_request_is_tried_and_told_as_an_event_is() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("doorkeeper.wasm"), guests::component("doorkeeper")).expect("a file");
    fs::create_dir(folder.path().join("fixtures")).expect("a folder");
    let write = |text: &str| fs::write(folder.path().join("fixtures/one.toml"), text).expect("a file");
    let test = ["test", "--wasm", "doorkeeper.wasm"];

    write(
        "[request]\nurl = \"http://h/in/shop?challenge=me\"\n\n[expect.answer]\nstatus = 201\nheaders = { x-told = \"POST\" }\n",
    );
    let said = fails(folder.path(), &test);
    assert!(
        said.contains("FAIL    one  answer") && said.contains("  -   status = 201") && said.contains("+   status = 200"),
        "{said}"
    );
    let run = works(folder.path(), &["run", "doorkeeper.wasm", "--event", "fixtures/one.toml", "--json"]);
    let told: Value = serde_json::from_str(&run).expect("JSON");
    assert_eq!((&told["outcome"], &told["answer"]["body"]), (&json!("answer"), &json!("me")), "{told}");

    write("[request]\nheaders = { x-do = \"retry\" }\n");
    works(folder.path(), &["test", "--wasm", "doorkeeper.wasm", "--update"]);
    let written = fs::read_to_string(folder.path().join("fixtures/one.toml")).expect("a file");
    assert!(written.contains("[expect]\nretry = ") && written.contains("max_fuel"), "{written}");
    works(folder.path(), &test);

    write("[request]\n[event]\n");
    assert!(fails(folder.path(), &test).contains("give one of [event], [[events]] for a batch, and a [request]"));
}

#[test]
fn a_request_and_an_event_are_for_the_plugins_that_take_them() {
    let folder = with_fixture("config = { fields = [] }\n[request]\n\n[expect]\naccept = {}\n");
    assert!(fails(folder.path(), &TEST).contains("this one does not, so give an [event]"));
    let event = format!("config = {{ public_key = \"{}\" }}\n[event]\n\n[expect]\nkeep = true\n", "0".repeat(64));
    fs::write(folder.path().join("fixtures/one.toml"), event).expect("a file");
    let discord = guests::folder().join("discord_verify.wasm");
    let said = fails(folder.path(), &["test", "--wasm", discord.to_str().expect("UTF-8")]);
    assert!(said.contains("this plugin only verifies requests, so give a [request]"), "{said}");
}
