//! What was settled is taken up again: tried again as it was, under its ids, or sent through the rules of today, under new ones.

use super::DeadKind;
use crate::event::Name;

/// What is taken up again. Places are those that a listing gave; what has moved on since stays as it is.
#[derive(Clone, Debug)]
pub enum Revival {
    /// A delivery with its id and its bytes, due at once. One that was given up begins a new series of attempts: those on record neither
    /// use up the series nor its age. One that waits only waits no longer.
    Delivery {
        /// Which.
        seq: u64,
        /// Also where it was delivered.
        delivered: bool,
    },
    /// A run that was given up, by the rule that it is pinned to: what it plans has the ids that it would have had.
    Run {
        /// Its own place, not its event's.
        seq: u64,
    },
    /// A batch that was given up, by the rule that it is pinned to.
    Batch {
        /// Which.
        seq: u64,
        /// Each member as a batch of its own, so that one that cannot be folded takes no other with it.
        singly: bool,
    },
    /// The events behind a dead letter, through its rule as it is today. It is no dead letter any more.
    Letter {
        /// Of what.
        kind: DeadKind,
        /// Which.
        seq: u64,
    },
    /// What became of an event, as it was: its deliveries that are settled are sent again, its runs that were given up are run again.
    Event {
        /// Which.
        seq: u64,
        /// Of this rule only.
        rule: Option<Name>,
        /// To this destination only, and no runs.
        destination: Option<Name>,
    },
    /// An event through the rules of today, as a new generation.
    EventToday {
        /// Which.
        seq: u64,
        /// Through this rule only.
        rule: Option<Name>,
    },
}

impl Revival {
    /// How many rows it may change, so that transactions stay short.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::Batch { singly: true, .. } | Self::Letter { kind: DeadKind::Batch, .. } => Self::BATCH_WEIGHT,
            _ => 1,
        }
    }

    /// A batch that is taken apart: enough to be told of others, whatever it holds.
    const BATCH_WEIGHT: usize = 128;
}

/// How much was taken up again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revived {
    /// Deliveries that are due again.
    pub deliveries: u64,
    /// Runs that are pending again.
    pub runs: u64,
    /// Batches that are to be folded again, or were made of the members of one.
    pub batches: u64,
    /// Events that go through the rules of today.
    pub events: u64,
    /// Dead letters among what was asked for that are none any more.
    pub letters: u64,
}

impl std::ops::AddAssign for Revived {
    fn add_assign(&mut self, other: Self) {
        self.deliveries += other.deliveries;
        self.runs += other.runs;
        self.batches += other.batches;
        self.events += other.events;
        self.letters += other.letters;
    }
}
