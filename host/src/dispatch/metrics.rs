//! What is counted of flow 2. The label sets are fixed: outcomes, not names.

use std::{fmt, sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::ConstGauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::Book;
use crate::{
    journal::{Outcome, Routed},
    route::Work,
};

/// The metrics of flow 2; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    events: Counter,
    unmatched: Counter,
    matched: Counter,
    seconds: Seconds,
    candidates: Counter,
    wildcard_tries: Counter,
    runs: Family<Labels, Counter>,
    batches: Family<Labels, Counter>,
    state_conflicts: Counter,
}

/// How long finding the rules of one event takes: from a microsecond to a quarter of a second, which is one of many wildcards.
#[derive(Clone, Debug)]
struct Seconds(Histogram);

impl Default for Seconds {
    fn default() -> Self {
        Self(Histogram::new(exponential_buckets(1e-6, 4.0, 10)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// `planned`, `joined`, `dropped`, `retry`, `held` or `dead`.
    outcome: &'static str,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry, book: Arc<dyn DynAccess<Book> + Send + Sync>) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(RuleCount { book }));
        registry.register("sluicebox_dispatch_events", "Events whose rules were found", metrics.events.clone());
        let unmatched = "Events that no rule matched";
        registry.register("sluicebox_dispatch_events_unmatched", unmatched, metrics.unmatched.clone());
        registry.register("sluicebox_dispatch_rules_matched", "Rules that matched, of all events", metrics.matched.clone());
        let seconds = "How long it took to find the rules of an event";
        registry.register("sluicebox_dispatch_match_seconds", seconds, metrics.seconds.0.clone());
        let candidates =
            "Patterns that the index of rules could not rule out, and that were asked in full, each alternative by itself";
        registry.register("sluicebox_dispatch_candidates", candidates, metrics.candidates.clone());
        let tries = "Wildcards that were tried on a value of an event, to find the patterns that may match";
        registry.register("sluicebox_dispatch_wildcard_tries", tries, metrics.wildcard_tries.clone());
        registry.register("sluicebox_dispatch_runs", "Ends of runs, by what followed", metrics.runs.clone());
        registry.register("sluicebox_dispatch_batches", "Ends of batches, by what followed", metrics.batches.clone());
        let conflicts = "Runs and batches that are run again because others changed the state that they rest on";
        registry.register("sluicebox_dispatch_state_conflicts", conflicts, metrics.state_conflicts.clone());
        // From the beginning on, so that the first of each is seen as one more than none.
        for outcome in ["planned", "joined", "dropped", "retry", "held", "dead"] {
            drop(metrics.runs.get_or_create(&Labels { outcome }));
            drop(metrics.batches.get_or_create(&Labels { outcome }));
        }
        metrics
    }

    /// The rules of an event were found with this work.
    pub(super) fn found(&self, work: Work) {
        self.candidates.inc_by(work.candidates as u64);
        self.wildcard_tries.inc_by(work.wildcard_tries as u64);
    }

    /// It took so long.
    pub(super) fn took(&self, took: Duration) {
        self.seconds.0.observe(took.as_secs_f64());
    }

    /// These are stored; runs that needed no plugin ended with it.
    pub(super) fn routed(&self, routed: &[Routed]) {
        self.events.inc_by(routed.len() as u64);
        self.unmatched.inc_by(routed.iter().filter(|routed| routed.runs.is_empty()).count() as u64);
        self.matched.inc_by(routed.iter().map(|routed| routed.runs.len() as u64).sum());
        let ended = routed.iter().flat_map(|routed| &routed.runs).filter_map(|run| run.outcome.as_ref());
        ended.for_each(|outcome| self.run_ended(outcome));
    }

    pub(super) fn run_ended(&self, outcome: &Outcome) {
        self.runs.get_or_create(&Labels { outcome: name(outcome) }).inc();
    }

    /// A run or a batch is run again, for it rested on state that was changed meanwhile.
    pub(super) fn conflicted(&self) {
        self.state_conflicts.inc();
    }

    pub(super) fn batch_ended(&self, outcome: &Outcome) {
        self.batches.get_or_create(&Labels { outcome: name(outcome) }).inc();
    }
}

/// Counts the rules when it is asked, since the snapshot changes without asking anybody.
struct RuleCount {
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
}

impl Collector for RuleCount {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let rules: usize = self.book.load().workspaces.values().map(|rules| rules.index.len()).sum();
        let gauge = ConstGauge::new(i64::try_from(rules).unwrap_or(i64::MAX));
        let what = "Rules in force, of all workspaces";
        gauge.encode(encoder.encode_descriptor("sluicebox_dispatch_rules", what, None, gauge.metric_type())?)
    }
}

impl fmt::Debug for RuleCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleCount").finish_non_exhaustive()
    }
}

/// What followed, for people.
pub(super) fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Planned(_) => "planned",
        Outcome::Joined { .. } => "joined",
        Outcome::Dropped { .. } => "dropped",
        Outcome::Retry { .. } => "retry",
        Outcome::Held { .. } => "held",
        Outcome::Dead(_) => "dead",
    }
}
