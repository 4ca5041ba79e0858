//! What a live tail reads: events in the order of the journal from a place on, with their bodies, a bounded part at a time.
//!
//! The order is that in which events were stored. Ids are in the order in which they were received, which is not the same: who follows
//! by ids may miss one that was stored late.

use super::EventRecord;
use crate::event::Name;

/// What is read of the journal.
#[derive(Clone, Debug)]
pub struct TailFilter {
    /// Of this workspace only.
    pub workspace: Name,
    /// Of this source only.
    pub source: Option<Name>,
    /// Of this type only.
    pub event_type: Option<String>,
    /// Stored after this place only.
    pub after: u64,
    /// So many events are looked at, whether or not they are of the type.
    pub events_max: usize,
    /// No event is added after the bodies exceed this together; one is always read.
    pub body_bytes: usize,
}

/// A part of the journal.
#[derive(Clone, Debug)]
pub struct Tail {
    /// Those that fit, oldest first, with their bodies.
    pub events: Vec<EventRecord>,
    /// The place up to which all was looked at: the next part begins after it.
    pub reached: u64,
    /// A bound ended it: there may be more already.
    pub more: bool,
}
