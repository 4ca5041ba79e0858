//! The nouns: plain data that every part speaks of, without behaviour and without I/O.
//!
//! A body is bytes and stays bytes: nothing here assumes JSON or UTF-8. A [`Name`] has been checked, an id has been parsed.
//! The only thing that is not plain is [`Secret`], which exists so that a secret cannot be printed by accident.

mod id;
mod name;
mod order;
mod path;
mod plain;
#[cfg(test)]
mod random;
mod secret;
mod slots;
mod spec;
mod state;

pub use id::{BatchId, Digest, EventId, IdError, MessageId, RunId};
pub use name::{Name, NameError};
pub use order::{Order, OrderKeys};
pub use path::JsonPath;
pub use plain::plain_words;
#[cfg(test)]
pub(crate) use random::Random;
pub use secret::Secret;
pub use slots::{Piece, pieces};
pub use spec::{Duration, DurationError, Invalid};
pub use state::{KeyUse, StateChange, StateEntry, StateUse};

use std::sync::Arc;

use bytes::Bytes;

/// Milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This many milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this; 0 where `earlier` is later.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }
}

/// Where the time comes from. Every part is handed one, so that a test can hold the time still.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One HTTP header: the name in lower case, the value as text (bytes above 0x7F are read as ISO-8859-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lower case.
    pub name: String,
    /// As received.
    pub value: String,
}

/// Whether only the host sets a header of this (lower-case) name on what goes out: how a message is framed, routed and signed, and who
/// sends it. A plugin may not set one, a rule may not forward one.
#[must_use]
pub fn is_host_owned(header: &str) -> bool {
    const OWNED: [&str; 10] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    ];
    OWNED.contains(&header) || ["webhook-", "sluicebox-", "proxy-"].iter().any(|prefix| header.starts_with(prefix))
}

/// A fact about an event that has no field of its own: CloudEvents extensions, what a verify scheme found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Lower case, unique within an event.
    pub key: String,
    /// Text.
    pub value: String,
}

/// What came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The tenant it belongs to.
    pub workspace: Name,
    /// Made by us; the provider's own id is `external_id`.
    pub id: EventId,
    /// The source it came in by.
    pub source: Name,
    /// `issues`, `invoice.paid`; empty where the source names none.
    pub event_type: String,
    /// What it is about, where the source tells.
    pub subject: Option<String>,
    /// When its last byte had arrived.
    pub received_at: Timestamp,
    /// When it happened, where the provider tells.
    pub time: Option<Timestamp>,
    /// The provider's id of it.
    pub external_id: Option<String>,
    /// The `content-type` it came with.
    pub content_type: Option<String>,
    /// In order of arrival, duplicates kept, credentials removed.
    pub headers: Vec<Header>,
    /// The bytes received.
    pub body: Bytes,
    /// Further facts.
    pub attributes: Vec<Attribute>,
}

#[cfg(test)]
impl Event {
    /// An event of source `shop` at the beginning of time, with nothing else to it.
    pub(crate) fn bare(event_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            workspace: Name::default_workspace(),
            id: EventId::new(Timestamp(0), [0; 10]),
            source: "shop".parse().expect("a name"),
            event_type: event_type.to_owned(),
            subject: None,
            received_at: Timestamp(0),
            time: None,
            external_id: None,
            content_type: None,
            headers: Vec::new(),
            body: body.into(),
            attributes: Vec::new(),
        }
    }
}

/// What a rule sends: an event as its plugins left it. The one place where "unchanged" is kept apart from "changed to the same".
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The type it goes out with.
    pub event_type: String,
    /// The `content-type` it goes out with.
    pub content_type: Option<String>,
    /// Headers that plugins set or that the rule forwards, beside those the host owns.
    pub headers: Vec<Header>,
    /// `None`: the event's own bytes, untouched.
    pub body: Option<Bytes>,
    /// Further facts.
    pub attributes: Vec<Attribute>,
    /// The one destination of the rule that it goes to; `None`: all of them.
    pub route: Option<Name>,
}

impl Message {
    /// The event as it is, without any of its headers.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self {
            event_type: event.event_type.clone(),
            content_type: event.content_type.clone(),
            headers: Vec::new(),
            body: None,
            attributes: event.attributes.clone(),
            route: None,
        }
    }
}

/// Why something was given up or put off: a stable code, and a text that says how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kebab case, stable: `limit-fuel`, `invalid-json`, `status-500`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Failure {
    /// A failure of this code, told in these words.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// What one plugin did in a run, for people who ask later.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The plugin's name in the rule.
    pub plugin: Name,
    /// The bytes that ran.
    pub digest: Digest,
    /// `filter`, `transform`, `key` or `fold`.
    pub export: &'static str,
    /// `keep`, `drop`, `emit`, or the code of the failure.
    pub result: String,
    /// How many messages it left.
    pub messages: u32,
    /// Fuel used: about one a WebAssembly instruction.
    pub fuel: u64,
    /// The most memory it held, all its memories together.
    pub memory_bytes: u64,
    /// Time on the worker, without waiting for one.
    pub elapsed_us: u64,
    /// How much of that it took until there was an instance to call.
    pub instantiate_us: u64,
    /// What it logged, cut at the limits.
    pub logs: Vec<String>,
}
