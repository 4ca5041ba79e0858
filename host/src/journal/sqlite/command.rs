//! What the committing thread is asked to store, who waits for it, and what they are told.

use tokio::sync::oneshot;

use super::{
    acknowledge, audit, batches, deliveries, duplicates, error::StoreError, events, expire, facts, key_uses, revive, runs, space,
    workspace, writing::Writing,
};
use crate::{
    event::{Event, EventId, Name, Timestamp},
    failpoint::Step,
    journal::{
        Acknowledged, Acknowledgement, Arrival, AuditEnd, AuditEntry, BatchEnd, JournalError, Lane, LaneFacts, Revival, Revived,
        Routed, RunEnd, Settled, Verdict,
    },
};

/// What is to be stored.
#[derive(Debug)]
pub(super) enum Work {
    /// New events.
    Append(Vec<Event>),
    /// New events, unless their keys are on record.
    AppendOnce(Vec<Arrival>),
    /// What matched.
    Route(Vec<Routed>),
    /// Ended runs.
    EndRuns(Vec<RunEnd>),
    /// Up to `max` held runs of a rule.
    ReleaseRuns {
        /// Whose.
        lane: Lane,
        /// At most this many.
        max: usize,
    },
    /// Up to `max` batches of a rule that are due.
    CloseBatches {
        /// Whose.
        lane: Lane,
        /// Due by then.
        due: Timestamp,
        /// At most this many.
        max: usize,
    },
    /// Ended batches.
    EndBatches(Vec<BatchEnd>),
    /// Attempts.
    Settle(Vec<Settled>),
    /// What is taken up again.
    Revive(Vec<Revival>),
    /// What is no longer kept, removed.
    Remove(expire::Removal),
    /// Up to so many free pages, given back to the file system.
    GiveBack(u64),
    /// What receivers say.
    Acknowledge(Vec<Acknowledgement>),
    /// What is known of a destination.
    KeepFacts {
        /// Whose.
        lane: Lane,
        /// All of it.
        facts: LaneFacts,
    },
    /// When API keys were used last.
    KeepKeyUses(Vec<(String, Option<Timestamp>)>),
    /// Up to `max` rows of what is kept of a workspace beside its work, removed.
    ForgetWorkspace {
        /// Whose.
        workspace: Name,
        /// At most this many.
        max: usize,
    },
    /// What is about to be done.
    Audit(Box<AuditEntry>),
    /// How it ended.
    AuditEnd {
        /// The entry's place.
        seq: u64,
        /// How.
        end: AuditEnd,
    },
    /// It was refused, as others before it, and one entry stands for them all.
    AuditSum {
        /// The entry's place.
        seq: u64,
        /// That of the one.
        summary: u64,
    },
}

impl Work {
    /// How many events, or the like, it stores.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Append(events) => events.len(),
            Self::AppendOnce(arrivals) => arrivals.len(),
            Self::Route(routed) => routed.len(),
            Self::EndRuns(ends) => ends.len(),
            Self::ReleaseRuns { max, .. } | Self::CloseBatches { max, .. } | Self::ForgetWorkspace { max, .. } => *max,
            Self::EndBatches(ends) => ends.len(),
            Self::Settle(settled) => settled.len(),
            Self::Revive(revivals) => revivals.iter().map(Revival::weight).sum(),
            Self::Remove(removal) => removal.events.len(),
            Self::GiveBack(_) => 1,
            Self::Acknowledge(said) => said.len(),
            Self::KeepFacts { .. } | Self::Audit(_) | Self::AuditEnd { .. } | Self::AuditSum { .. } => 1,
            Self::KeepKeyUses(uses) => uses.len(),
        }
    }

    /// Whether somebody relies on it being on disk. What a plugin made has to be there before it is sent, so that no id is ever sent with two
    /// bodies; what no plugin has touched is made again as it was. What goes to another rule of this hub is an event.
    pub(super) fn has_to_be_synced(&self) -> bool {
        match self {
            Self::Route(_) => false,
            Self::Settle(settled) => settled.iter().any(|one| matches!(one.verdict, Verdict::PassedOn(_))),
            _ => true,
        }
    }

    /// Before its commit and after it. What was held goes on as what was pending does; what a receiver says settles a delivery as an
    /// attempt's end does.
    pub(super) fn steps(&self) -> Option<[Step; 2]> {
        match self {
            Self::Append(_) | Self::AppendOnce(_) => Some([Step::AppendFilled, Step::AppendCommitted]),
            Self::Route(_) => Some([Step::RoutesFilled, Step::RoutesCommitted]),
            Self::EndRuns(_) => Some([Step::RunsFilled, Step::RunsCommitted]),
            Self::ReleaseRuns { .. } | Self::Revive(_) | Self::Remove(_) | Self::GiveBack(_) | Self::KeepFacts { .. } => None,
            Self::KeepKeyUses(_) | Self::ForgetWorkspace { .. } => None,
            Self::Audit(_) | Self::AuditEnd { .. } | Self::AuditSum { .. } => None,
            Self::CloseBatches { .. } => Some([Step::ClosingFilled, Step::ClosingCommitted]),
            Self::EndBatches(_) => Some([Step::BatchesFilled, Step::BatchesCommitted]),
            Self::Settle(_) | Self::Acknowledge(_) => Some([Step::SettlementsFilled, Step::SettlementsCommitted]),
        }
    }

    pub(super) fn apply(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        match self {
            Self::Append(events) => events::append(writing, events),
            Self::AppendOnce(arrivals) => duplicates::append(writing, arrivals),
            Self::Route(routed) => runs::route(writing, routed),
            Self::EndRuns(ends) => runs::end(writing, ends),
            Self::ReleaseRuns { lane, max } => runs::release(writing, lane, *max),
            Self::CloseBatches { lane, due, max } => batches::close_aged(writing, lane, *due, *max),
            Self::EndBatches(ends) => batches::end(writing, ends),
            Self::Settle(settled) => deliveries::settle(writing, settled),
            Self::Revive(revivals) => revive::revive(writing, revivals),
            Self::Remove(removal) => expire::remove(writing, removal),
            Self::GiveBack(pages_max) => space::give_back(writing, *pages_max),
            Self::Acknowledge(said) => acknowledge::acknowledge(writing, said),
            Self::KeepFacts { lane, facts } => facts::keep(writing, lane, facts),
            Self::KeepKeyUses(uses) => key_uses::keep(writing, uses),
            Self::ForgetWorkspace { workspace, max } => workspace::forget(writing, workspace, *max),
            Self::Audit(entry) => audit::begin(writing, entry),
            Self::AuditEnd { seq, end } => audit::end(writing, *seq, *end),
            Self::AuditSum { seq, summary } => audit::sum(writing, *seq, *summary),
        }
    }
}

