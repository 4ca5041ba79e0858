//! What a host says to anybody, gathered: every answer with its headers, every line of its log, all that its command line prints.

use std::{fs, path::PathBuf, process::Command, sync::Mutex};

use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use sluicebox_tests::{
    HostProcess,
    canary::{Canary, Search, files},
    process::{binary, log_of},
};
use tempfile::TempDir;

/// The two files in which keys lie in clear, as the documents say.
pub(super) const IN_CLEAR: &[&str] = &["main.key", "admin.key"];

/// A host of this test, with a trace of all that it does in its log.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) canaries: Vec<Canary>,
    host: Option<HostProcess>,
    said: Mutex<Vec<(String, Vec<u8>)>>,
}

impl World {
    pub(super) fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self { folder, canaries: Vec::new(), host: None, said: Mutex::default() }
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A secret that nobody may tell.
    pub(super) fn plant(&mut self, canary: Canary) -> Canary {
        self.canaries.push(canary.clone());
        canary
    }

    /// The same for one of its own for each label.
    pub(super) fn new_canary(&mut self, label: &str) -> Canary {
        self.plant(Canary::new(label))
    }

    /// Starts a host, in the place of the one before.
    pub(super) async fn start(&mut self, arguments: &[&str], environment: &[(&str, &str)]) {
        if let Some(host) = self.host.take() {
            host.stop().await;
        }
        let arguments = [&["--log", "trace", "--public-url", "https://hub.example.com"], arguments].concat();
        let started = HostProcess::try_start(&self.data(), &arguments, environment).await;
        self.host = Some(started.unwrap_or_else(|status| panic!("it ended with {status}: {}", log_of(&self.data()))));
        let key = fs::read_to_string(self.data().join("admin.key")).expect("an admin key");
        let digits = key.trim().strip_prefix("slk_").and_then(|digits| hex::decode(digits).ok());
        self.plant(Canary::of("the admin key", &digits.expect("digits")));
    }

    /// Starts one that is about to end by itself.
    pub(super) async fn fail_to_start(&mut self, arguments: &[&str], environment: &[(&str, &str)]) {
        if let Some(host) = self.host.take() {
            host.stop().await;
        }
        let ended = HostProcess::try_start(&self.data(), arguments, environment).await;
        assert!(ended.is_err(), "{arguments:?}: it runs");
    }

    pub(super) fn host(&self) -> &HostProcess {
        self.host.as_ref().expect("a host")
    }

    /// Sends a request and keeps the whole answer.
    pub(super) async fn send(&self, what: &str, request: RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status().as_u16(), format!("{:?}", answer.headers()));
        let body = answer.bytes().await.expect("a body").to_vec();
        let json = serde_json::from_slice(&body).unwrap_or_default();
        self.hear(what, [headers.as_bytes(), &body].concat());
        (status, json)
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        let request = self.host().request(Method::GET, path).bearer_auth(self.host().key());
        self.send(&format!("GET {path}"), request).await.1
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_as(&format!("POST {path}"), path, body).await
    }

    /// The same under a name of its own.
    pub(super) async fn post_as(&self, what: &str, path: &str, body: &Value) -> (u16, Value) {
        let request = self.host().request(Method::POST, path).bearer_auth(self.host().key());
        self.send(what, request.json(body)).await
    }

    /// Runs a command against the host; whether it was done.
    pub(super) fn run(&self, arguments: &[&str], environment: &[(&str, String)]) -> bool {
        let host = ["--url", self.host().url(), "--key", self.host().key()];
        self.run_as(&[arguments, &host].concat(), environment)
    }

    /// Runs a command that is told here which host is meant, and by which key.
    pub(super) fn run_as(&self, arguments: &[&str], environment: &[(&str, String)]) -> bool {
        let mut command = Command::new(binary());
        command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value))).current_dir(self.folder.path());
        let output = command.output().expect("an end");
        let what = arguments.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        self.hear(&format!("sluicebox {what}"), [output.stdout, output.stderr].concat());
        output.status.success()
    }

    pub(super) fn hear(&self, what: &str, said: Vec<u8>) {
        self.said.lock().expect("no panic").push((what.to_owned(), said));
    }

    /// Stops the host, and searches what it said and what it left; each place in which a canary sits.
    pub(super) async fn search(mut self) -> Vec<String> {
        if let Some(host) = self.host.take() {
            host.stop().await;
        }
        let search = Search::of(&self.canaries);
        let log = ("the log".to_owned(), log_of(&self.data()).into_bytes());
        let left = files(&self.data(), IN_CLEAR).into_iter().map(|(path, bytes)| (path.display().to_string(), bytes));
        let said = self.said.into_inner().expect("no panic");
        let all = said.into_iter().chain([log]).chain(left);
        all.flat_map(|(place, bytes)| {
            search.find(&bytes).into_iter().map(|found| format!("{place} holds {found}")).collect::<Vec<_>>()
        })
        .collect()
    }
}
