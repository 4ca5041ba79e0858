//! The journal on SQLite: one committing thread, a few that read, one that tidies up. Only this folder names SQLite.
//!
//! - `commit` is the only one that writes, `command` is what it is asked for, `writing` a transaction of it; `events`, `runs`, `batches` and
//!   `deliveries` say what, each for its tables;
//! - `order` keeps what has the same key in order;
//! - `acknowledge` is what receivers say by themselves of deliveries;
//! - `facts` are what is known of destinations beside their deliveries, `key_uses` of API keys beside what they are;
//! - `state` is what plugins remember, which changes with the outcomes that change it;
//! - `audit` is who changed what;
//! - `lease` hands work out, `query` lists what is on record (`conditions`, `span`), `tail` follows it;
//! - `given_up` marks dead letters, `dead` lists them, `revive` takes them up again;
//! - `recent` has in memory what was appended last;
//! - `log` knows what of the log is on disk;
//! - after a restart `leftover` sees to the log, and `resume` finds the work again;
//! - `backlog` counts what waits, for the metrics;
//! - `expire` removes what is no longer kept, `space` says whether there is enough of it;
//! - `workspace` says what is left of a workspace, and forgets it;
//! - `copy` takes it as it is at one moment, for backups; `inspect` looks whether it is sound;
//! - `schema` is how it lies on disk, `wire` how values do.

mod acknowledge;
mod audit;
mod backlog;
mod batches;
mod checkpoint;
mod command;
mod commit;
mod conditions;
mod copy;
mod dead;
mod deliveries;
mod duplicates;
mod error;
mod events;
mod expire;
mod facts;
mod folder;
mod given_up;
mod inspect;
mod key_uses;
mod lease;
mod leftover;
mod log;
mod metrics;
mod options;
mod order;
mod outcome;
mod query;
mod reader;
mod recent;
mod resume;
mod revive;
mod runs;
mod schema;
mod space;
mod span;
mod state;
mod tail;
mod threads;
mod wire;
mod workspace;
mod writing;

#[cfg(test)]
mod tests;

pub use copy::freeze_stopped;
pub use inspect::{Inspection, inspect};
pub use options::Options;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, mpsc::TrySendError},
};

use prometheus_client::registry::Registry;
use rusqlite::Connection;
use tokio::sync::oneshot;

use self::{
    backlog::Backlog,
    command::{Answer, Command, Order, Work},
    error::StoreError,
    expire::Removal,
    folder::Folder,
    lease::{Held, Terms},
    metrics::Metrics,
    recent::Recent,
    space::Watch,
    threads::{Queues, Threads},
};
use super::{
    Acknowledged, Acknowledgement, Arrival, AuditEnd, AuditEntry, AuditFilter, AuditRecord, Batch, BatchEnd, BatchRecord,
    BatchState, Claim, DeadCount, DeadFilter, DeadPage, DeadSlice, Delivery, DeliveryHistory, DeliveryRecord, DeliveryState,
    EventFilter, EventHistory, EventRecord, Expired, Expiry, Feed, Frozen, Journal, JournalError, Lane, LaneFacts, Page, Pending,
    Revival, Revived, Routed, Run, RunEnd, RunRecord, RunState, Saw, Settled, Space, StoredState, Tail, TailFilter, Unrouted,
    WorkFilter,
};
use crate::event::{BatchId, Clock, Event, EventId, MessageId, Name, RunId, Timestamp};

/// Opens (or creates) the journal in its folder, and starts its threads. What was not settled when it was closed is marked in its
/// feed.
///
/// # Errors
///
/// Where the folder cannot be used, is used by another process, or was written by a newer program.
pub fn open(options: &Options, clock: Clock, registry: &mut Registry) -> Result<Arc<dyn Journal>, JournalError> {
    let (metrics, watch, backlog) = (Metrics::new(registry), Watch::new(options), Backlog::register(registry));
    let (recent, failed) = (Recent::default(), Mutex::default());
    let shared = Shared { feed: Feed::default(), held: Held::default(), recent, clock, metrics, watch, backlog, failed };
    Ok(Arc::new(SqliteJournal::start(options, shared)?))
}

/// What the threads have in common.
struct Shared {
    feed: Feed,
    held: Held,
    recent: Recent,
    clock: Clock,
    metrics: Metrics,
    watch: Watch,
    backlog: Backlog,
    /// The last transaction failed, so and then.
    failed: Mutex<Option<(Timestamp, JournalError)>>,
}

/// So long after a failed transaction the journal counts as failing, where none was committed since.
const FAILING_MS: u64 = 30_000;

