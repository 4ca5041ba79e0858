//! The committing thread: the only one that writes. It takes everything that waits into one transaction, so that the cost of a sync
//! is shared; who waits is answered after the sync, and the flows are told after that what has become ready.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender},
    },
    time::Instant,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{Shared, batches, checkpoint::Tidy, deliveries, duplicates, error::StoreError, events, facts, lease::Ended, runs};
use crate::{
    event::{Event, EventId, Timestamp},
    journal::{BatchEnd, Feed, JournalError, Lane, LaneFacts, Once, Routed, RunEnd, Settled},
};

/// What is to be stored.
#[derive(Debug)]
pub(super) enum Work {
    /// New events.
    Append(Vec<Event>),
    /// New events, unless their keys are on record.
    AppendOnce(Vec<(Event, Once)>),
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
    /// What is known of a destination.
    KeepFacts {
        /// Whose.
        lane: Lane,
        /// All of it.
        facts: LaneFacts,
    },
}

impl Work {
    /// How many events, or the like, it stores.
    fn weight(&self) -> usize {
        match self {
            Self::Append(events) => events.len(),
            Self::AppendOnce(events) => events.len(),
            Self::Route(routed) => routed.len(),
            Self::EndRuns(ends) => ends.len(),
            Self::ReleaseRuns { max, .. } | Self::CloseBatches { max, .. } => *max,
            Self::EndBatches(ends) => ends.len(),
            Self::Settle(settled) => settled.len(),
            Self::KeepFacts { .. } => 1,
        }
    }

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
        match self {
            Self::Append(events) => events::append(writing, events),
            Self::AppendOnce(events) => duplicates::append(writing, events),
            Self::Route(routed) => runs::route(writing, routed),
            Self::EndRuns(ends) => runs::end(writing, ends),
            Self::ReleaseRuns { lane, max } => runs::release(writing, lane, *max),
            Self::CloseBatches { lane, due, max } => batches::close_aged(writing, lane, *due, *max),
            Self::EndBatches(ends) => batches::end(writing, ends),
            Self::Settle(settled) => deliveries::settle(writing, settled),
            Self::KeepFacts { lane, facts } => facts::keep(writing, lane, facts),
        }
    }
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
}

/// What a command came to, beside that it is stored.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Ends that were put off, because the state that they rest on was changed.
    pub(super) conflicts: usize,
    /// The events on record, one for each that was to be stored once.
    pub(super) ids: Vec<EventId>,
}

impl Answer {
    /// Who went away needs no answer.
    fn tell(self, told: Result<Told, JournalError>) {
        match self {
            Self::Done(sender) => drop(sender.send(told.map(drop))),
            Self::Conflicts(sender) => drop(sender.send(told.map(|told| told.conflicts))),
            Self::Ids(sender) => drop(sender.send(told.map(|told| told.ids))),
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

/// A transaction while it is filled. Only the committing thread can make one.
pub(super) struct Writing<'t> {
    /// The transaction.
    pub(super) sql: &'t Transaction<'t>,
    /// The same for all that is stored with it.
    pub(super) now: Timestamp,
    /// Told to the flows after the commit.
    pub(super) marks: Marks,
    /// Whose leases end with the commit.
    pub(super) ended: Ended,
    /// What the command that is being stored came to.
    pub(super) told: Told,
}

/// What a transaction makes ready.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Events wait for their rules.
    pub(super) events: bool,
    /// Rules with batches that were opened, closed or put off.
    pub(super) batches: HashSet<Lane>,
    /// Rules with pending runs.
    pub(super) runs: HashSet<Lane>,
    /// Rules with held runs.
    pub(super) held: HashSet<Lane>,
    /// Destinations with waiting deliveries.
    pub(super) deliveries: HashSet<Lane>,
}

impl Marks {
    /// Wakes those whom it concerns.
    pub(super) fn tell(self, feed: &Feed) {
        if self.events {
            feed.events.notify_one();
        }
        if !self.batches.is_empty() {
            feed.batches.mark(self.batches);
        }
        if !self.runs.is_empty() {
            feed.runs.mark(self.runs);
        }
        if !self.held.is_empty() {
            feed.held.mark(self.held);
        }
        if !self.deliveries.is_empty() {
            feed.deliveries.mark(self.deliveries);
        }
    }
}

/// What a transaction did.
struct Stored {
    ended: Ended,
    marks: Marks,
    /// To each command.
    told: Vec<Told>,
}

/// The committing thread's own.
pub(super) struct Committer {
    /// The only one that writes.
    pub(super) connection: Connection,
    /// What waits, in order. Of std, not of crossbeam, whose bounded queue keeps what is in it when the receiver is gone: who waits
    /// for a committer that died would wait for ever.
    pub(super) orders: Receiver<Order>,
    /// Wakes the thread that makes checkpoints.
    pub(super) tidy: SyncSender<Tidy>,
    /// Leases, feed, clock and metrics.
    pub(super) shared: Arc<Shared>,
    /// The most events in one transaction.
    pub(super) commit_events_max: usize,
}

impl Committer {
    /// Works until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self) {
        while let Ok(Order::Write(first)) = self.orders.recv() {
            let (commands, stop) = self.gather(first);
            self.commit(commands);
            if stop {
                break;
            }
        }
    }

