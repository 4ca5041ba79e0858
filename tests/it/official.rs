//! What we sign, verified by the official packages of Standard Webhooks in other languages. `cargo xtask test` installs them.

use std::{
    env,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::json;
use sluicebox_tests::{Host, Receiver};

use crate::story::{OPEN_SOURCE, SECRET, destination};

/// Signed requests of a host, one with a body that is changed afterwards, as JSON lines with what the verifier has to find.
async fn signed_requests() -> String {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!("{OPEN_SOURCE}{out}[rules.all]\ndestinations = [\"out\"]\n")).await;
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
            lines += &format!("{}\n", json!({"secret": SECRET, "headers": headers, "body": body, "right": right}));
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

#[tokio::test(flavor = "multi_thread")]
async fn official_node_package_verifies_what_we_sign() {
    let lines = signed_requests().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/official/verify.cjs");
    verifier_agrees(
        Command::new("node").arg(script).env("NODE_PATH", format!("{}/node_modules", folder("SLUICEBOX_OFFICIAL_NODE"))),
        &lines,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn official_python_package_verifies_what_we_sign() {
    let lines = signed_requests().await;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/official/verify.py");
    verifier_agrees(Command::new("python3").arg(script).env("PYTHONPATH", folder("SLUICEBOX_OFFICIAL_PYTHON")), &lines);
}
