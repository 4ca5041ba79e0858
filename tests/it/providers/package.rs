//! A script that asks providers' packages.

use std::{
    collections::HashMap,
    env,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use super::{Pair, Unsigned};

/// A request as its sender makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) headers: HashMap<String, String>,
    pub(super) body: String,
}

/// The packages of one registry.
#[derive(Clone, Copy)]
pub(super) enum Packages {
    Node,
    Python,
}

impl Packages {
    /// What the packages of these providers sign.
    pub(super) fn sign(self, asked: &[(&str, Unsigned)]) -> Vec<Request> {
        let lines = asked.iter().map(|(provider, Unsigned { key, request, now_secs, .. })| {
            json!({
                "ask": "sign", "provider": provider, "key": key.receiver, "now": now_secs, "url": request.url, "body": request.body,
            })
        });
        let signed = |((_, asked), answer): (&(_, Unsigned), &Value)| {
            let mut request = asked.request.clone();
            request.headers.extend(serde_json::from_value::<HashMap<_, _>>(answer["headers"].clone()).expect("headers"));
            request
        };
        asked.iter().zip(&self.answers(lines)).map(signed).collect()
    }

    /// Whether the package of the provider accepts each request.
    pub(super) fn accept(self, asked: &[(&str, Pair, &str, Request)]) -> Vec<bool> {
        let lines = asked.iter().map(|(provider, key, _, request)| {
            json!({
                "ask": "accept", "provider": provider, "key": key.receiver,
                "url": request.url, "headers": request.headers, "body": request.body,
            })
        });
        self.answers(lines).iter().map(|answer| answer["accepted"].as_bool().expect("a verdict")).collect()
    }

    fn answers(self, lines: impl Iterator<Item = Value>) -> Vec<Value> {
        let lines: Vec<_> = lines.map(|line| line.to_string()).collect();
        let mut child =
            self.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the runtime");
        let (mut input, text) = (child.stdin.take().expect("its input"), lines.join("\n"));
        // Beside the reading: it may answer before it has read all.
        let written = std::thread::spawn(move || input.write_all(text.as_bytes()));
        let output = child.wait_with_output().expect("its end");
        written.join().expect("no panic").expect("its input");
        let answers: Vec<Value> = String::from_utf8(output.stdout)
            .expect("UTF-8")
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(answers.len(), lines.len(), "a package ended the script");
        answers
    }

    fn command(self) -> Command {
        let (runtime, script, packages, path) = match self {
            Self::Node => ("node", "providers.cjs", format!("{}/node_modules", folder("SLUICEBOX_PROVIDERS_NODE")), "NODE_PATH"),
            Self::Python => ("python3", "providers.py", folder("SLUICEBOX_PROVIDERS_PYTHON"), "PYTHONPATH"),
        };
        let mut command = Command::new(runtime);
        command.arg(format!("{}/official/{script}", env!("CARGO_MANIFEST_DIR"))).env(path, packages);
        command
    }
}

fn folder(variable: &str) -> String {
    env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set; run this by `cargo xtask test`"))
}
