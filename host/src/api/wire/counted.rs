//! What takes up all that a query finds answers: what it took up or, where it is only asked, how much that would be.

use schemars::JsonSchema;
use serde::Serialize;

use super::{LetterCount, TakenUp};
use crate::{event::Name, journal::DeadCount};

/// What was taken up, or would be.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
#[schemars(rename = "{C}sOrTakenUp")]
pub(in crate::api) enum TakenUpOrCounted<C> {
    TakenUp(TakenUp),
    /// What a dry run finds.
    Counted {
        /// `true`: nothing was taken up.
        dry_run: bool,
        /// How many there are.
        total: u64,
        /// How many of what.
        counts: Vec<C>,
    },
}

/// How many events are alike.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct EventCount {
    /// The source that they came in by.
    source: Name,
    /// Their type.
    #[serde(rename = "type")]
    event_type: String,
    /// How many.
    count: u64,
}

impl TakenUpOrCounted<LetterCount> {
    pub(in crate::api) fn letters(counts: &[DeadCount]) -> Self {
        let total = counts.iter().map(|count| count.count).sum();
        Self::Counted { dry_run: true, total, counts: counts.iter().map(LetterCount::of).collect() }
    }
}

impl TakenUpOrCounted<EventCount> {
    /// Each with its source and type.
    pub(in crate::api) fn events(counts: Vec<(Name, String, u64)>) -> Self {
        let total = counts.iter().map(|(.., count)| count).sum();
        let counts = counts.into_iter().map(|(source, event_type, count)| EventCount { source, event_type, count });
        Self::Counted { dry_run: true, total, counts: counts.collect() }
    }
}
