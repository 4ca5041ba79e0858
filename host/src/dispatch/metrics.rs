//! What is counted of flow 2. The label sets are fixed: outcomes, not names.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::journal::{Outcome, Routed};

/// The metrics of flow 2; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    events: Counter,
    runs: Family<Labels, Counter>,
    batches: Family<Labels, Counter>,
    state_conflicts: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// `planned`, `joined`, `dropped`, `retry`, `held` or `dead`.
    outcome: &'static str,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("sluicebox_dispatch_events", "Events whose rules were found", metrics.events.clone());
        registry.register("sluicebox_dispatch_runs", "Ends of runs, by what followed", metrics.runs.clone());
        registry.register("sluicebox_dispatch_batches", "Ends of batches, by what followed", metrics.batches.clone());
        let conflicts = "Runs and batches that are run again because others changed the state that they rest on";
        registry.register("sluicebox_dispatch_state_conflicts", conflicts, metrics.state_conflicts.clone());
        metrics
    }

    /// These are stored; runs that needed no plugin ended with it.
    pub(super) fn routed(&self, routed: &[Routed]) {
        self.events.inc_by(routed.len() as u64);
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

fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Planned(_) => "planned",
        Outcome::Joined { .. } => "joined",
        Outcome::Dropped { .. } => "dropped",
        Outcome::Retry { .. } => "retry",
        Outcome::Held { .. } => "held",
        Outcome::Dead(_) => "dead",
    }
}
