//! What has to be known of a lane beside its work, and holds until somebody changes it: runtime facts, which no revision has.

use crate::event::{Failure, Timestamp};

/// The runtime facts of a destination. What is said of none needs no place in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneFacts {
    /// Its deliveries wait until it is enabled.
    pub disabled: Option<Disabled>,
    /// Its breaker is open.
    pub opened: Option<Opened>,
    /// It asked for nothing before then.
    pub held_until: Option<Timestamp>,
}

/// Since when a destination is disabled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disabled {
    /// Since then.
    pub at: Timestamp,
    /// Why.
    pub failure: Failure,
}

/// An open breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Since then.
    pub since: Timestamp,
    /// Nothing is tried before then.
    pub until: Timestamp,
    /// Probes that have failed since.
    pub probes: u32,
}

impl LaneFacts {
    /// Whether there is nothing to know.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
