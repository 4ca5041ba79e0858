//! The journal: the durable store of events, runs, batches, deliveries and attempts. It is the wall between the flows: `ingest`
//! appends, `dispatch` routes and plans, `deliver` settles, and none of them knows the others.
//!
//! One trait, engines behind it; no type of an engine shows. Everything takes many at once, because the cost of a sync is
//! shared. Work is claimed by lane (a rule's or a destination's) under a lease: what is claimed is not handed out again until it is
//! ended, or its lease is over. A claim is bounded in bytes as well as in number, and may give fewer than asked for. What is not
//! ended when the process dies is handed out again after the restart.
//!
//! The engine holds no policy: when to retry, when to give up and what a batch may hold are told to it.

mod audit;
mod copy;
mod dead;
mod facts;
mod feed;
mod listing;
mod lock;
mod pump;
mod record;
mod retention;
mod revival;
mod schedule;
mod space;
mod sqlite;
mod state;
mod tail;

pub use audit::{AuditEnd, AuditEntry, AuditFilter, AuditOutcome, AuditRecord};
pub use copy::Frozen;
pub use dead::{DeadCount, DeadFilter, DeadKind, DeadLetter, DeadPage, DeadPlace, DeadRecord, DeadSlice};
pub use facts::{Disabled, LaneFacts, Opened};
pub use feed::{Feed, Lane, Lanes, Watch};
pub use listing::{
    AttemptRecord, BatchRecord, BatchState, DeliveryRecord, DeliveryState, EventFilter, EventRecord, Narrow, Page, RunRecord,
    RunState, StageRecord, WorkFilter,
};
pub use lock::lock;
pub use pump::{Bounds, Places, Work, pump};
pub use record::{
    Acknowledged, Acknowledgement, Arrival, Attempt, Batch, BatchEnd, BatchLimits, Claim, Delivery, FlushReason, Join, Member,
    NewDelivery, NewRun, Once, OrderHold, Origin, Outcome, PassedOn, Received, Routed, Run, RunEnd, Said, Settled, Verdict,
};
pub use retention::{Expired, Expiry, Retention, keep};
pub use revival::{Revival, Revived};
pub use space::{DiskProbe, Short, Space};
pub use sqlite::{Inspection, Options, freeze_stopped, inspect, open};
pub use state::{Saw, SawState, StateEnd, StoredState};
pub use tail::{Tail, TailFilter};

