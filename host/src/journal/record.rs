//! What the flows give the journal and claim from it, as plain values. How they are laid out on disk is the engine's own business.

use std::sync::Arc;

use bytes::Bytes;

use super::{Lane, Saw, StateEnd};
use crate::event::{BatchId, Event, Failure, Header, Message, MessageId, Name, RunId, Stage, Timestamp};

/// What makes two events of a source the same, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Once {
    /// A hash of what the sender calls the event by.
    pub key: [u8; 32],
    /// When the key is forgotten, counted from the event that is stored.
    pub until: Timestamp,
}

/// An event that comes in.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// The event.
    pub event: Event,
    /// By what it is the same as others; `None`: it is stored in any case.
    pub once: Option<Once>,
    /// Why it is given up before any rule has seen it, where it is: it is stored as a dead letter.
    pub given_up: Option<Failure>,
}

impl Arrival {
    /// An event that is stored in any case.
    #[must_use]
    pub fn of(event: Event) -> Self {
        Self { event, once: None, given_up: None }
    }
}

/// What one event's matching found: the runs it makes, frozen with the revision of the rules.
#[derive(Clone, Debug)]
pub struct Routed {
    /// The event, as `claim_events` gave it.
    pub seq: u64,
    /// As claimed.
    pub generation: u32,
    /// The revision whose rules matched.
    pub revision: u64,
    /// One for each rule that matched.
    pub runs: Vec<NewRun>,
}

/// One rule's work on one event, when it is made.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The rule.
    pub rule: Name,
    /// `None`: plugins have to run, so it is pending and due at once.
    pub outcome: Option<Outcome>,
    /// What later events have to wait behind until the run has ended, where it is pending.
    pub holds: Vec<OrderHold>,
}

/// A destination that a run may yet plan deliveries for, which are in order with others of this key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderHold {
    /// Where to.
    pub destination: Name,
    /// In order with what.
    pub key: String,
}

/// A claimed run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id, from event, generation and rule.
    pub id: RunId,
    /// The event's place in the journal.
    pub seq: u64,
    /// The event's generation.
    pub generation: u32,
    /// The rule and its workspace.
    pub lane: Lane,
    /// The revision whose plugins it runs: that whose rule matched, or a later one where it waited for a plugin that was tripped.
    pub revision: u64,
    /// 1 on the first try: one more than the counted failures on record, but for those before somebody had it retried.
    pub attempt: u32,
    /// How often it was put off because others changed the state that it rested on.
    pub conflicts: u32,
    /// When it was made, or somebody had it retried.
    pub created_at: Timestamp,
    /// Why it was put off or held the last time, where it was.
    pub put_off: Option<Failure>,
    /// The event.
    pub event: Arc<Event>,
}

/// How a claimed run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// The run's event, generation and rule, as claimed.
    pub seq: u64,
    /// As claimed.
    pub generation: u32,
    /// As claimed.
    pub lane: Lane,
    /// As claimed. Where the run has moved on since (its lease was over, and another copy ended it) this end changes nothing.
    pub attempt: u32,
    /// The revision whose rule it was run by, and is pinned to from now on.
    pub revision: u64,
    /// What its plugins did, in order.
    pub stages: Vec<Stage>,
    /// What it rests on and leaves in their state.
    pub state: StateEnd,
    /// What they were told, where they failed.
    pub saw: Option<Saw>,
    /// What follows.
    pub outcome: Outcome,
}

/// What follows from a run or a batch.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// These go out. None at all is possible: a transform that emits nothing.
    Planned(Vec<NewDelivery>),
    /// A plugin dropped the event, for this reason.
    Dropped {
        /// Told by the plugin.
        reason: String,
    },
    /// The messages join a batch, or go out alone where the batch plugin names no key. Runs only.
    Joined {
        /// Into batches.
        joins: Vec<Join>,
        /// Past them.
        alone: Vec<NewDelivery>,
    },
    /// To be tried again.
    Retry {
        /// When.
        due_at: Timestamp,
        /// Why.
        failure: Failure,
        /// Whether it counts as an attempt: failures that are the host's do not.
        counted: bool,
    },
    /// To wait until it is released; a batch waits where it is, and is due at once.
    Held {
        /// Since when. What is held last is released last.
        at: Timestamp,
        /// What for.
        failure: Failure,
    },
    /// Given up: a dead letter.
    Dead(Failure),
}

