//! What happens to a queue by itself: leases that are over end, and messages that nobody fetched in time are given up.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep};

use super::{super::send::until_stored, CLAIMED_MS, Pull, Queues, answers::lapsed};
use crate::{
    event::{Failure, Timestamp},
    journal::{JournalError, Lane, Settled, Verdict},
};

/// How often messages that are too old are looked for.
const AGE_EVERY_MS: u64 = 60_000;
/// So many at once.
const AGED_MAX: usize = 64;

/// Keeps all queues until `shutdown` becomes true. Leases that are under way then are forgotten: their messages are given again after the
/// restart, unless they are acknowledged before somebody has them.
pub(in crate::deliver) async fn keep(queues: Arc<Queues>, mut shutdown: watch::Receiver<bool>) {
    let mut aged_at = None;
    while !*shutdown.borrow() {
        queues.end_lapsed().await;
        let now = (queues.clock)();
        if aged_at.is_none_or(|at: Timestamp| now.ms_since(at) >= AGE_EVERY_MS) {
            queues.give_up_aged().await;
            aged_at = Some(now);
        }
        let next = queues.with_leases(|leases| leases.next_end()).map_or(AGE_EVERY_MS, |end| end.ms_since(now));
        tokio::select! {
            () = sleep(Duration::from_millis(next.clamp(1, AGE_EVERY_MS))) => {}
            () = queues.sooner.notified() => {}
            // It stops, or whoever could say so is gone.
            _ = shutdown.wait_for(|stop| *stop) => return,
        }
    }
}

impl Queues {
    /// Ends the leases that are over: attempts that failed.
    pub(super) async fn end_lapsed(&self) {
        let now = (self.clock)();
        let leases = self.with_leases(|leases| leases.lapse(now));
        if leases.is_empty() {
            return;
        }
        let settled: Vec<Settled> = {
            let book = self.book.load();
            leases.iter().map(|lease| lapsed(lease, book.pulls.get(&lease.lane).map(|pull| &pull.retry), now)).collect()
        };
        self.metrics.count("lapsed", settled.len());
        self.store(settled).await;
    }

    /// Gives up what has waited for longer than its queue keeps messages.
    async fn give_up_aged(&self) {
        let queues: Vec<(Lane, Arc<Pull>)> = {
            let book = self.book.load();
            book.pulls.iter().filter(|(_, pull)| pull.enabled).map(|(lane, pull)| (lane.clone(), Arc::clone(pull))).collect()
        };
        for (lane, pull) in queues {
            if let Err(error) = self.give_up_aged_of(&lane, &pull).await {
                tracing::warn!(destination = %lane.name, %error, "messages that are too old were not looked for");
            }
        }
    }

    async fn give_up_aged_of(&self, lane: &Lane, pull: &Pull) -> Result<(), JournalError> {
        let now = (self.clock)();
        // A message is due when it was planned, or later: what has been due for so long is at least as old.
        let due_by = Timestamp(now.0.saturating_sub(pull.retry.age_ms_max));
        loop {
            let claim = self.journal.claim_deliveries(lane.clone(), due_by, now.plus_ms(CLAIMED_MS), AGED_MAX).await?;
            if claim.items.is_empty() {
                return Ok(());
            }
            let settled = claim.items.into_iter().map(|delivery| {
                let failure = Failure::new("too-old", "nobody fetched it within `retry.age_max`");
                let (seq, lane, attempt_number) = (delivery.seq, delivery.lane, delivery.number);
                Settled { seq, lane, attempt_number, attempt: None, verdict: Verdict::Dead(failure) }
            });
            self.store(settled.collect()).await;
        }
    }

    /// Stores until it is stored, or the journal is closed.
    pub(super) async fn store(&self, settled: Vec<Settled>) {
        match until_stored(|| self.journal.settle(settled.clone())).await {
            Ok(()) => settled.iter().for_each(|one| self.deliveries.followed(one)),
            Err(error) => tracing::warn!(%error, "leases were not ended; their messages are given again after the restart"),
        }
    }
}
