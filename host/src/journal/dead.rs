//! Dead letters: deliveries, runs, batches and events that were given up, with the reason, until they are taken up again.

use super::{AttemptRecord, BatchRecord, DeliveryRecord, EventRecord, Narrow, RunRecord};
use crate::event::{Name, Timestamp};

/// What was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeadKind {
    /// A message that its destination did not take.
    Delivery,
    /// A rule's work on an event, by its plugins.
    Run,
    /// A batch that its plugin did not fold.
    Batch,
    /// An event that no rule has seen, since it does not fit what its source asks of it.
    Event,
}

/// Where a dead letter stands among all of them: by the time at which it was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeadPlace {
    /// When it was given up.
    pub dead_at: Timestamp,
    /// Which kind it is of.
    pub kind: DeadKind,
    /// Its place among those of its kind.
    pub seq: u64,
}

/// A dead letter.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Where it stands.
    pub place: DeadPlace,
    /// What it was.
    pub record: DeadRecord,
    /// Of a delivery the last attempts, oldest first, as many as were asked for.
    pub attempts: Vec<AttemptRecord>,
}

/// What a dead letter was.
#[derive(Clone, Debug)]
pub enum DeadRecord {
    /// See [`DeadKind::Delivery`].
    Delivery(DeliveryRecord),
    /// See [`DeadKind::Run`].
    Run(RunRecord),
    /// See [`DeadKind::Batch`].
    Batch(BatchRecord),
    /// See [`DeadKind::Event`].
    Event(EventRecord),
}

impl DeadRecord {
    /// The rule whose work it was, where it was one's.
    #[must_use]
    pub fn rule(&self) -> Option<&Name> {
        match self {
            Self::Delivery(delivery) => Some(&delivery.rule),
            Self::Run(run) => Some(&run.rule),
            Self::Batch(batch) => Some(&batch.rule),
            Self::Event(_) => None,
        }
    }
}

/// Which dead letters.
#[derive(Clone, Debug)]
pub struct DeadFilter {
    /// Of this workspace only.
    pub workspace: Name,
    /// Of this kind only.
    pub kind: Option<DeadKind>,
    /// Of this rule only.
    pub rule: Option<Name>,
    /// To this destination only, which leaves deliveries.
    pub destination: Option<Name>,
    /// By what they tell; the times are those at which they were given up.
    pub narrow: Narrow,
}

/// Which of them to list.
#[derive(Clone, Copy, Debug)]
pub struct DeadSlice {
    /// Oldest first, as they are taken up again; else newest first.
    pub oldest_first: bool,
    /// Beyond this place only.
    pub beyond: Option<DeadPlace>,
    /// At most this many.
    pub limit: usize,
    /// At most so many attempts of each delivery. They carry what the destination answered.
    pub attempts_max: usize,
}

/// A part of a listing of dead letters.
#[derive(Clone, Debug)]
pub struct DeadPage {
    /// In the order asked for.
    pub items: Vec<DeadLetter>,
    /// What the next page lies beyond; `None` at the end.
    pub next: Option<DeadPlace>,
}

/// How many dead letters are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadCount {
    /// What they were.
    pub kind: DeadKind,
    /// Why they were given up.
    pub code: String,
    /// Of deliveries, why their last attempt failed.
    pub last_code: Option<String>,
    /// Of deliveries, where to.
    pub destination: Option<Name>,
    /// How many.
    pub count: u64,
}