/// The engine. Dropping it commits what waits.
struct SqliteJournal {
    shared: Arc<Shared>,
    queues: Queues,
    /// Taken by whoever stops them.
    threads: Mutex<Option<Threads>>,
    appends_max: i64,
    lease_ms: u64,
    claim_bytes_max: u64,
    /// Whose copies are made through a connection of their own.
    file: PathBuf,
}

impl SqliteJournal {
    fn start(options: &Options, shared: Shared) -> Result<Self, StoreError> {
        let folder = Folder::open(&options.folder)?;
        let file = folder.file();
        leftover::make_certain(&folder.log())?;
        let writer = schema::open_writer(&folder.file(), options)?;
        folder.sync()?;
        resume::resume(&writer, &shared.feed)?;
        shared.watch.measure(&writer, &shared.metrics)?;
        let shared = Arc::new(shared);
        let (threads, queues) = Threads::start(folder, writer, options, &shared)?;
        let appends_max = i64::try_from(options.queue_max - options.queue_max / 4).unwrap_or(i64::MAX).max(1);
        let (lease_ms, claim_bytes_max) = (options.lease_ms, options.claim_bytes_max);
        Ok(Self { shared, queues, threads: Mutex::new(Some(threads)), appends_max, lease_ms, claim_bytes_max, file })
    }

    /// Sends new events, but where the queue is nearly full: what ends work is still taken then.
    fn admit<T>(&self, work: Work, answer: impl FnOnce(oneshot::Sender<Result<T, JournalError>>) -> Answer) -> Pending<T> {
        if let Space::Full(_) = self.space() {
            self.shared.metrics.refused.inc_by(work.weight() as u64);
            return Pending::ready(Err(JournalError::Full));
        }
        if self.shared.metrics.queued.get() >= self.appends_max {
            return Pending::ready(Err(JournalError::Busy));
        }
        send(&self.queues, &self.shared, work, answer)
    }

    fn write(&self, work: Work) -> Pending<()> {
        send(&self.queues, &self.shared, work, Answer::Done)
    }

    fn end(&self, work: Work) -> Pending<usize> {
        send(&self.queues, &self.shared, work, Answer::Conflicts)
    }

    fn claim<T: Send + 'static, E: Into<JournalError>>(
        &self,
        claim: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Pending<T> {
        reader::send(&self.queues.claims, claim)
    }

    /// A listing of several statements, all from one view.
    fn list<T: Send + 'static>(&self, list: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static) -> Pending<T> {
        reader::send(&self.queues.listings, move |sql| list(&*sql.unchecked_transaction()?))
    }

    /// Claims without a lease of their own get the engine's: it only matters where the claimer is lost.
    fn terms(&self, lane: Option<Lane>, now: Timestamp, max: usize) -> Terms {
        let until = (self.shared.clock)().max(now).plus_ms(self.lease_ms);
        Terms { lane, now, until, max, bytes_max: self.claim_bytes_max }
    }

    fn take_threads(&self) -> Option<Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Sends work to the committer. What it does not take stays leased, as after a commit that failed.
fn send<T>(
    queues: &Queues,
    shared: &Shared,
    work: Work,
    answer: impl FnOnce(oneshot::Sender<Result<T, JournalError>>) -> Answer,
) -> Pending<T> {
    let (sender, pending) = Pending::new();
    shared.metrics.queued.inc();
    let error = match queues.orders.try_send(Order::Write(Command { work, answer: answer(sender) })) {
        Ok(()) => return pending,
        Err(TrySendError::Full(_)) => JournalError::Busy,
        Err(TrySendError::Disconnected(_)) => JournalError::Closed,
    };
    shared.metrics.queued.dec();
    Pending::ready(Err(error))
}

impl Journal for SqliteJournal {
    fn feed(&self) -> &Feed {
        &self.shared.feed
    }

    fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    fn append(&self, events: Vec<Event>) -> Pending<()> {
        self.admit(Work::Append(events), Answer::Done)
    }

    fn append_once(&self, arrivals: Vec<Arrival>) -> Pending<Vec<EventId>> {
        self.admit(Work::AppendOnce(arrivals), Answer::Ids)
    }

    fn claim_events(&self, max: usize) -> Pending<Vec<Unrouted>> {
        let (shared, terms) = (Arc::clone(&self.shared), self.terms(None, (self.shared.clock)(), max));
        self.claim(move |sql| events::claim(sql, (&shared.held.events, &shared.recent), &terms))
    }

    fn route(&self, routed: Vec<Routed>) -> Pending<()> {
        self.write(Work::Route(routed))
    }

