//! One host, and the batches of modules that it meets.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use reqwest::Method;
use serde_json::Value;

use super::{
    Finding, Tally,
    judge::{self, Verdict},
    make::Made,
};
use crate::{Answer, HostProcess, PATIENCE, Receiver, guests};

/// How much a host may grow by after its first batch: compiled components of one batch at a time, what allocators keep, and what the
/// journal caches. The most that a round of 2,000 was seen to add is 100 MiB.
const GROWN_BYTES_MAX: u64 = 256 << 20;

/// Small, since what is random spins often.
const LIMITS: &str = "{ fuel = 20000000, fuel_per_byte = 1000, memory_bytes = 16777216 }";

/// A payload in which real plugins find something.
const BODY: &[u8] = include_bytes!("../../fixtures/github/star.created.json");

pub(super) struct Round {
    host: HostProcess,
    receiver: Receiver,
    /// Of the plugin that behaves.
    behaves: String,
    batches: usize,
    resident_bytes: u64,
    tally: Tally,
}

/// A component that the host took.
struct Accepted {
    index: u64,
    digest: String,
    config: &'static str,
}

impl Accepted {
    /// Of its plugin and its rule.
    fn name(&self) -> String {
        format!("m{}", self.index)
    }
}

impl Round {
    pub(super) async fn start(data: &Path, tally: Tally) -> Self {
        let (host, receiver) = (HostProcess::start(data).await, Receiver::start().await);
        let behaves = host.upload(guests::component("misbehave")).await.expect("a component");
        Self { host, receiver, behaves, batches: 0, resident_bytes: 0, tally }
    }

    pub(super) fn into_tally(self) -> Tally {
        self.tally
    }

    /// Uploads all, applies and calls what was accepted, and looks after the host.
    pub(super) async fn batch(&mut self, modules: Vec<(u64, Result<Made, Made>)>) -> Result<(), Finding> {
        let first = modules.first().map_or(0, |(index, _)| *index);
        let mut accepted = Vec::new();
        for (index, made) in modules {
            let found = |what| Finding { index, what };
            let made = made.map_err(|_| found("making a component of it panicked, or was refused without a word".to_owned()))?;
            let verdict = self.upload(made.bytes).await.map_err(found)?;
            let kind = self.tally.kinds.entry(made.kind).or_default();
            kind.0 += 1;
            match verdict {
                Verdict::Refused(code) => *self.tally.refused.entry(code).or_default() += 1,
                Verdict::Accepted(digest) => {
                    kind.1 += 1;
                    accepted.push(Accepted { index, digest, config: made.config });
                }
            }
        }
        let refused = self.apply(&mut accepted).await.map_err(|what| Finding { index: first, what })?;
        *self.tally.ended.entry("not applied".to_owned()).or_default() += refused;
        self.call(&accepted).await?;
        self.look().await.map_err(|what| Finding { index: first, what })
    }

    async fn upload(&self, bytes: Vec<u8>) -> Result<Verdict, String> {
        let request = self.host.request(Method::POST, "/v1/components").bearer_auth(self.host.key()).body(bytes);
        let answer = request.send().await.map_err(|error| format!("no answer: {error}"))?;
        let status = answer.status().as_u16();
        judge::of_upload(&Answer { status, json: answer.json().await.unwrap_or_default() })
    }

    /// Applies a rule for each, without those that do not even take their settings; gives how many these were.
    async fn apply(&self, accepted: &mut Vec<Accepted>) -> Result<u64, String> {
        let mut refused = 0;
        loop {
            let answer = self.host.try_replace(&self.hub(accepted)).await;
            if answer.status == 200 {
                return Ok(refused);
            }
            let problems = answer.json["problems"].as_array().map_or(&[][..], Vec::as_slice);
            let before = accepted.len();
            accepted.retain(|one| !problems.iter().any(|problem| problem["name"] == one.name()));
            if accepted.len() == before {
                return Err(format!("applying was refused, and not for one of its plugins: {}", answer.json));
            }
            refused += (before - accepted.len()) as u64;
        }
    }