    /// Everything that waits, as far as it fits into one transaction; and whether to stop after it.
    fn gather(&self, first: Command) -> (Vec<Command>, bool) {
        let queued = &self.shared.metrics.queued;
        queued.dec();
        let mut weight = first.work.weight();
        let mut commands = vec![first];
        while weight < self.commit_events_max && commands.len() < self.commit_events_max {
            match self.orders.try_recv() {
                Ok(Order::Write(next)) => {
                    queued.dec();
                    weight += next.work.weight();
                    commands.push(next);
                }
                Ok(Order::Stop) => return (commands, true),
                Err(_) => break,
            }
        }
        (commands, false)
    }

    /// Stores all commands together. Where that fails each is tried alone, so that a bad one does not take the others with it.
    fn commit(&mut self, commands: Vec<Command>) {
        match self.store(&commands) {
            Ok(stored) => self.answer(commands, stored),
            Err(error) if commands.len() > 1 && !error.is_full() => {
                for command in commands {
                    self.commit(vec![command]);
                }
            }
            Err(error) => self.refuse(commands, error),
        }
    }

    fn store(&mut self, commands: &[Command]) -> Result<Stored, StoreError> {
        let started = Instant::now();
        let now = (self.shared.clock)();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut writing =
            Writing { sql: &transaction, now, marks: Marks::default(), ended: Ended::default(), told: Told::default() };
        let mut told = Vec::with_capacity(commands.len());
        for command in commands {
            command.work.apply(&mut writing)?;
            told.push(std::mem::take(&mut writing.told));
        }
        let Writing { marks, ended, .. } = writing;
        transaction.commit()?;
        let events = commands.iter().filter_map(|command| match &command.work {
            Work::Append(events) => Some(events.len()),
            Work::AppendOnce(events) => Some(events.len()),
            _ => None,
        });
        self.shared.metrics.committed(events.sum(), started.elapsed());
        Ok(Stored { ended, marks, told })
    }

    /// Leases end before the lanes are marked, so that who is woken finds the work free.
    fn answer(&self, commands: Vec<Command>, stored: Stored) {
        let Stored { ended, marks, told } = stored;
        self.shared.held.end(ended);
        marks.tell(&self.shared.feed);
        for (command, told) in commands.into_iter().zip(told) {
            command.answer.tell(Ok(told));
        }
        // Full: it is awake already.
        let _ = self.tidy.try_send(Tidy::Grown);
    }

    /// What could not be stored stays leased to who asked: they try again, and the lease covers those who are lost.
    fn refuse(&self, commands: Vec<Command>, error: StoreError) {
        tracing::error!(%error, calls = commands.len(), "the journal could not commit");
        self.shared.metrics.failures.inc();
        let error = JournalError::from(error);
        for command in commands {
            command.answer.tell(Err(error.clone()));
        }
    }
}