use std::{
    collections::BTreeSet,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use crate::event::{BatchId, Event, EventId, MessageId, Name, RunId, Timestamp};

/// The store. Every call returns at once with a [`Pending`]; writes are durable (synced) when it is ready.
pub trait Journal: Send + Sync + 'static {
    /// What has become ready, so that the flows need not poll.
    fn feed(&self) -> &Feed;

    /// How long events, runs and batches are their claimer's: what is not ended by then is handed out again.
    fn lease_ms(&self) -> u64;

    /// Flow 1: stores events, and is ready when they are on disk.
    fn append(&self, events: Vec<Event>) -> Pending<()>;

    /// Flow 1: stores, all in one transaction, those events whose keys are not on record, and gives, when that is on disk, for each the
    /// event that is: its own id, or that of the one which came first.
    fn append_once(&self, arrivals: Vec<Arrival>) -> Pending<Vec<EventId>>;

    /// Flow 2: up to `max` events that are not routed, oldest first, each handed out again only after its lease.
    fn claim_events(&self, max: usize) -> Pending<Vec<Unrouted>>;

    /// Flow 2: freezes which rules matched, and with them the outcome of runs that needed no plugin.
    fn route(&self, routed: Vec<Routed>) -> Pending<()>;

    /// Flow 2: up to `max` pending runs of one rule that are due at `now`, oldest first.
    fn claim_runs(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Run>>;

    /// Flow 2: ends (or puts off) claimed runs, and stores what follows from them, in one transaction each. Gives how many were put off
    /// instead, because the state of plugins that they rest on was changed meanwhile.
    fn end_runs(&self, ends: Vec<RunEnd>) -> Pending<usize>;

    /// Flow 2: what a plugin has stored under a key, by `now`.
    fn state(&self, workspace: Name, plugin: Name, key: String, now: Timestamp) -> Pending<StoredState>;

    /// Flow 2: makes up to `max` held runs of one rule pending, those held longest first, due in the order in which they were made. Where
    /// more are held, the rule is marked again.
    fn release_runs(&self, lane: Lane, max: usize) -> Pending<()>;

    /// Flow 2: closes the batches of one rule that are old enough at `now` (their membership is fixed from then on), and claims up to
    /// `max` that are closed and due. A full one is closed already.
    fn claim_batches(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Batch>>;

    /// Flow 2: ends (or puts off) claimed batches, as [`Self::end_runs`] does runs.
    fn end_batches(&self, ends: Vec<BatchEnd>) -> Pending<usize>;

    /// Flow 3: up to `max` deliveries of one destination that are due at `now`, longest due first, until `lease`.
    fn claim_deliveries(&self, lane: Lane, now: Timestamp, lease: Timestamp, max: usize) -> Pending<Claim<Delivery>>;

    /// Flow 3: records attempts and what follows: delivered, due again, or dead.
    fn settle(&self, settled: Vec<Settled>) -> Pending<()>;

    /// Operators: takes up again what was settled, all in one transaction, and gives how much it was.
    fn revive(&self, revivals: Vec<Revival>) -> Pending<Revived>;

    /// Dead letters, by when they were given up.
    fn dead_letters(&self, filter: DeadFilter, slice: DeadSlice) -> Pending<DeadPage>;

    /// How many dead letters are alike, the most first.
    fn count_dead_letters(&self, filter: DeadFilter) -> Pending<Vec<DeadCount>>;

    /// Flow 3: takes what receivers say by themselves, and gives what was found of each message, in order. It waits for no listing.
    fn acknowledge(&self, said: Vec<Acknowledgement>) -> Pending<Vec<Acknowledged>>;

    /// Flow 3: stores the runtime facts of a destination in place of those before, in the order of the calls.
    fn keep_lane_facts(&self, lane: Lane, facts: LaneFacts) -> Pending<()>;

    /// Flow 3: the runtime facts of all destinations of which there are any.
    fn lane_facts(&self) -> Pending<Vec<(Lane, LaneFacts)>>;

    /// Stores when API keys were used last, in place of what was known; `None`: the key is gone.
    fn keep_key_uses(&self, uses: Vec<(String, Option<Timestamp>)>) -> Pending<()>;

    /// When each API key that was ever used was used last.
    fn key_uses(&self) -> Pending<Vec<(String, Timestamp)>>;

    /// Whether any event, run, batch or delivery of a workspace is on record.
    fn has_work_of(&self, workspace: Name) -> Pending<bool>;

    /// Removes up to `max` rows of what is kept of a workspace beside its work: what its plugins remember, facts of its destinations, and
    /// which events it has seen. Gives how many there were.
    fn forget_workspace(&self, workspace: Name, max: usize) -> Pending<u64>;

    /// Events, newest first; where the filter says after which, oldest first.
    fn events(&self, filter: EventFilter) -> Pending<Page<EventRecord>>;

    /// Events as they were stored, oldest first, with their bodies: for who follows the journal at its own pace.
    fn tail(&self, filter: TailFilter) -> Pending<Tail>;

    /// How many events there are of each source and type, the most first; the filter's cursors and limit do not count.
    fn count_events(&self, filter: EventFilter) -> Pending<Vec<(Name, String, u64)>>;

    /// One event with its runs and deliveries.
    fn event(&self, workspace: Name, id: EventId) -> Pending<Option<EventHistory>>;

    /// What the plugins of a rule's failed run on an event were told; `None` where none failed last.
    fn saw(&self, workspace: Name, event: EventId, rule: Name) -> Pending<Option<Saw>>;

    /// Runs, newest first.
    fn runs(&self, filter: WorkFilter<RunState>) -> Pending<Page<RunRecord>>;

    /// The run of this id with its own place in the journal, where it was given up once.
    fn run_given_up(&self, workspace: Name, id: RunId) -> Pending<Option<(u64, RunRecord)>>;

    /// The batch of this id.
    fn batch(&self, workspace: Name, id: BatchId) -> Pending<Option<BatchRecord>>;

    /// Batches, newest first.
    fn batches(&self, filter: WorkFilter<BatchState>) -> Pending<Page<BatchRecord>>;

    /// Deliveries, newest first.
    fn deliveries(&self, filter: WorkFilter<DeliveryState>) -> Pending<Page<DeliveryRecord>>;

    /// One delivery with the bytes that are sent and its attempts.
    fn delivery(&self, workspace: Name, id: MessageId) -> Pending<Option<DeliveryHistory>>;

    /// The audit log: writes down what is about to be done, and gives the entry's place. It takes entries as long as anything can be
    /// written, also while events are refused for want of space.
    fn audit(&self, entry: AuditEntry) -> Pending<u64>;

    /// The audit log: says how what the entry at this place tells of ended.
    fn audit_end(&self, seq: u64, end: AuditEnd) -> Pending<()>;

    /// The audit log: takes the entry at this place out, which is of a call that was refused, and has the one at `summary` stand for it too. An
    /// entry that is its own summary begins to be one.
    fn audit_sum(&self, seq: u64, summary: u64) -> Pending<()>;

    /// The audit log, newest first; where the filter says after which, oldest first.
    fn audit_log(&self, filter: AuditFilter) -> Pending<Page<AuditRecord>>;

    /// The revisions that pending runs, unfolded batches and (the newest of them) dead letters are pinned to, of all workspaces.
    fn revisions_pinned(&self) -> Pending<BTreeSet<u64>>;

    /// The whole journal as it is now, to be copied while it goes on.
    fn freeze(&self) -> Pending<Box<dyn Frozen>>;

    /// Removes what is not kept any longer, a chunk at a time. Whatever still waits for anything is kept.
    fn expire(&self, expiry: Expiry) -> Pending<Expired>;

    /// Gives some of the space that removal left to the file system, and says how many bytes; 0 where what is left is kept for new events.
    fn give_back(&self) -> Pending<u64>;

    /// How much space there is; what is appended without any is refused as [`JournalError::Full`].
    fn space(&self) -> Space;

    /// Why nothing is committed, where the last transaction failed a short while ago. Not for longer: without a new event nobody would
    /// ever find out that the store is well again.
    fn failing(&self) -> Option<JournalError> {
        None
    }

    /// Operators: measures what waits, for the metrics; at most once in some seconds, however often it is asked.
    fn measure(&self) -> Pending<()> {
        Pending::ready(Ok(()))
    }

    /// Commits what waits, checkpoints and stops; later calls fail with [`JournalError::Closed`].
    fn close(&self) -> Pending<()>;
}

/// One event with its runs and deliveries, oldest first.
pub type EventHistory = (EventRecord, Vec<RunRecord>, Vec<DeliveryRecord>);

/// One delivery with the bytes that are sent and its attempts, oldest first.
pub type DeliveryHistory = (Delivery, DeliveryRecord, Vec<AttemptRecord>);

/// An event that waits for its rules.
#[derive(Clone, Debug)]
pub struct Unrouted {
    /// Its place in the journal.
    pub seq: u64,
    /// 0, and one more with each replay through newer rules.
    pub generation: u32,
    /// Replayed through these rules only.
    pub only_rules: Option<Vec<Name>>,
    /// The event.
    pub event: Arc<Event>,
}

/// Why the journal did not do what was asked. Nothing of the call was stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system is full: ingestion stops, and goes on when there is space again.
    #[error("the disk of the journal is full")]
    Full,
    /// The queue to the committer is full: the caller is faster than the disk.
    #[error("the journal's queue is full")]
    Busy,
    /// A listing was stopped at its time limit, so that it is in nobody's way.
    #[error("reading the journal took too long: narrow the query, for instance to one rule, destination or state")]
    TooSlow,
    /// It was closed.
    #[error("the journal is closed")]
    Closed,
    /// The store failed; the source says how.
    #[error("the journal failed")]
    Failed(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// A result that a journal thread will give.
#[must_use = "a write is durable only when this is ready"]
pub struct Pending<T>(oneshot::Receiver<Result<T, JournalError>>);

impl<T> Pending<T> {
    /// A pending result, and where its engine puts it.
    pub fn new() -> (oneshot::Sender<Result<T, JournalError>>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(receiver))
    }

    /// A result that is there already.
    pub fn ready(result: Result<T, JournalError>) -> Self {
        let (sender, pending) = Self::new();
        let _ = sender.send(result);
        pending
    }

    /// Waits on a thread of its own.
    ///
    /// # Panics
    ///
    /// On a thread that drives asynchronous tasks.
    pub fn wait(self) -> Result<T, JournalError> {
        self.0.blocking_recv().unwrap_or(Err(JournalError::Closed))
    }

    /// Waits on a thread of its own for so long at most; `None`: that was not enough.
    pub fn wait_for(self, limit: Duration) -> Option<Result<T, JournalError>> {
        let until = Instant::now() + limit;
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let (mut pending, mut context) = (pin!(self), Context::from_waker(&waker));
        loop {
            if let Poll::Ready(answer) = pending.as_mut().poll(&mut context) {
                return Some(answer);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            thread::park_timeout(left);
        }
    }
}

/// Goes on with a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(JournalError::Closed)))
    }
}
