//! Dead letters, and what is taken up again of them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    records::{attempt, batch, delivery, event, run},
    time,
};
use crate::{
    event::{Name, Timestamp},
    journal::{DeadCount, DeadKind, DeadLetter, DeadPage, DeadPlace, DeadRecord, Revived},
};

/// A kind of dead letter by its name in queries.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::api) enum KindName {
    Delivery,
    Run,
    Batch,
    Event,
}

impl From<KindName> for DeadKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Delivery => Self::Delivery,
            KindName::Run => Self::Run,
            KindName::Batch => Self::Batch,
            KindName::Event => Self::Event,
        }
    }
}

fn kind_name(kind: DeadKind) -> &'static str {
    match kind {
        DeadKind::Delivery => "delivery",
        DeadKind::Run => "run",
        DeadKind::Batch => "batch",
        DeadKind::Event => "event",
    }
}

pub(in crate::api) fn dead_letters(page: &DeadPage) -> Value {
    json!({ "items": page.items.iter().map(dead_letter).collect::<Value>(), "next": page.next.map(place) })
}

fn dead_letter(letter: &DeadLetter) -> Value {
    let mut shown = match &letter.record {
        DeadRecord::Delivery(record) => delivery(record),
        DeadRecord::Run(record) => run(record),
        DeadRecord::Batch(record) => batch(record),
        DeadRecord::Event(record) => event(record),
    };
    shown["kind"] = kind_name(letter.place.kind).into();
    shown["dead_at"] = time(letter.place.dead_at);
    if letter.place.kind == DeadKind::Delivery {
        shown["attempt_records"] = letter.attempts.iter().map(attempt).collect();
    }
    shown
}

pub(in crate::api) fn dead_count(count: &DeadCount) -> Value {
    json!({
        "kind": kind_name(count.kind),
        "code": count.code,
        "last_code": count.last_code,
        "destination": count.destination,
        "count": count.count,
    })
}

/// Where a listing goes on: a time, a kind and a place, of no meaning to who hands it back.
pub(in crate::api) fn place(place: DeadPlace) -> String {
    format!("{}-{}-{}", place.dead_at.0, kind_name(place.kind), place.seq)
}

/// A place from its text.
pub(in crate::api) fn place_of(text: &str) -> Option<DeadPlace> {
    let mut parts = text.split('-');
    let dead_at = Timestamp(parts.next()?.parse().ok()?);
    let kind = match parts.next()? {
        "delivery" => DeadKind::Delivery,
        "run" => DeadKind::Run,
        "batch" => DeadKind::Batch,
        "event" => DeadKind::Event,
        _ => return None,
    };
    let seq = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(DeadPlace { dead_at, kind, seq })
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        for kind in [DeadKind::Batch, DeadKind::Event] {
            let there = DeadPlace { dead_at: Timestamp(7), kind, seq: 9 };
            assert_eq!(place_of(&place(there)), Some(there));
        }
        for bad in ["", "7", "7-batch", "7-rule-9", "7-batch-9-1", "x-run-1"] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }
}
