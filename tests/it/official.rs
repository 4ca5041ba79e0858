//! What we send, checked by what others wrote: signatures by the official packages of Standard Webhooks and by Node's own Ed25519,
//! CloudEvents by the official packages. `cargo xtask test` installs them.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sluicebox_tests::{Host, Receiver};

use crate::story::{OPEN_SOURCE, PRIVATE, PUBLIC, SECRET, destination};

/// Requests of a host that signs by both versions, each with what the verifier has to find; and each once more with a body that was changed.
async fn signed_requests(kinds: &[&str]) -> String {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    let hub = format!("{OPEN_SOURCE}{out}secrets = [\"{PRIVATE}\"]\n[rules.all]\ndestinations = [\"out\"]\n");
    host.apply(&hub).await;
    for body in ["{\"n\": 1}", "{\"text\":\"grüße ☃\"}", "[]"] {
        host.post("open", &[], body).await;
    }
    let mut lines = String::new();
    for one in receiver.wait_for("/out", 3).await {
        let headers = json!({
            "webhook-id": one.id(),
            "webhook-timestamp": one.header("webhook-timestamp"),
            "webhook-signature": one.header("webhook-signature"),
        });
        let body = String::from_utf8(one.body.to_vec()).expect("UTF-8");
        for (body, right) in [(body.clone(), true), (format!("{body} "), false)] {
            for kind in kinds {
                let line = json!({
                    "kind": kind, "secret": SECRET, "public": PUBLIC, "headers": headers, "body": body, "right": right,
                });
                lines += &format!("{line}\n");
            }
        }
    }
    host.stop().await;
    lines
}

/// A source whose events have a type, and a subject that no header carries as it is.
const SHOP: &str =
    "[sources.shop]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\nsubject = { json = \"subject\" }\n";

/// Events as CloudEvents in all three modes, JSON and other data; and each once more with an id that is another's.
async fn cloud_events() -> String {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let modes = ["cloudevents-binary", "cloudevents-structured", "cloudevents-batch"];
    let mut hub = SHOP.to_owned();
    for mode in modes {
        hub += &format!("{}format = \"{mode}\"\n", destination(mode, &format!("{}/{mode}", receiver.url())));
    }
    host.apply(&format!("{hub}[rules.all]\ndestinations = {modes:?}\n")).await;
    let bodies = [("application/json", "{\"subject\":\"5% \u{20ac}\",\"n\":1}"), ("text/plain", "{\"subject\":\"5% \u{20ac}\"}")];
    for (content_type, body) in bodies {
        host.post("shop", &[("x-type", "order.paid"), ("content-type", content_type)], body).await;
    }
    let mut lines = String::new();
    for mode in modes {
        for one in receiver.wait_for(&format!("/{mode}"), bodies.len()).await {
            let headers: serde_json::Map<String, Value> = one
                .headers
                .iter()
                .filter(|(name, _)| name.as_str().starts_with("ce-") || *name == "content-type")
                .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").into()))
                .collect();
            let body = String::from_utf8(one.body.to_vec()).expect("UTF-8");
            let is_json =
                one.header("ce-id").is_empty() && body.contains("\"data\":") || headers["content-type"] == "application/json";
            for (id, right) in [(one.id(), true), ("msg_0", false)] {
                let expected = json!({
                    "id": id, "source": "/w/default/in/shop", "type": "order.paid", "subject": "5% \u{20ac}",
                    "data": if is_json { bodies[0].1 } else { bodies[1].1 },
                });
                let line =
                    json!({ "kind": "cloudevent", "headers": headers, "body": body, "expected": expected, "right": right });
                lines += &format!("{line}\n");
            }
        }
    }
    host.stop().await;
    lines
}

/// Gives the verifier its lines and expects it to agree with each: `agreed 6`.
fn verifier_agrees(command: &mut Command, lines: &str) {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the runtime");
    child.stdin.take().expect("its input").write_all(lines.as_bytes()).expect("its input");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("agreed {}", lines.lines().count()));
}

fn folder(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; run this by `cargo xtask test`"))
}

fn node() -> Command {
    node_running("verify.cjs")
}

fn node_running(script: &str) -> Command {
    let mut node = Command::new("node");
    node.arg(format!("{}/official/{script}", env!("CARGO_MANIFEST_DIR")));
    node.env("NODE_PATH", format!("{}/node_modules", folder("SLUICEBOX_OFFICIAL_NODE")));
    node
}

fn python() -> Command {
    python_running("verify.py")
}

fn python_running(script: &str) -> Command {
    let mut python = Command::new("python3");
    python.arg(format!("{}/official/{script}", env!("CARGO_MANIFEST_DIR")));
    python.env("PYTHONPATH", folder("SLUICEBOX_OFFICIAL_PYTHON"));
    python
}

#[tokio::test(flavor = "multi_thread")]
async fn official_node_package_verifies_what_we_sign() {
    verifier_agrees(&mut node(), &signed_requests(&["v1", "v1a"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn official_python_package_verifies_what_we_sign() {
    verifier_agrees(&mut python(), &signed_requests(&["v1"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn official_node_package_reads_our_cloud_events() {
    verifier_agrees(&mut node(), &cloud_events().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn official_python_package_reads_our_cloud_events() {
    verifier_agrees(&mut python(), &cloud_events().await);
}

/// Posts what a package made of events, and expects each to be stored as the package means it, the same in binary and in structured mode.
async fn are_stored(command: &mut Command, count: usize) {
    let host = Host::start().await;
    host.apply("[sources.shop]\nverify = { scheme = \"none\" }\nformat = \"cloudevents\"\n").await;
    let output = command.output().expect("the runtime");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = String::from_utf8(output.stdout).expect("text");
    assert_eq!(made.lines().count(), count);
    for line in made.lines() {
        let request: Value = serde_json::from_str(line).expect("JSON");
        let headers: Vec<(&str, &str)> = request["headers"]
            .as_object()
            .expect("headers")
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
            .collect();
        let decoded = |value: &Value| BASE64_STANDARD.decode(value.as_str().expect("text")).expect("base64");
        let event = host.event(&host.post("shop", &headers, decoded(&request["body"])).await).await;
        let expected = &request["expected"];
        let body = match &event["body"]["text"] {
            Value::String(text) => text.as_bytes().to_vec(),
            _ => decoded(&event["body"]["base64"]),
        };
        assert_eq!(String::from_utf8_lossy(&body), String::from_utf8_lossy(&decoded(&expected["data"])), "{line}");
        let found = [
            &event["external_id"],
            &event["type"],
            &event["subject"],
            &event["attributes"]["ce-source"],
            &event["attributes"]["tenant"],
        ];
        assert_eq!(found, ["id", "type", "subject", "source", "tenant"].map(|name| &expected[name]), "{line}");
        let headers = event["headers"].as_array().expect("a list");
        let time = headers.iter().find(|header| header[0] == "ce-time").and_then(|header| header[1].as_str()).expect("a time");
        assert!(time.starts_with("2023-11-14T22:13:20"), "{time}");
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_node_package_sends_us_cloud_events() {
    are_stored(&mut node_running("send.cjs"), 8).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn official_python_package_sends_us_cloud_events() {
    are_stored(&mut python_running("send.py"), 6).await;
}