    fn hub(&self, accepted: &[Accepted]) -> String {
        let rule = |name: &str, kind: &str, digest: &str, config: &str| {
            format!(
                "[plugins.{name}]\ndigest = \"{digest}\"\nconfig = {config}\nlimits = {LIMITS}\n\
                 [rules.{name}]\nmatch.type = [\"{kind}\"]\nplugins = [\"{name}\"]\ndestinations = [\"{kind}\"]\n"
            )
        };
        let destination = |name: &str| format!("[destinations.{name}]\nurl = \"{}/{name}\"\n", self.receiver.url());
        let mut hub = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n".to_owned();
        hub += &(destination("good") + &destination("odd") + &rule("good", "good", &self.behaves, "{ mode = \"upper\" }"));
        for one in accepted {
            hub += &rule(&one.name(), "odd", &one.digest, one.config);
        }
        hub
    }

    /// One event for all of them, between two good ones.
    async fn call(&mut self, accepted: &[Accepted]) -> Result<(), Finding> {
        self.host.post("open", &[("x-type", "good")], "good").await;
        let odd = self.host.post("open", &[("x-type", "odd"), ("content-type", "application/json")], BODY).await;
        self.host.post("open", &[("x-type", "good")], "good").await;
        self.batches += 1;
        self.receiver.wait_for("/good", 2 * self.batches).await;
        let begun = Instant::now();
        loop {
            let event = self.host.event(&odd).await;
            let ended = ended_runs(&event);
            let Some(missing) = accepted.iter().find(|one| !ended.contains_key(&one.name())) else {
                ended.into_values().for_each(|as_what| *self.tally.ended.entry(as_what).or_default() += 1);
                return Ok(());
            };
            if begun.elapsed() > PATIENCE {
                return Err(Finding { index: missing.index, what: format!("its run never ended: {}", event["runs"]) });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn look(&mut self) -> Result<(), String> {
        let health = self.host.request(Method::GET, "/healthz").send().await.map_err(|error| format!("no answer: {error}"))?;
        if !health.status().is_success() {
            return Err(format!("the host is not well: {}", health.status()));
        }
        if let Some(line) = judge::panicked(&self.host.log()) {
            return Err(format!("a thread of the host panicked: {line}"));
        }
        let resident_bytes = self.host.resident_bytes();
        if self.batches == 1 {
            self.resident_bytes = resident_bytes;
        }
        let grown = resident_bytes.saturating_sub(self.resident_bytes);
        self.tally.grown_bytes_max = self.tally.grown_bytes_max.max(grown);
        if grown > GROWN_BYTES_MAX {
            return Err(format!("the host grew by {grown} bytes in {} batches", self.batches));
        }
        Ok(())
    }
}

/// The runs that are over, by rule, with what they came to. One that its plugin asked to see again later is.
fn ended_runs(event: &Value) -> BTreeMap<String, String> {
    const OF_THE_HOST: [&str; 4] = ["trap", "panic", "limit-time", "host-failed"];
    let ended = |run: &Value| {
        let (rule, state, code) = (run["rule"].as_str()?, run["state"].as_str()?, run["failure"]["code"].as_str());
        let came_to = match (state, code) {
            ("dead", Some(code)) if code.starts_with("limit-") || OF_THE_HOST.contains(&code) => code,
            ("dead", _) => "rejected",
            ("planned" | "dropped" | "batched", _) => state,
            ("pending", Some(code)) if !OF_THE_HOST.contains(&code) => "retry",
            _ => return None,
        };
        Some((rule.to_owned(), came_to.to_owned()))
    };
    event["runs"].as_array().map(|runs| runs.iter().filter_map(ended).collect()).unwrap_or_default()
}