/// The events of this work, each with its place, where all of them are new.
pub(super) fn appended(work: &mut Work, told: &Told) -> impl Iterator<Item = (u64, Event)> {
    let events = match work {
        Work::Append(events) => std::mem::take(events),
        Work::AppendOnce(arrivals) if arrivals.len() == told.appended.len() => {
            std::mem::take(arrivals).into_iter().map(|arrival| arrival.event).collect()
        }
        _ => Vec::new(),
    };
    told.appended.clone().into_iter().zip(events)
}

/// Work, and who waits for it. Dropped without an answer, it tells them that the journal is closed.
#[derive(Debug)]
pub(super) struct Command {
    /// What is to be stored.
    pub(super) work: Work,
    /// Told after the sync.
    pub(super) answer: Answer,
}

/// Who waits, and for what.
#[derive(Debug)]
pub(super) enum Answer {
    /// That it is done.
    Done(oneshot::Sender<Result<(), JournalError>>),
    /// How many of the ends were put off, because the state that they rest on was changed.
    Conflicts(oneshot::Sender<Result<usize, JournalError>>),
    /// Which events are on record for those that were to be stored once.
    Ids(oneshot::Sender<Result<Vec<EventId>, JournalError>>),
    /// What was taken up again.
    Revived(oneshot::Sender<Result<Revived, JournalError>>),
    /// How many rows were removed, or bytes given back, or which place an entry has.
    Amount(oneshot::Sender<Result<u64, JournalError>>),
    /// What was found of each message that was acknowledged.
    Found(oneshot::Sender<Result<Vec<Acknowledged>, JournalError>>),
}

/// What a command came to, beside that it is stored.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Ends that were put off, because the state that they rest on was changed.
    pub(super) conflicts: usize,
    /// Where events were appended, in order.
    pub(super) appended: Vec<u64>,
    /// The events on record, one for each that was to be stored once.
    pub(super) ids: Vec<EventId>,
    /// What was taken up again.
    pub(super) revived: Revived,
    /// Rows removed, or bytes given back, or the place of an entry.
    pub(super) amount: u64,
    /// What was found of the messages that were acknowledged.
    pub(super) found: Vec<Acknowledged>,
}

impl Answer {
    /// Who went away needs no answer.
    pub(super) fn tell(self, told: Result<Told, JournalError>) {
        match self {
            Self::Done(sender) => drop(sender.send(told.map(drop))),
            Self::Conflicts(sender) => drop(sender.send(told.map(|told| told.conflicts))),
            Self::Ids(sender) => drop(sender.send(told.map(|told| told.ids))),
            Self::Revived(sender) => drop(sender.send(told.map(|told| told.revived))),
            Self::Amount(sender) => drop(sender.send(told.map(|told| told.amount))),
            Self::Found(sender) => drop(sender.send(told.map(|told| told.found))),
        }
    }
}

/// What the committing thread is told.
#[derive(Debug)]
pub(super) enum Order {
    /// Store this.
    Write(Command),
    /// Store what came before this, and stop.
    Stop,
}
