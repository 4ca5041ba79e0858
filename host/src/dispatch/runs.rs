//! Runs the plugins of pending runs, one lane a rule: a rule whose plugins are slow fills its own places and no other's.

use std::sync::Arc;

use super::{
    Options, Parts, Rule, fate,
    held::{self, Admitted, Claimed},
    metrics::Metrics,
    plan, state, store, traced,
};
use crate::{
    event::{Failure, Stage, Timestamp},
    failpoint::{self, Step},
    journal::{Bounds, Claim, Lane, Lanes, Outcome, Pending, Places, Run, RunEnd, StateEnd, Work, pump},
    plugin::{After, Blame, Call, Report, Ticket, chain_for},
};

/// Runs plugins until the host stops.
pub(super) async fn work_off(parts: Parts, options: Options, metrics: Metrics) {
    let bounds = Bounds::alike(options.runs_max, options.drain_ms);
    let (clock, shutdown) = (parts.clock.clone(), parts.shutdown.clone());
    pump(Runs { parts, per_rule_max: options.runs_per_rule_max, metrics }, bounds, clock, shutdown).await;
}

struct Runs {
    parts: Parts,
    per_rule_max: usize,
    metrics: Metrics,
}

impl Work for Runs {
    type Piece = Run;

    const WHAT: &'static str = "runs";

    fn lease_ms(&self) -> u64 {
        self.parts.journal.lease_ms()
    }

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
        failpoint::reach(Step::RunClaimed);
        let span = traced::running(&self.parts.tracer, &run);
        let end = self.run(&run).await;
        traced::ran(span, &run, &end);
        failpoint::reach(Step::PluginsRan);
        match store("the end of a run", || self.parts.journal.end_runs(vec![end.clone()])).await {
            Some(0) => self.metrics.run_ended(&end.outcome),
            Some(_) => self.metrics.conflicted(),
            None => {}
        }
        // A retry is told of by the journal's feed.
        None
    }
}

impl Runs {
    async fn run(&self, run: &Run) -> RunEnd {
        let now = (self.parts.clock)();
        let chain = |rule: &Rule| chain_for(&rule.chain, run.event.id);
        let work = Claimed { lane: &run.lane, revision: run.revision, put_off: run.put_off.as_ref() };
        let Admitted { rule, revision, ticket } = match held::admit(&self.parts, work, chain, now).await {
            Ok(admitted) => admitted,
            Err(outcome) => return untouched(run, outcome),
        };
        let state = Some(state::state_for(&self.parts.journal, &run.lane));
        let call = Call { event: Arc::clone(&run.event), attempt: run.attempt, now, state };
        let report = self.parts.plugins.run(Arc::clone(&ticket.chain), call).await;
        let after = told(&self.parts, &ticket, &report, run.attempt);
        let stages = with_bypassed(ticket, report.stages);
        let outcome = match report.result {
            Ok(ended) => plan::of_run(&rule, run.id, &run.event, ended),
            Err(fault) => {
                let now = (self.parts.clock)();
                let trace = self.parts.tracer.event(&run.event).map(|traced| tracing::field::display(traced.trace.id));
                let (workspace, source, attempt) = (&run.lane.workspace, &run.event.source, run.attempt);
                tracing::info!(
                    event = %run.event.id, run = %run.id, %workspace, %source, rule = %rule.name, plugin = %fault.plugin, attempt,
                    code = fault.failure.code, trace, "a plugin failed"
                );
                let standing = fate::Standing { attempt: run.attempt, created_at: run.created_at, now, random: random() };
                fate::after(after, fault, standing)
            }
        };
        let saw = state::saw(&report.state, &outcome, now, run.attempt);
        let again_at = state::again_at(run.created_at, (self.parts.clock)(), run.conflicts, random());
        let state = state::end(report.state, &outcome, now, again_at);
        RunEnd { revision, stages, state, saw, ..untouched(run, outcome) }
    }
}

/// The end of a run whose plugins did nothing.
fn untouched(run: &Run, outcome: Outcome) -> RunEnd {
    RunEnd {
        seq: run.seq,
        generation: run.generation,
        lane: run.lane.clone(),
        attempt: run.attempt,
        revision: run.revision,
        stages: Vec::new(),
        state: StateEnd::default(),
        saw: None,
        outcome,
    }
}

/// Tells the breakers how it went.
pub(super) fn told(parts: &Parts, ticket: &Ticket, report: &Report, attempt: u32) -> After {
    let blame = report.result.as_ref().err().map_or(Blame::Nobody, |fault| fate::blame(fault.kind, attempt));
    parts.plugins.breakers().told(ticket, report, blame, (parts.clock)())
}

/// What was bypassed is on record before what was called.
pub(super) fn with_bypassed(ticket: Ticket, called: Vec<Stage>) -> Vec<Stage> {
    let mut stages = ticket.bypassed;
    stages.extend(called);
    stages
}

/// The rule as of the revision that matched; else what becomes of the work without it.
pub(super) async fn rule_of(parts: &Parts, lane: &Lane, revision: u64) -> Result<Arc<Rule>, Outcome> {
    match parts.history.rule_at(&lane.workspace, revision, &lane.name).await {
        Ok(Some(rule)) => Ok(rule),
        Ok(None) => Err(Outcome::Dead(revision_gone(revision))),
        Err(unavailable) => {
            tracing::warn!(%unavailable, workspace = %lane.workspace, rule = %lane.name, "work is put off until its rule can be had");
            let failure = Failure::new("revision-unavailable", unavailable.to_string());
            Err(Outcome::Retry { due_at: (parts.clock)().plus_ms(UNAVAILABLE_PAUSE_MS), failure, counted: false })
        }
    }
}

/// Work whose rule cannot be had now is tried again after this long.
const UNAVAILABLE_PAUSE_MS: u64 = 1000;

fn revision_gone(revision: u64) -> Failure {
    let text = format!("revision {revision}, whose rule matched, is no longer kept; replay the event through the rules of today");
    Failure::new("revision-gone", text)
}

/// In `0.0..1.0`; the middle where the system has no randomness to give.
pub(super) fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
