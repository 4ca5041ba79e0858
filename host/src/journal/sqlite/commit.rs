//! The committing thread: the only one that writes. It takes everything that waits into one transaction, so that the cost of a sync
//! is shared; who waits is answered after the sync, and the flows are told after that what has become ready.
//! A transaction on which nobody relies has no sync of its own (`log`).

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Instant,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{
    Shared, acknowledge, audit, backlog::Change, batches, checkpoint::Tidy, deliveries, duplicates, error::StoreError, events,
    expire, facts, key_uses, lease::Ended, log::Log, revive, runs, schema, space, workspace,
};
use crate::{
    event::{Event, EventId, Name, Timestamp},
    failpoint::{self, Step},
    journal::{
        Acknowledged, Acknowledgement, Arrival, AuditEnd, AuditEntry, BatchEnd, Feed, JournalError, Lane, LaneFacts, Revival,
        Revived, Routed, RunEnd, Settled, Space, Verdict,
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
    fn has_to_be_synced(&self) -> bool {
        match self {
            Self::Route(_) => false,
            Self::Settle(settled) => settled.iter().any(|one| matches!(one.verdict, Verdict::PassedOn(_))),
            _ => true,
        }
    }

    /// Before its commit and after it. What was held goes on as what was pending does; what a receiver says settles a delivery as an
    /// attempt's end does.
    fn steps(&self) -> Option<[Step; 2]> {
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

    fn apply(&self, writing: &mut Writing<'_>) -> Result<(), StoreError> {
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
fn appended(work: &mut Work, told: &Told) -> impl Iterator<Item = (u64, Event)> {
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
    fn tell(self, told: Result<Told, JournalError>) {
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
    /// Rows removed, by table.
    pub(super) removed: BTreeMap<&'static str, u64>,
    /// There is too little space for new events: what can be left out is.
    pub(super) short: bool,
    /// How many more deliveries wait than before it.
    pub(super) waiting: Change,
    /// Something that is about to follow relies on it being on disk.
    pub(super) is_relied_on: bool,
}

impl<'t> Writing<'t> {
    /// Nothing has been stored.
    pub(super) fn begin(sql: &'t Transaction<'t>, now: Timestamp, short: bool) -> Self {
        let (marks, ended, told, removed) = (Marks::default(), Ended::default(), Told::default(), BTreeMap::new());
        Self { sql, now, marks, ended, told, removed, short, waiting: Change::default(), is_relied_on: false }
    }

    /// Counts rows that were removed.
    pub(super) fn removed(&mut self, what: &'static str, rows: u64) {
        self.told.amount += rows;
        *self.removed.entry(what).or_default() += rows;
    }
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
            feed.appended.notify_waiters();
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
    removed: BTreeMap<&'static str, u64>,
    /// To each command.
    told: Vec<Told>,
    /// Somebody relies on it, and it was committed without a sync.
    waits_for_sync: bool,
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
    /// Whether the connection syncs what it commits.
    pub(super) syncs: bool,
    /// What of it is on disk.
    pub(super) log: Arc<Log>,
}

impl Committer {
    /// Works until it is told to stop, or nobody is left who could tell it anything.
    pub(super) fn run(mut self) {
        loop {
            match self.next() {
                Ok(Order::Write(first)) => {
                    let (commands, stop) = self.gather(first);
                    self.commit(commands);
                    if stop {
                        break;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.catch_up(),
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    }

    /// The next order; a time-out where the log has to be seen to first.
    fn next(&self) -> Result<Order, RecvTimeoutError> {
        match self.log.due_in() {
            Some(wait) => self.orders.recv_timeout(wait),
            None => Ok(self.orders.recv()?),
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

    /// Stores all commands together. Where that fails each is tried alone, so that a bad one does not take the others with it; where the
    /// disk is full, all but new events.
    fn commit(&mut self, commands: Vec<Command>) {
        match self.store(&commands) {
            Ok(stored) => {
                let sure =
                    self.make_sure(&stored).map_err(|error| self.note_failure("be sure of what it committed", &commands, error));
                self.answer(commands, stored, &sure);
            }
            Err(error) if commands.len() > 1 => {
                let full = error.is_full();
                // Where there is no space new events give way: what is behind the journal frees it.
                let (appends, others): (Vec<_>, Vec<_>) = commands
                    .into_iter()
                    .partition(|command| full && matches!(command.work, Work::Append(_) | Work::AppendOnce(_)));
                if !appends.is_empty() {
                    self.refuse(appends, error);
                }
                for command in others {
                    self.commit(vec![command]);
                }
            }
            Err(error) => self.refuse(commands, error),
        }
    }

    fn store(&mut self, commands: &[Command]) -> Result<Stored, StoreError> {
        let started = Instant::now();
        let now = (self.shared.clock)();
        if commands.iter().any(|command| matches!(command.work, Work::Revive(_))) {
            self.shared.recent.clear();
        }
        let is_synced = commands.iter().any(|command| command.work.has_to_be_synced());
        if self.syncs != is_synced {
            schema::sync_commits(&self.connection, is_synced)?;
            self.syncs = is_synced;
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Within the transaction: nobody else resets the log meanwhile.
        self.log.make_certain()?;
        let mut writing = Writing::begin(&transaction, now, matches!(self.shared.watch.space(), Space::Full(_)));
        failpoint::reach(Step::TransactionBegun);
        let mut told = Vec::with_capacity(commands.len());
        for command in commands {
            command.work.apply(&mut writing)?;
            told.push(std::mem::take(&mut writing.told));
        }
        let Writing { marks, ended, removed, waiting, is_relied_on, .. } = writing;
        waiting.store(&transaction)?;
        let steps = || commands.iter().filter_map(|command| command.work.steps());
        steps().for_each(|[filled, _]| failpoint::reach(filled));
        let filled = Instant::now();
        transaction.commit().map_err(StoreError::from).inspect_err(|error| self.log.commit_failed(error))?;
        self.log.committed(is_synced);
        let synced = is_synced.then(|| filled.elapsed());
        steps().for_each(|[_, committed]| failpoint::reach(committed));
        let events = commands.iter().filter_map(|command| match &command.work {
            Work::Append(events) => Some(events.len()),
            Work::AppendOnce(arrivals) => Some(arrivals.len()),
            _ => None,
        });
        self.shared.metrics.committed(events.sum(), started.elapsed(), synced);
        *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let waits_for_sync = is_relied_on && !is_synced;
        Ok(Stored { ended, marks, removed, told, waits_for_sync })
    }

    /// That nobody is told of what a power cut could take.
    fn make_sure(&mut self, stored: &Stored) -> Result<(), StoreError> {
        if stored.waits_for_sync {
            self.log.sync()?;
        }
        // A checkpoint's sync may have failed meanwhile.
        self.end_doubt()
    }

    /// Syncs what was committed without a sync and has waited long enough for one that comes along.
    fn catch_up(&mut self) {
        match self.end_doubt().and_then(|()| self.log.sync()) {
            Ok(()) => *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = None,
            Err(error) => drop(self.note_failure("sync its log", &[], error)),
        }
    }

    fn end_doubt(&mut self) -> Result<(), StoreError> {
        if self.log.is_in_doubt() {
            // Nobody else resets the log meanwhile.
            let _alone = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            self.log.make_certain()?;
        }
        Ok(())
    }

    /// Leases end before the lanes are marked, so that who is woken finds the work free. What is stored goes on also where it is not sure: who
    /// is told so, and asks again, finds it done.
    fn answer(&self, mut commands: Vec<Command>, stored: Stored, sure: &Result<(), JournalError>) {
        let Stored { ended, marks, removed, told, .. } = stored;
        let appended = commands.iter_mut().zip(&told).flat_map(|(command, told)| appended(&mut command.work, told));
        self.shared.recent.put(appended);
        self.shared.held.end(ended);
        marks.tell(&self.shared.feed);
        self.shared.metrics.removed(removed);
        // Before anybody is answered: who asks for space next is told what this left.
        if let Err(error) = self.shared.watch.measure(&self.connection, &self.shared.metrics) {
            tracing::warn!(%error, "the journal's size could not be measured");
        }
        for (command, told) in commands.into_iter().zip(told) {
            self.shared.metrics.revived(&told.revived);
            if let Work::GiveBack(_) = command.work {
                self.shared.metrics.given_back_bytes.inc_by(told.amount);
                self.shared.watch.shortened();
            }
            command.answer.tell(sure.clone().map(|()| told));
        }
        // Full: it is awake already.
        let _ = self.tidy.try_send(Tidy::Grown);
    }

    /// What could not be stored stays leased to who asked: they try again, and the lease covers those who are lost.
    fn refuse(&self, commands: Vec<Command>, error: StoreError) {
        let error = self.note_failure("commit", &commands, error);
        for command in commands {
            command.answer.tell(Err(error.clone()));
        }
    }

    fn note_failure(&self, what: &str, commands: &[Command], error: StoreError) -> JournalError {
        tracing::error!(%error, calls = commands.len(), "the journal could not {what}");
        self.shared.metrics.failures.inc();
        let error = JournalError::from(error);
        let failed = Some(((self.shared.clock)(), error.clone()));
        *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        error
    }
}