    fn claim_runs(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Run>> {
        let (shared, terms) = (Arc::clone(&self.shared), self.terms(Some(lane.clone()), now, max));
        self.claim(move |sql| runs::claim(sql, (&shared.held.runs, &shared.recent), &lane, &terms))
    }

    fn end_runs(&self, ends: Vec<RunEnd>) -> Pending<usize> {
        self.end(Work::EndRuns(ends))
    }

    fn state(&self, workspace: Name, plugin: Name, key: String, now: Timestamp) -> Pending<StoredState> {
        self.claim(move |sql| state::find(&*sql.unchecked_transaction()?, &workspace, &plugin, &key, now))
    }

    fn release_runs(&self, lane: Lane, max: usize) -> Pending<()> {
        self.write(Work::ReleaseRuns { lane, max })
    }

    fn claim_batches(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Batch>> {
        let (shared, terms, queues) = (Arc::clone(&self.shared), self.terms(Some(lane.clone()), now, max), self.queues.clone());
        self.claim(move |sql| {
            // Most claims find nothing to close, and then write nothing.
            if batches::next_aged(sql, &lane)?.is_some_and(|due| due <= now) {
                send(&queues, &shared, Work::CloseBatches { lane: lane.clone(), due: now, max }, Answer::Done).wait()?;
            }
            Ok::<_, JournalError>(batches::claim(sql, (&shared.held.batches, &shared.recent), &lane, &terms)?)
        })
    }

    fn end_batches(&self, ends: Vec<BatchEnd>) -> Pending<usize> {
        self.end(Work::EndBatches(ends))
    }

    fn claim_deliveries(&self, lane: Lane, now: Timestamp, lease: Timestamp, max: usize) -> Pending<Claim<Delivery>> {
        let shared = Arc::clone(&self.shared);
        let terms = Terms { until: lease, ..self.terms(Some(lane.clone()), now, max) };
        self.claim(move |sql| deliveries::claim(sql, (&shared.held.deliveries, &shared.recent), &lane, &terms))
    }

    fn settle(&self, settled: Vec<Settled>) -> Pending<()> {
        self.write(Work::Settle(settled))
    }

    fn revive(&self, revivals: Vec<Revival>) -> Pending<Revived> {
        // What makes new rows would use up what is kept for the end of those there are.
        let only_sends = revivals.iter().all(|revival| matches!(revival, Revival::Delivery { .. }));
        if !only_sends && matches!(self.shared.watch.space(), Space::Full(_)) {
            return Pending::ready(Err(JournalError::Full));
        }
        send(&self.queues, &self.shared, Work::Revive(revivals), Answer::Revived)
    }

    fn dead_letters(&self, filter: DeadFilter, slice: DeadSlice) -> Pending<DeadPage> {
        self.list(move |sql| dead::list(sql, &filter, slice))
    }

    fn count_dead_letters(&self, filter: DeadFilter) -> Pending<Vec<DeadCount>> {
        self.list(move |sql| dead::count(sql, &filter))
    }

    fn acknowledge(&self, said: Vec<Acknowledgement>) -> Pending<Vec<Acknowledged>> {
        send(&self.queues, &self.shared, Work::Acknowledge(said), Answer::Found)
    }

    fn keep_lane_facts(&self, lane: Lane, facts: LaneFacts) -> Pending<()> {
        self.write(Work::KeepFacts { lane, facts })
    }

    fn lane_facts(&self) -> Pending<Vec<(Lane, LaneFacts)>> {
        self.claim(facts::all)
    }

    fn keep_key_uses(&self, uses: Vec<(String, Option<Timestamp>)>) -> Pending<()> {
        self.write(Work::KeepKeyUses(uses))
    }

    fn has_work_of(&self, workspace: Name) -> Pending<bool> {
        self.claim(move |sql| workspace::has_work(sql, &workspace))
    }

    fn forget_workspace(&self, workspace: Name, max: usize) -> Pending<u64> {
        send(&self.queues, &self.shared, Work::ForgetWorkspace { workspace, max }, Answer::Amount)
    }

    fn key_uses(&self) -> Pending<Vec<(String, Timestamp)>> {
        self.claim(key_uses::all)
    }

    fn events(&self, filter: EventFilter) -> Pending<Page<EventRecord>> {
        self.list(move |sql| query::events(sql, &filter))
    }

    fn tail(&self, filter: TailFilter) -> Pending<Tail> {
        self.list(move |sql| tail::tail(sql, &filter))
    }

    fn count_events(&self, filter: EventFilter) -> Pending<Vec<(Name, String, u64)>> {
        self.list(move |sql| span::count_events(sql, &filter))
    }

    fn event(&self, workspace: Name, id: EventId) -> Pending<Option<EventHistory>> {
        self.list(move |sql| query::event(sql, &workspace, id))
    }

    fn saw(&self, workspace: Name, event: EventId, rule: Name) -> Pending<Option<Saw>> {
        self.list(move |sql| query::saw(sql, &workspace, event, &rule))
    }

    fn runs(&self, filter: WorkFilter<RunState>) -> Pending<Page<RunRecord>> {
        self.list(move |sql| query::runs(sql, &filter))
    }

    fn run_given_up(&self, workspace: Name, id: RunId) -> Pending<Option<(u64, RunRecord)>> {
        self.list(move |sql| query::run_given_up(sql, &workspace, id))
    }

    fn batch(&self, workspace: Name, id: BatchId) -> Pending<Option<BatchRecord>> {
        self.list(move |sql| query::batch(sql, &workspace, id))
    }

    fn batches(&self, filter: WorkFilter<BatchState>) -> Pending<Page<BatchRecord>> {
        self.list(move |sql| query::batches(sql, &filter))
    }

    fn deliveries(&self, filter: WorkFilter<DeliveryState>) -> Pending<Page<DeliveryRecord>> {
        self.list(move |sql| query::deliveries(sql, &filter))
    }

    fn delivery(&self, workspace: Name, id: MessageId) -> Pending<Option<DeliveryHistory>> {
        self.list(move |sql| query::delivery(sql, &workspace, id))
    }

    fn audit(&self, entry: AuditEntry) -> Pending<u64> {
        send(&self.queues, &self.shared, Work::Audit(Box::new(entry)), Answer::Amount)
    }

    fn audit_sum(&self, seq: u64, summary: u64) -> Pending<()> {
        self.write(Work::AuditSum { seq, summary })
    }

    fn audit_end(&self, seq: u64, end: AuditEnd) -> Pending<()> {
        self.write(Work::AuditEnd { seq, end })
    }

    fn audit_log(&self, filter: AuditFilter) -> Pending<Page<AuditRecord>> {
        self.list(move |sql| audit::list(sql, &filter))
    }

    fn revisions_pinned(&self) -> Pending<BTreeSet<u64>> {
        self.list(query::revisions_pinned)
    }

    fn freeze(&self) -> Pending<Box<dyn Frozen>> {
        let file = self.file.clone();
        // Not among the listings: the hub is held still meanwhile.
        reader::send(&self.queues.claims, move |_| copy::freeze(&file))
    }

    fn expire(&self, expiry: Expiry) -> Pending<Expired> {
        let (shared, queues) = (Arc::clone(&self.shared), self.queues.clone());
        reader::send(&self.queues.listings, move |sql| {
            let chosen = expire::choose(sql, &expiry)?;
            let Some(removal) = Removal::of(chosen.events, &expiry) else { return Ok(Expired { rows: 0, next: chosen.next }) };
            let rows = send(&queues, &shared, Work::Remove(removal), Answer::Amount).wait()?;
            Ok::<_, JournalError>(expire::expired(&expiry, chosen.next, rows))
        })
    }

    fn give_back(&self) -> Pending<u64> {
        let (shared, queues) = (Arc::clone(&self.shared), self.queues.clone());
        reader::send(&self.queues.listings, move |sql| match shared.watch.step(sql)? {
            0 => Ok(0),
            pages => send(&queues, &shared, Work::GiveBack(pages), Answer::Amount).wait(),
        })
    }

    fn space(&self) -> Space {
        self.shared.watch.space()
    }

    fn failing(&self) -> Option<JournalError> {
        let now = (self.shared.clock)();
        let failed = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(at, _)| now.ms_since(*at) < FAILING_MS).map(|(_, error)| error.clone())
    }

    fn measure(&self) -> Pending<()> {
        let (shared, now) = (Arc::clone(&self.shared), (self.shared.clock)());
        if !shared.backlog.is_stale(now) {
            return Pending::ready(Ok(()));
        }
        self.list(move |sql| shared.backlog.measure(sql, now))
    }

    fn close(&self) -> Pending<()> {
        let Some(threads) = self.take_threads() else { return Pending::ready(Err(JournalError::Closed)) };
        let (answer, pending) = Pending::new();
        let queues = self.queues.clone();
        let close = move || {
            threads.stop(&queues);
            let _ = answer.send(Ok(()));
        };
        match std::thread::Builder::new().name("journal-close".to_owned()).spawn(close) {
            Ok(_) => pending,
            Err(error) => Pending::ready(Err(StoreError::from(error).into())),
        }
    }
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        if let Some(threads) = self.take_threads() {
            threads.stop(&self.queues);
        }
    }
}
