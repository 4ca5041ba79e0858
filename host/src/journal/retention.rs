//! How long what is settled is kept, and the task that has it removed.
//!
//! The task goes round the journal from its oldest event to the first that is too young, a chunk at a time, each no longer under way than
//! a commit may take, with pauses between them: the committer has its time for senders. What still waits for anything is passed over. Where
//! space goes to an end, rounds follow each other, and what is settled goes before its time: what was delivered, and where that is not
//! enough to take new events dead letters too.

use std::{sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{Journal, JournalError, Space};
use crate::event::{Clock, Timestamp};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Between two rounds.
const ROUND_MS: u64 = 60_000;
/// Between two rounds while space is scarce.
const SCARCE_ROUND_MS: u64 = 2_000;
/// Between two chunks at least; else as long as the chunk took.
const PAUSE_MS: u64 = 5;
/// How often a pause between rounds looks whether space is scarce.
const LOOK_MS: u64 = 500;

/// How long what is settled is kept. What is not settled is kept whatever its age.
#[derive(Clone, Debug)]
pub struct Retention {
    /// Events whose runs and deliveries have all ended well: so long after the last of them. 7 days.
    pub settled_ms: u64,
    /// Events with a dead letter: so long after the last thing that happened to them. 30 days.
    pub dead_ms: u64,
    /// What the plugins of a failed run were told, up to 64 KiB each: so long after the run was made. 3 days.
    pub saw_ms: u64,
    /// Entries of the audit log: so long after they were made, however full the disk is. 400 days.
    pub audit_ms: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self { settled_ms: 7 * DAY_MS, dead_ms: 30 * DAY_MS, saw_ms: 3 * DAY_MS, audit_ms: 400 * DAY_MS }
    }
}

/// What is not kept any longer, and where to go on looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The time: what has an end of its own is removed when it is over.
    pub now: Timestamp,
    /// Events that ended well before this.
    pub settled_before: Timestamp,
    /// Events with a dead letter to which nothing has happened since this.
    pub dead_before: Timestamp,
    /// What failed runs saw, where they were made before this.
    pub saw_before: Timestamp,
    /// Entries of the audit log from before this.
    pub audit_before: Timestamp,
    /// The place in the journal after which to look. 0 begins a round.
    pub after: u64,
}

/// What became of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Rows that were removed.
    pub rows: u64,
    /// Where to go on; `None` at the end of the round.
    pub next: Option<u64>,
}

/// How much is removed before its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Haste {
    /// Nothing.
    #[default]
    None,
    /// What ended well.
    Settled,
    /// Dead letters too.
    Dead,
}

impl Haste {
    /// In the next round, after one with this haste that left so much space.
    fn after_round(self, space: Space) -> Self {
        match (space, self) {
            (Space::Ample, _) => Self::None,
            (Space::Full(_), Self::Settled | Self::Dead) => Self::Dead,
            (Space::Scarce | Space::Full(_), _) => Self::Settled,
        }
    }
}

impl Retention {
    fn expiry(&self, now: Timestamp, haste: Haste, after: u64) -> Expiry {
        let before = |kept_ms, hasty: bool| if hasty { now } else { Timestamp(now.0.saturating_sub(kept_ms)) };
        Expiry {
            now,
            settled_before: before(self.settled_ms, haste != Haste::None),
            dead_before: before(self.dead_ms, haste == Haste::Dead),
            saw_before: before(self.saw_ms, haste != Haste::None),
            audit_before: before(self.audit_ms, false),
            after,
        }
    }
}

/// Has what is not kept any longer removed, and its space given back, until `shutdown` becomes true. `retention` is read anew for each chunk.
pub async fn keep(
    journal: Arc<dyn Journal>,
    retention: Arc<dyn DynAccess<Retention> + Send + Sync>,
    clock: Clock,
    mut shutdown: watch::Receiver<bool>,
) {
    let keeper = Keeper { journal, retention, clock };
    tokio::select! {
        () = keeper.go_round() => {}
        _ = shutdown.wait_for(|stop| *stop) => {}
    }
}