/// One message on its way to one destination, when it is planned.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    /// The `webhook-id`. Storing an id a second time does nothing.
    pub id: MessageId,
    /// Where to.
    pub destination: Name,
    /// What; a body of `None` is stored as a reference to the event's.
    pub message: Message,
    /// It is sent after all of earlier events that go there with this key, and before those of later ones. `None`: whenever it is due.
    pub order_key: Option<String>,
}

/// A message that joins the open batch of its rule and key.
#[derive(Clone, Debug)]
pub struct Join {
    /// Chosen by the batch plugin; empty where there is none.
    pub key: String,
    /// Its place among the messages of its run.
    pub index: u32,
    /// The message.
    pub message: Message,
    /// What the batch may hold, as the rule says.
    pub limits: BatchLimits,
    /// A hash of the rule: where the open batch has another, it is closed (`rule-changed`) and a new one opened.
    pub rule_hash: [u8; 16],
    /// Destinations of the rule that have all they are sent in order; the batch has its place there from its closing on.
    pub ordered: Vec<Name>,
}

/// What a batch may hold, and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Closed with this many members.
    pub events_max: u32,
    /// Closed before the members' bodies together exceed this; a single larger one is a batch of its own.
    pub bytes_max: u64,
    /// Closed this long after it was opened.
    pub age_ms_max: u64,
}

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// It had `events_max` members.
    Size,
    /// The next member would have exceeded `bytes_max`, or did.
    Bytes,
    /// It was open for `age_ms_max`.
    Age,
    /// Its rule was changed.
    RuleChanged,
    /// Somebody asked for it.
    Manual,
}

/// A claimed batch, closed: its members are fixed, and with them its id.
#[derive(Clone, Debug)]
pub struct Batch {
    /// From rule, key, first and last member.
    pub id: BatchId,
    /// Its place in the journal.
    pub seq: u64,
    /// The rule and its workspace.
    pub lane: Lane,
    /// The batch key.
    pub key: String,
    /// Why it was closed.
    pub reason: FlushReason,
    /// The revision whose plugin folds it: that of the first member's run, or a later one where it waited for a plugin that was tripped.
    pub revision: u64,
    /// When the first member joined.
    pub opened_at: Timestamp,
    /// When somebody had it retried, where that was.
    pub retried_at: Option<Timestamp>,
    /// 1 on the first try, and on the first after it was retried.
    pub attempt: u32,
    /// How often it was put off because others changed the state that its fold rested on.
    pub conflicts: u32,
    /// Why it was put off the last time, where it was.
    pub put_off: Option<Failure>,
    /// In order of joining.
    pub members: Vec<Member>,
}

/// A member of a batch.
#[derive(Clone, Debug)]
pub struct Member {
    /// The event it came from. Its body is empty where `message.body` is there.
    pub event: Arc<Event>,
    /// The event as the plugins before the batch left it.
    pub message: Message,
}

/// How a claimed batch ended.
#[derive(Clone, Debug)]
pub struct BatchEnd {
    /// As claimed.
    pub seq: u64,
    /// As claimed. Where the batch has moved on since, this end changes nothing.
    pub attempt: u32,
    /// The revision whose rule it was folded by, and is pinned to from now on.
    pub revision: u64,
    /// What the batch plugin did.
    pub stages: Vec<Stage>,
    /// What it rests on and leaves in its state.
    pub state: StateEnd,
    /// What follows; never [`Outcome::Joined`].
    pub outcome: Outcome,
}

/// Claimed work, and when there is more.
#[derive(Clone, Debug)]
pub struct Claim<T> {
    /// In order, at most as many as asked for.
    pub items: Vec<T>,
    /// The earliest time at which work of this lane that was not handed out is due; it may be past where `items` is full, by number or
    /// by bytes.
    pub next_due: Option<Timestamp>,
}

