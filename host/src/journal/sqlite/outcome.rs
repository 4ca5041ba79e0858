//! What an outcome comes to: one row's new state, and the rows that follow from it. Runs and batches share it.

use super::{batches, deliveries, error::StoreError, wire::Whole, writing::Writing};
use crate::{
    event::{Failure, Name, Timestamp},
    journal::{Join, NewDelivery, Outcome, RunState},
};

/// An outcome, taken apart.
pub(super) struct Ending<'o> {
    /// `Pending`: to be tried again.
    pub(super) state: RunState,
    /// Counted failures: 0 or 1 more.
    pub(super) counted: u32,
    /// 1 where it was put off because of a conflict.
    pub(super) conflicts: u32,
    /// When it is tried again.
    pub(super) due_at: Option<Timestamp>,
    /// Why it was put off, dropped or given up.
    pub(super) failure: Option<Failure>,
    deliveries: &'o [NewDelivery],
    /// Into batches.
    pub(super) joins: &'o [Join],
}

impl<'o> Ending<'o> {
    /// Plugins have to run, at once.
    pub(super) fn none_yet(now: Timestamp) -> Self {
        Self { due_at: Some(now), ..Self::plain(RunState::Pending) }
    }

    /// What follows from this outcome.
    pub(super) fn of(outcome: &'o Outcome) -> Self {
        match outcome {
            Outcome::Planned(deliveries) => Self { deliveries, ..Self::plain(RunState::Planned) },
            Outcome::Dropped { reason } => {
                Self { failure: Some(Failure::new("dropped", reason.as_str())), ..Self::plain(RunState::Dropped) }
            }
            Outcome::Joined { joins, alone } => {
                let state = if joins.is_empty() { RunState::Planned } else { RunState::Batched };
                Self { deliveries: alone, joins, ..Self::plain(state) }
            }
            Outcome::Retry { due_at, failure, counted } => Self {
                due_at: Some(*due_at),
                failure: Some(failure.clone()),
                counted: u32::from(*counted),
                ..Self::plain(RunState::Pending)
            },
            Outcome::Held { at, failure } => {
                Self { due_at: Some(*at), failure: Some(failure.clone()), ..Self::plain(RunState::Held) }
            }
            Outcome::Dead(failure) => Self { failure: Some(failure.clone()), counted: 1, ..Self::plain(RunState::Dead) },
        }
    }

    /// Whether something may still follow later.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, RunState::Pending | RunState::Held)
    }

    /// What it rests on was changed by another: nothing of it is stored.
    pub(super) fn conflict(again_at: Timestamp) -> Self {
        let failure = Failure::new("state-conflict", "what its plugins had read was changed meanwhile: it is run again");
        Self { due_at: Some(again_at), failure: Some(failure), conflicts: 1, ..Self::plain(RunState::Pending) }
    }

    fn plain(state: RunState) -> Self {
        Self { state, counted: 0, conflicts: 0, due_at: None, failure: None, deliveries: &[], joins: &[] }
    }

    /// Stores the deliveries and the members of batches that follow.
    pub(super) fn follow(&self, writing: &mut Writing<'_>, source: &Source<'_>) -> Result<(), StoreError> {
        for delivery in self.deliveries {
            deliveries::insert(writing, source, delivery)?;
        }
        for join in self.joins {
            batches::join(writing, source, join)?;
        }
        Ok(())
    }
}

/// What rows follow from: a run or a batch.
pub(super) struct Source<'s> {
    /// Whose.
    pub(super) workspace: &'s Name,
    /// The rule.
    pub(super) rule: &'s Name,
    /// The revision whose rule it is.
    pub(super) revision: u64,
    /// Which of the two.
    pub(super) of: SourceOf,
}

/// Which of the two, by place in the journal.
#[derive(Clone, Copy)]
pub(super) enum SourceOf {
    /// A run of this event.
    Event(u64),
    /// This batch.
    Batch(u64),
}

impl SourceOf {
    /// The event's and the batch's column.
    pub(super) fn columns(self) -> (Option<Whole>, Option<Whole>) {
        match self {
            Self::Event(seq) => (Some(Whole(seq)), None),
            Self::Batch(seq) => (None, Some(Whole(seq))),
        }
    }
}
