//! The command line, as a person calls it.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use sluicebox_tests::{Host, Receiver, guests, process};
use tempfile::TempDir;

fn call(host: &Host, folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(process::binary());
    command
        .args(arguments)
        .args(["--url", host.url(), "--key", host.key()])
        .current_dir(folder)
        .env("GH_SECRET", "It's a Secret");
    command.output().expect("an end")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn works(host: &Host, folder: &Path, arguments: &[&str]) -> String {
    let output = call(host, folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", told(&output));
    told(&output)
}

fn fails(host: &Host, folder: &Path, arguments: &[&str]) -> String {
    let output = call(host, folder, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {}", told(&output));
    told(&output)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_file_is_applied_with_its_plugins_and_secrets() {
    let (host, receiver, folder) = (Host::start().await, Receiver::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    // As `cargo build` leaves it: a core module, which the command line makes a component of.
    fs::write(folder.join("redact.wasm"), guests::module("redact")).expect("a file");
    fs::write(folder.join("secret.txt"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a file");
    let hub = format!(
        "[sources.github]\nverify = {{ scheme = \"github\", secret = \"${{GH_SECRET}}\" }}\n\
         [plugins.redact]\npath = \"redact.wasm\"\nconfig = {{ fields = [\"a\"] }}\n\
         [destinations.crm]\nurl = \"{}/crm\"\nsecret = \"file:secret.txt\"\n\
         [rules.all]\nplugins = [\"redact\"]\ndestinations = [\"crm\"]\n",
        receiver.url()
    );
    fs::write(folder.join("hub.toml"), hub).expect("a file");
    let said = works(&host, folder, &["apply", "hub.toml"]);
    for change in ["created source github", "created plugin redact", "created destination crm", "created rule all"] {
        assert!(said.contains(change), "{said}");
    }
    assert!(works(&host, folder, &["apply", "hub.toml"]).contains("nothing to change"));

    let signature = sluicebox_tests::github::signature("It's a Secret", b"{\"a\":1}");
    let id = host.post("github", &[("x-github-event", "test"), ("x-hub-signature-256", &signature)], "{\"a\":1}").await;
    let received = receiver.wait_for("/crm", 1).await.remove(0);
    assert_eq!(received.body, "{\"a\":\"***\"}");
    host.delivery_in_state("all", "delivered").await;
    assert!(works(&host, folder, &["events"]).contains(&id));
    assert!(works(&host, folder, &["events", &id]).contains("\"redact\""));
    assert!(works(&host, folder, &["deliveries"]).contains(received.id()));
    assert!(works(&host, folder, &["deliveries", "--state", "dead", "--json"]).contains("\"items\": []"));
    assert!(works(&host, folder, &["runs", "--rule", "all"]).contains("planned"));

    // Other bytes that take the same settings: an empty custom section more.
    fs::write(folder.join("other.wasm"), [guests::module("redact"), vec![0, 2, 1, b'x']].concat()).expect("a file");
    assert!(works(&host, folder, &["plugin", "push", "other.wasm", "--name", "redact", "--activate"]).contains("active"));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_hub_file_name_file_line_column_and_the_nearest_name() {
    let (host, folder) = (Host::start().await, TempDir::new().expect("a folder"));
    let folder = folder.path();
    let apply = |text: &str| {
        fs::write(folder.join("hub.toml"), text).expect("a file");
        fails(&host, folder, &["apply", "hub.toml"])
    };
    let expect = |said: &str, parts: &[&str]| {
        for part in parts {
            assert!(said.contains(part), "{part:?} is missing in:\n{said}");
        }
    };
    let source = "[sources.a]\nverify = { scheme = \"none\" }\n";
    let out = "[destinations.out]\nurl = \"https://example.com/\"\n";
    // An unknown key, and two errors at once.
    let said = apply(&format!(
        "{source}\n[destinations.crm]\nurll = \"https://example.com/\"\n\n[rules.x]\nplugns = []\ndestinations = []\n"
    ));
    expect(&said, &["hub.toml:5:1", "`url`", "hub.toml:8:1", "`plugins`"]);
    // An unknown table.
    expect(&apply("[source.a]\nverify = { scheme = \"none\" }\n"), &["hub.toml:1:", "`sources`"]);
    // No TOML.
    expect(&apply("[sources.a\n"), &["hub.toml:1:"]);
    // A rule that names what is not there.
    expect(&apply(&format!("{out}[rules.x]\ndestinations = [\"outt\"]\n")), &["hub.toml:4:17", "`out`"]);
    // A secret that is not set.
    expect(&apply("[sources.a]\nverify = { scheme = \"github\", secret = \"${NOT_SET}\" }\n"), &["hub.toml:2:", "NOT_SET"]);
    // What only the server's parts find: a scheme, an operator, a limit.
    expect(&apply("[sources.a]\nverify = { scheme = \"githib\", secret = \"x\" }\n"), &["hub.toml:2:", "github"]);
    expect(
        &apply(&format!("{out}[rules.x]\nmatch.type = [{{ prefx = \"a\" }}]\ndestinations = [\"out\"]\n")),
        &["hub.toml:4:", "prefix"],
    );
    expect(&apply(&format!("{out}concurrency = 100000\n")), &["hub.toml:3:", "256"]);
    // A plugin's file that is none.
    fs::write(folder.join("no.wasm"), "text").expect("a file");
    expect(&apply("[plugins.p]\npath = \"no.wasm\"\n"), &["no.wasm"]);
    expect(&apply("[plugins.p]\npath = \"missing.wasm\"\n"), &["missing.wasm"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_there_is_told_so() {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(process::binary());
    let output = command
        .args(["events", "--url", "http://127.0.0.1:1", "--key", "x"])
        .current_dir(folder.path())
        .output()
        .expect("an end");
    assert_eq!(output.status.code(), Some(1));
    assert!(told(&output).contains("sluicebox serve"), "{}", told(&output));
    let output = Command::new(process::binary()).arg("events").current_dir(folder.path()).output().expect("an end");
    assert!(told(&output).contains("SLUICEBOX_KEY"), "no key: {}", told(&output));
}
