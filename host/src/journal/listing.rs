//! What is on record, as operators are shown it: listings with a cursor, newest first, and what hangs on a single one. A flow needs none
//! of it.

use std::sync::Arc;

use super::{Attempt, FlushReason};
use crate::event::{BatchId, Event, EventId, Failure, MessageId, Name, RunId, Timestamp};

/// An attempt on record.
#[derive(Clone, Debug)]
pub struct AttemptRecord {
    /// 1 for the first.
    pub number: u32,
    /// The attempt.
    pub attempt: Attempt,
}

/// An event on record.
#[derive(Clone, Debug)]
pub struct EventRecord {
    /// Its place in the journal, which is also the cursor of listings.
    pub seq: u64,
    /// 0, and one more with each replay through newer rules.
    pub generation: u32,
    /// Whether its rules have been found, or it was given up before.
    pub routed: bool,
    /// When it was given up, and why, where it was and nobody has taken it up again.
    pub dead: Option<(Timestamp, Failure)>,
    /// The event. Listings leave the body empty.
    pub event: Arc<Event>,
    /// The body's size in bytes.
    pub body_bytes: u64,
}

/// A run on record.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// The event.
    pub event: EventId,
    /// The event's place in the journal. Several runs share it, so a listing goes on from [`Page::next`], not from here.
    pub seq: u64,
    /// The event's generation.
    pub generation: u32,
    /// The rule.
    pub rule: Name,
    /// The revision whose rule matched.
    pub revision: u64,
    /// Where it stands.
    pub state: RunState,
    /// Counted failures.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Option<Timestamp>,
    /// Why it was put off, dropped or given up.
    pub failure: Option<Failure>,
    /// What its plugins did on the last try.
    pub stages: Vec<StageRecord>,
}

/// A stage as read back; its export is text there.
pub type StageRecord = serde_json::Value;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunState {
    /// Plugins have to run.
    Pending,
    /// Waits for its plugin's breaker, or for the run before it in its order.
    Held,
    /// Its messages are in a batch.
    Batched,
    /// Its deliveries are planned.
    Planned,
    /// A plugin dropped the event.
    Dropped,
    /// Given up.
    Dead,
}

/// A batch on record.
#[derive(Clone, Debug)]
pub struct BatchRecord {
    /// Its place in the journal, which is also the cursor of listings.
    pub seq: u64,
    /// Its id, as soon as its members are fixed.
    pub id: Option<BatchId>,
    /// The rule.
    pub rule: Name,
    /// The batch key.
    pub key: String,
    /// Where it stands.
    pub state: BatchState,
    /// Why it was closed.
    pub reason: Option<FlushReason>,
    /// The revision of the first member's run.
    pub revision: u64,
    /// Members.
    pub events: u32,
    /// Their bodies together.
    pub bytes: u64,
    /// When the first member joined.
    pub opened_at: Timestamp,
    /// When it is closed for its age, or tried next.
    pub due_at: Option<Timestamp>,
    /// Counted failures.
    pub attempts: u32,
    /// Why it was put off, dropped or given up.
    pub failure: Option<Failure>,
    /// What its plugin did on the last try.
    pub stages: Vec<StageRecord>,
}

/// Where a batch stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchState {
    /// Messages may join.
    Open,
    /// Its members are fixed; it waits for its plugin.
    Closed,
    /// Its deliveries are planned.
    Planned,
    /// Its plugin dropped it.
    Dropped,
    /// Given up.
    Dead,
}

/// A delivery on record.
#[derive(Clone, Debug)]
pub struct DeliveryRecord {
    /// Its place in the journal, which is also the cursor of listings.
    pub seq: u64,
    /// The `webhook-id`.
    pub id: MessageId,
    /// The event, where it came from one.
    pub event: Option<EventId>,
    /// The batch, where it came from one.
    pub batch: Option<BatchId>,
    /// The rule that sends it.
    pub rule: Name,
    /// Where to.
    pub destination: Name,
    /// Where it stands.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// When it was planned.
    pub created_at: Timestamp,
    /// When it is tried next, or has to be confirmed by.
    pub due_at: Option<Timestamp>,
    /// When the destination received what it has to confirm, or has confirmed.
    pub received_at: Option<Timestamp>,
    /// When it was delivered or given up.
    pub settled_at: Option<Timestamp>,
    /// Why the last attempt failed, or why it was given up.
    pub failure: Option<Failure>,
    /// The status of the last response.
    pub last_status: Option<u16>,
    /// With what it is in order.
    pub order_key: Option<String>,
    /// It waits until what comes before it in that order is over, whenever it is due.
    pub blocked: bool,
    /// Of what was given up, the code of the last attempt's failure.
    pub last_code: Option<String>,
    /// When somebody had it tried again.
    pub retried_at: Option<Timestamp>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// On its way, or to be tried again.
    Waiting,
    /// The destination has it.
    Delivered,
    /// Given up.
    Dead,
}

/// Which events to list.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// Of this workspace only.
    pub workspace: Name,
    /// Of this source only.
    pub source: Option<Name>,
    /// Of this type only.
    pub event_type: Option<String>,
    /// Of this subject only.
    pub subject: Option<String>,
    /// That its sender calls by this id only.
    pub external_id: Option<String>,
    /// Received at this time or later.
    pub since: Option<Timestamp>,
    /// Received before this time.
    pub until: Option<Timestamp>,
    /// Older than this cursor only.
    pub before: Option<u64>,
    /// Newer than this cursor only; then the oldest come first.
    pub after: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

impl EventFilter {
    /// The newest of all events of a workspace.
    #[must_use]
    pub fn newest(workspace: Name, limit: usize) -> Self {
        Self {
            workspace,
            source: None,
            event_type: None,
            subject: None,
            external_id: None,
            since: None,
            until: None,
            before: None,
            after: None,
            limit,
        }
    }
}

/// Which runs, batches or deliveries to list.
#[derive(Clone, Debug)]
pub struct WorkFilter<S> {
    /// Of this workspace only.
    pub workspace: Name,
    /// In this state only.
    pub state: Option<S>,
    /// Of this rule only.
    pub rule: Option<Name>,
    /// To this destination only; runs and batches have none.
    pub destination: Option<Name>,
    /// By what they tell; the times are those at which they were made.
    pub narrow: Narrow,
    /// Older than this cursor only.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

impl<S> WorkFilter<S> {
    /// The newest of all in a workspace.
    #[must_use]
    pub fn newest(workspace: Name, limit: usize) -> Self {
        let narrow = Narrow::default();
        Self { workspace, state: None, rule: None, destination: None, narrow, before: None, limit }
    }
}

/// By what work tells of itself. None of it has an index of its own: rows are looked through, within the time that a listing may take.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    /// Of events of this source only; a batch has it where one of its members has.
    pub source: Option<Name>,
    /// Of events of this type only, as [`Self::source`].
    pub event_type: Option<String>,
    /// Failed by this code, or given up when the last attempt had failed by it.
    pub code: Option<String>,
    /// The failure's text contains this; ASCII letters in either case.
    pub text: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// A part of a listing, newest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// At most as many as asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<u64>,
}
