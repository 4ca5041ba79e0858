//! Runs the plugins of pending runs, one lane a rule: a rule whose plugins are slow fills its own places and no other's.

use std::sync::Arc;

use super::{Options, Parts, Rule, fate, plan, store};
use crate::{
    event::{Failure, Stage, Timestamp},
    journal::{Bounds, Claim, Lane, Lanes, Outcome, Pending, Places, Run, RunEnd, Work, pump},
    plugin::Call,
};

/// Runs plugins until the host stops.
pub(super) async fn work_off(parts: Parts, options: &Options) {
    let bounds = Bounds { pieces_max: options.runs_max, drain_ms: options.drain_ms };
    let (clock, shutdown) = (parts.clock.clone(), parts.shutdown.clone());
    pump(Runs { parts, per_rule_max: options.runs_per_rule_max }, bounds, clock, shutdown).await;
}

struct Runs {
    parts: Parts,
    per_rule_max: usize,
}

impl Work for Runs {
    type Piece = Run;

    const WHAT: &'static str = "runs";

    /// The journal's own lease, as its default is.
    const LEASE_MS: u64 = 300_000;

    fn marked(&self) -> &Lanes {
        &self.parts.journal.feed().runs
    }

    fn places(&self, _lane: &Lane) -> Places {
        Places::UpTo(self.per_rule_max)
    }

    fn claim(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Run>> {
        self.parts.journal.claim_runs(lane, now, max)
    }

    async fn work(&self, run: Run) -> Option<Timestamp> {
        let (stages, outcome) = match rule_of(&self.parts, &run.lane, run.revision).await {
            Some(rule) => self.run(&rule, &run).await,
            None => (Vec::new(), Outcome::Dead(revision_gone(run.revision))),
        };
        let end = RunEnd { seq: run.seq, generation: run.generation, lane: run.lane, stages, outcome };
        store("the end of a run", || self.parts.journal.end_runs(vec![end.clone()])).await;
        // A retry is told of by the journal's feed.
        None
    }
}

impl Runs {
    async fn run(&self, rule: &Rule, run: &Run) -> (Vec<Stage>, Outcome) {
        let call = Call { event: Arc::clone(&run.event), attempt: run.attempt, now: (self.parts.clock)() };
        let report = self.parts.plugins.run(Arc::clone(&rule.chain), call).await;
        let outcome = match report.result {
            Ok(ended) => plan::of_run(rule, run.id, &run.event, ended),
            Err(fault) => {
                let now = (self.parts.clock)();
                tracing::info!(event = %run.event.id, rule = %rule.name, plugin = %fault.plugin, code = fault.failure.code, "a plugin failed");
                fate::of(fault, fate::Standing { attempt: run.attempt, created_at: run.created_at, now, random: random() })
            }
        };
        (report.stages, outcome)
    }
}

/// The rule as of the revision that matched.
pub(super) async fn rule_of(parts: &Parts, lane: &Lane, revision: u64) -> Option<Arc<Rule>> {
    parts.history.rule_at(&lane.workspace, revision, &lane.name).await
}

pub(super) fn revision_gone(revision: u64) -> Failure {
    let text = format!("revision {revision}, whose rule matched, is no longer kept; replay the event through the rules of today");
    Failure::new("revision-gone", text)
}

/// In `0.0..1.0`; the middle where the system has no randomness to give.
pub(super) fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
