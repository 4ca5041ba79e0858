//! Folds batches that are full or due, under the rule of the revision that opened them; one lane a rule, as its runs have one.

use std::sync::Arc;

use super::{
    Options, Parts, fate,
    held::{self, Admitted, Claimed},
    metrics::Metrics,
    plan,
    runs::{random, told, with_bypassed},
    state, store, traced,
};
use crate::{
    event::Timestamp,
    failpoint::{self, Step},
    journal::{Batch, BatchEnd, Bounds, Claim, FlushReason, Lane, Lanes, Outcome, Pending, Places, StateEnd, Work, pump},
    plugin::{Fold, FoldReason},
};

/// Batches of one rule that are folded at once: they may be large.
const PER_RULE_MAX: usize = 2;

/// Folds until the host stops.
pub(super) async fn work_off(parts: Parts, options: Options, metrics: Metrics) {
    let bounds = Bounds::alike(options.batches_max, options.drain_ms);
    let (clock, shutdown) = (parts.clock.clone(), parts.shutdown.clone());
    pump(Batches { parts, metrics }, bounds, clock, shutdown).await;
}

struct Batches {
    parts: Parts,
    metrics: Metrics,
}

impl Work for Batches {
    type Piece = Batch;

    const WHAT: &'static str = "batches";

    fn lease_ms(&self) -> u64 {
        self.parts.journal.lease_ms()
    }

    fn marked(&self) -> &Lanes {
        &self.parts.journal.feed().batches
    }

    fn places(&self, lane: &Lane) -> Places {
        held::places_of_batches(&self.parts, lane, PER_RULE_MAX)
    }

    fn claim(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Batch>> {
        self.parts.journal.claim_batches(lane, now, max)
    }

    async fn work(&self, batch: Batch) -> Option<Timestamp> {
        failpoint::reach(Step::BatchClaimed);
        let span = traced::folding(&self.parts.tracer, &batch);
        let end = fold(&self.parts, &batch).await;
        traced::folded(&self.parts.tracer, span, &batch, &end);
        failpoint::reach(Step::BatchFolded);
        match store("the end of a batch", || self.parts.journal.end_batches(vec![end.clone()])).await {
            Some(0) => self.metrics.batch_ended(&end.outcome),
            Some(_) => self.metrics.conflicted(),
            None => {}
        }
        // A retry is told of by the journal's feed.
        None
    }
}

/// The end of a batch that no plugin folded.
fn untouched(batch: &Batch, outcome: Outcome) -> BatchEnd {
    BatchEnd {
        seq: batch.seq,
        attempt: batch.attempt,
        revision: batch.revision,
        stages: Vec::new(),
        state: StateEnd::default(),
        outcome,
    }
}

async fn fold(parts: &Parts, batch: &Batch) -> BatchEnd {
    let now = (parts.clock)();
    let work = Claimed { lane: &batch.lane, revision: batch.revision, put_off: batch.put_off.as_ref() };
    let Admitted { rule, revision, ticket } = match held::admit(parts, work, held::only_folder, now).await {
        Ok(admitted) => admitted,
        Err(outcome) => return untouched(batch, outcome),
    };
    // The rule has none, or it is bypassed.
    let Some(folder) = ticket.chain.first() else {
        return BatchEnd { revision, stages: ticket.bypassed, ..untouched(batch, plan::of_collected(&rule, batch)) };
    };
    let members = batch.members.iter().map(|member| (Arc::clone(&member.event), member.message.clone()));
    let fold = Fold {
        id: batch.id,
        key: batch.key.clone(),
        reason: reason(batch.reason),
        opened_at: batch.opened_at,
        attempt: batch.attempt,
        now,
        state: Some(state::state_for(&parts.journal, &batch.lane)),
        members: members.collect(),
    };
    let report = parts.plugins.fold(Arc::clone(folder), fold).await;
    let after = told(parts, &ticket, &report, batch.attempt);
    let stages = with_bypassed(ticket, report.stages);
    let outcome = match report.result {
        Ok(ended) => plan::of_fold(&rule, batch.id, ended),
        Err(fault) => {
            let now = (parts.clock)();
            let trace = parts.tracer.batch(batch.id).map(|traced| tracing::field::display(traced.trace.id));
            tracing::info!(
                batch = %batch.id, workspace = %batch.lane.workspace, rule = %rule.name, plugin = %fault.plugin, attempt = batch.attempt,
                code = fault.failure.code, trace, "a plugin failed"
            );
            // A batch is first folded when it is closed, at the latest at the end of its age.
            let closed_at = batch.opened_at.plus_ms(rule.batch.map_or(0, |limits| limits.age_ms_max));
            let created_at = batch.retried_at.map_or(closed_at, |retried_at| closed_at.max(retried_at));
            let standing = fate::Standing { attempt: batch.attempt, created_at, now, random: random() };
            fate::after(after, fault, standing)
        }
    };
    let again_at = state::again_at(batch.opened_at, (parts.clock)(), batch.conflicts, random());
    let state = state::end(report.state, &outcome, now, again_at);
    BatchEnd { revision, stages, state, ..untouched(batch, outcome) }
}

fn reason(reason: FlushReason) -> FoldReason {
    match reason {
        FlushReason::Size => FoldReason::Size,
        FlushReason::Bytes => FoldReason::Bytes,
        FlushReason::Age => FoldReason::Age,
        FlushReason::RuleChanged => FoldReason::RuleChanged,
        FlushReason::Manual => FoldReason::Manual,
    }
}
