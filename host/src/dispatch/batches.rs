//! Folds batches that are full or due, under the rule of the revision that opened them.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use super::{
    Options, Parts, Rule, fate, plan,
    runs::{random, revision_gone, rule_of},
    store,
};
use crate::{
    event::Stage,
    journal::{Batch, BatchEnd, FlushReason, Outcome},
    plugin::{Bound, Fold, FoldReason},
};

/// Batches that nothing told of are looked for after this long.
const LOOK_MS_MAX: u64 = 10_000;
/// A claim that failed is repeated after this long.
const CLAIM_PAUSE_MS: u64 = 1000;

/// Folds until the host stops, and then until what is under way has ended, or `drain_ms` are over.
pub(super) async fn work_off(parts: Parts, options: &Options) {
    let mut shutdown = parts.shutdown.clone();
    let mut stopped = pin!(shutdown.wait_for(|stop| *stop));
    let mut folds = JoinSet::new();
    loop {
        let wait_ms = claim(&parts, options.batches_max, &mut folds).await;
        tokio::select! {
            () = parts.journal.feed().batches.notified() => {}
            () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            Some(_) = folds.join_next() => {}
            _ = &mut stopped => break,
        }
    }
    let ended = async { while folds.join_next().await.is_some() {} };
    if tokio::time::timeout(Duration::from_millis(options.drain_ms), ended).await.is_err() {
        tracing::warn!("batches were still being folded when the host stopped; they are folded after a restart");
    }
}

/// Starts what is due, as far as there is room; gives the time until there may be more.
async fn claim(parts: &Parts, batches_max: usize, folds: &mut JoinSet<()>) -> u64 {
    let room = batches_max - folds.len().min(batches_max);
    if room == 0 {
        return LOOK_MS_MAX;
    }
    let now = (parts.clock)();
    match parts.journal.claim_batches(now, room).await {
        Ok(claim) => {
            let full = claim.items.len() == room;
            for batch in claim.items {
                folds.spawn(fold(parts.clone(), batch));
            }
            // With no room left, the next look is when a fold has ended.
            let wait_ms = claim.next_due.map_or(LOOK_MS_MAX, |due| due.ms_since(now).clamp(1, LOOK_MS_MAX));
            if full { LOOK_MS_MAX } else { wait_ms }
        }
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "batches could not be claimed; trying again");
            CLAIM_PAUSE_MS
        }
    }
}

async fn fold(parts: Parts, batch: Batch) {
    let (stages, outcome) = match rule_of(&parts, &batch.lane, batch.revision).await {
        None => (Vec::new(), Outcome::Dead(revision_gone(batch.revision))),
        Some(rule) => match rule.folder() {
            None => (Vec::new(), plan::of_collected(&rule, &batch)),
            Some(folder) => call(&parts, &rule, folder, &batch).await,
        },
    };
    let end = BatchEnd { seq: batch.seq, stages, outcome };
    store("the end of a batch", || parts.journal.end_batches(vec![end.clone()])).await;
}

async fn call(parts: &Parts, rule: &Rule, folder: &Arc<Bound>, batch: &Batch) -> (Vec<Stage>, Outcome) {
    let members = batch.members.iter().map(|member| (Arc::clone(&member.event), member.message.clone()));
    let fold = Fold {
        id: batch.id,
        key: batch.key.clone(),
        reason: reason(batch.reason),
        opened_at: batch.opened_at,
        attempt: batch.attempt,
        now: (parts.clock)(),
        members: members.collect(),
    };
    let report = parts.plugins.fold(Arc::clone(folder), fold).await;
    let outcome = match report.result {
        Ok(ended) => plan::of_fold(rule, batch.id, ended),
        Err(fault) => {
            let now = (parts.clock)();
            let standing = fate::Standing { attempt: batch.attempt, created_at: batch.opened_at, now, random: random() };
            fate::of(fault, standing)
        }
    };
    (report.stages, outcome)
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
