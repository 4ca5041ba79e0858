//! The committing thread: the only one that writes. It takes everything that waits into one transaction, so that the cost of a sync
//! is shared; who waits is answered after the sync, and the flows are told after that what has become ready.
//!
//! A transaction on which nobody relies has no sync of its own (`log`).

use std::{
    collections::BTreeMap,
    sync::{
        Arc, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Instant,
};

use rusqlite::{Connection, TransactionBehavior};

use super::{
    Shared,
    checkpoint::Tidy,
    command::{Command, Order, Told, Work, appended},
    error::StoreError,
    lease::Ended,
    log::Log,
    schema,
    writing::{Marks, Writing},
};
use crate::{
    failpoint::{self, Step},
    journal::{JournalError, Space},
};

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