struct Keeper {
    journal: Arc<dyn Journal>,
    retention: Arc<dyn DynAccess<Retention> + Send + Sync>,
    clock: Clock,
}

impl Keeper {
    async fn go_round(self) {
        let mut haste = Haste::default();
        loop {
            match self.round(haste).await {
                Ok(()) => {
                    let before = haste;
                    haste = haste.after_round(self.journal.space());
                    if haste == before || haste == Haste::None {
                        self.rest(haste).await;
                    }
                }
                Err(JournalError::Closed) => return,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "what the journal no longer keeps was not removed");
                    self.rest(haste).await;
                }
            }
        }
    }

    /// From the oldest event on. Ends early where there is space again.
    async fn round(&self, haste: Haste) -> Result<(), JournalError> {
        let mut after = 0;
        loop {
            let begun = Instant::now();
            let expiry = self.retention.load().expiry((self.clock)(), haste, after);
            let expired = self.journal.expire(expiry).await?;
            pause_after(begun).await;
            self.give_back_some().await?;
            let enough = haste != Haste::None && self.journal.space() == Space::Ample;
            match expired.next {
                Some(next) if !enough => after = next,
                _ => break,
            }
        }
        while self.give_back_some().await? > 0 {}
        Ok(())
    }

    async fn give_back_some(&self) -> Result<u64, JournalError> {
        let begun = Instant::now();
        let bytes = self.journal.give_back().await?;
        if bytes > 0 {
            pause_after(begun).await;
        }
        Ok(bytes)
    }

    /// Between two rounds; shorter where space has become scarce.
    async fn rest(&self, haste: Haste) {
        let mut left_ms = if haste == Haste::None { ROUND_MS } else { SCARCE_ROUND_MS };
        while left_ms > 0 && !(haste == Haste::None && self.journal.space() != Space::Ample) {
            sleep(Duration::from_millis(left_ms.min(LOOK_MS))).await;
            left_ms = left_ms.saturating_sub(LOOK_MS);
        }
    }
}

/// As long as what was begun then has taken: half of the time is others'.
async fn pause_after(begun: Instant) {
    sleep(begun.elapsed().max(Duration::from_millis(PAUSE_MS))).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Short;

    #[test]
    fn each_kind_is_kept_for_its_own_time() {
        let retention = Retention { settled_ms: 10, dead_ms: 30, saw_ms: 5, audit_ms: 40 };
        let at = |haste| {
            let expiry = retention.expiry(Timestamp(100), haste, 7);
            assert_eq!(expiry.audit_before.0, 60, "whatever the haste");
            (expiry.settled_before.0, expiry.dead_before.0, expiry.saw_before.0, expiry.after)
        };
        assert_eq!(at(Haste::None), (90, 70, 95, 7));
        assert_eq!(at(Haste::Settled), (100, 70, 100, 7));
        assert_eq!(at(Haste::Dead), (100, 100, 100, 7));
    }

    #[test]
    fn dead_letters_go_before_their_time_only_where_events_would_be_refused_otherwise() {
        let full = Space::Full(Short::Disk);
        assert_eq!(Haste::None.after_round(Space::Ample), Haste::None);
        assert_eq!(Haste::None.after_round(Space::Scarce), Haste::Settled);
        assert_eq!(Haste::None.after_round(full), Haste::Settled);
        assert_eq!(Haste::Settled.after_round(Space::Scarce), Haste::Settled);
        assert_eq!(Haste::Settled.after_round(full), Haste::Dead);
        assert_eq!(Haste::Dead.after_round(full), Haste::Dead);
        assert_eq!(Haste::Dead.after_round(Space::Scarce), Haste::Settled);
        assert_eq!(Haste::Dead.after_round(Space::Ample), Haste::None);
    }
}
