//! What is taken up again: what is asked for, and what came of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{event::Name, journal::Revived};

/// Whether what was settled goes out as it was, or through the rules of today.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Through {
    /// Under the same ids: by the rule it is pinned to, or with the very bytes that were sent.
    #[default]
    AsItWas,
    /// Its event once more, under new ids.
    Today,
}

/// What `POST /v1/{deliveries,runs,batches}/{id}/retry` takes; all of it may be left out.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RetryRequest")]
pub struct Retry {
    /// As it was, or through the rule as it is today.
    pub through: Through,
    /// A delivery also where it was delivered.
    pub delivered: bool,
    /// The members of a batch each as a batch of its own.
    pub singly: bool,
}

/// What `POST /v1/dead-letters/retry` takes beside its query; all of it may be left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RetryAllRequest")]
pub struct RetryAll {
    /// As they were, or each through its rule as it is today.
    pub through: Through,
    /// The members of batches each as a batch of its own.
    pub singly: bool,
    /// Only counts.
    pub dry_run: bool,
    /// Goes on where the answer before this ended.
    pub next: Option<String>,
}

/// What `POST /v1/events/{id}/replay` takes; all of it may be left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ReplayRequest")]
pub struct Replay {
    /// As it was, or through the rules of today.
    pub through: Through,
    /// Of this rule only.
    pub rule: Option<Name>,
    /// To this destination only; as it was.
    pub destination: Option<Name>,
}

/// What `POST /v1/events/replay` takes beside its query; all of it may be left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ReplayAllRequest")]
pub struct ReplayAll {
    /// As they were, or through the rules of today.
    pub through: Through,
    /// Of this rule only.
    pub rule: Option<Name>,
    /// To this destination only; as they were.
    pub destination: Option<Name>,
    /// Only counts.
    pub dry_run: bool,
    /// Goes on where the answer before this ended.
    pub next: Option<String>,
}

/// What every retry and replay answers.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct TakenUp {
    /// Deliveries that are due again.
    pub deliveries: u64,
    /// Runs that are pending again.
    pub runs: u64,
    /// Batches that are folded again.
    pub batches: u64,
    /// Events that go through the rules of today.
    pub events: u64,
    /// Dead letters that are none any more.
    pub letters: u64,
    /// Dead letters that stay: their rule is no longer there.
    pub skipped: u64,
    /// Where it goes on, where this was not all.
    pub next: Option<String>,
}

impl TakenUp {
    pub(in crate::api) fn add(&mut self, revived: Revived) {
        self.deliveries += revived.deliveries;
        self.runs += revived.runs;
        self.batches += revived.batches;
        self.events += revived.events;
        self.letters += revived.letters;
    }
}