/// Where a message came from.
#[derive(Clone, Debug)]
pub enum Origin {
    /// One event.
    Event(Arc<Event>),
    /// A batch, which has no event of its own.
    Batch {
        /// Which.
        id: BatchId,
        /// When it was opened.
        opened_at: Timestamp,
    },
}

/// A claimed delivery, with the very bytes to send.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the journal.
    pub seq: u64,
    /// The `webhook-id`.
    pub id: MessageId,
    /// The destination and its workspace.
    pub lane: Lane,
    /// The rule that sends it.
    pub rule: Name,
    /// 1 on the first try of a series: what is retried by hand begins a new one, and its policy judges each alone.
    pub attempt: u32,
    /// Which one it is of all attempts on record.
    pub number: u32,
    /// When the series began: when it was planned, or retried by hand.
    pub created_at: Timestamp,
    /// Where its last attempt was received and not confirmed in time, or was said to have failed: that attempt, which is `attempt`
    /// still, has to be judged, and nothing is to be sent.
    pub received: Option<Received>,
    /// How often what it came from was passed on within this hub; of a batch, the most that one of its members was.
    pub hops: u32,
    /// Where it came from. The event's body is empty where `message.body` is there.
    pub origin: Origin,
    /// As stored.
    pub message: Message,
    /// The message's body, or its event's.
    pub body: Bytes,
}

/// An attempt that the destination received, and has to confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at: Timestamp,
    /// What it said went wrong, where it said so.
    pub refused: Option<Failure>,
}

/// How an attempt ended, and what follows.
#[derive(Clone, Debug)]
pub struct Settled {
    /// As claimed.
    pub seq: u64,
    /// As claimed.
    pub lane: Lane,
    /// [`Delivery::number`] as claimed. Where the delivery has moved on since (its lease was over, and another copy was settled) this
    /// one changes nothing, unless it tells that a delivery that still waits was delivered.
    pub attempt_number: u32,
    /// What was tried; `None` where nothing was (the destination is gone).
    pub attempt: Option<Attempt>,
    /// What follows.
    pub verdict: Verdict,
}

/// What follows from an attempt.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The destination has it.
    Delivered,
    /// It is an event of another source now, which is appended in the same transaction.
    PassedOn(Box<PassedOn>),
    /// The destination has received it and confirms it by then. The attempt is on record, and counts when it is confirmed or judged.
    Awaiting(Timestamp),
    /// To be tried again at this time.
    RetryAt(Timestamp),
    /// Given up: a dead letter.
    Dead(Failure),
}

/// An event that a message was made into.
#[derive(Clone, Debug)]
pub struct PassedOn {
    /// The event.
    pub event: Event,
    /// How often it, or what it came from, was passed on: this time included.
    pub hops: u32,
}

/// What a receiver says by itself of a message that it was given.
#[derive(Clone, Debug)]
pub struct Acknowledgement {
    /// Whose.
    pub workspace: Name,
    /// The `webhook-id`.
    pub id: MessageId,
    /// In which attempt it was given, by [`Delivery::number`].
    pub attempt_number: u32,
    /// What it says.
    pub said: Said,
}

/// What a receiver says.
#[derive(Clone, Debug)]
pub enum Said {
    /// It is done with the message. The attempt, where nobody else puts it on record.
    Done(Option<Attempt>),
    /// What it received has failed after all, for this reason.
    Failed(Failure),
}

/// What was found of a message of which a receiver said something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acknowledged {
    /// It waited, and the word is taken.
    Taken,
    /// It is delivered already.
    Delivered,
    /// It is a dead letter already.
    Dead,
    /// A failure of an attempt that has not been answered yet: nothing is changed.
    Early,
    /// A failure of an attempt that is over: nothing is changed.
    Over,
    /// There is no such message.
    Unknown,
}

/// One HTTP try of a delivery, or one lease of a message that is fetched.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration_ms: u64,
    /// The response's status, where there was a response.
    pub status: Option<u16>,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// The response's headers.
    pub response_headers: Vec<Header>,
    /// The first bytes of the response.
    pub response_body: Bytes,
}
