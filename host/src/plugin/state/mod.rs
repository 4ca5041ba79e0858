//! What plugins remember: one chain's view of it. The chain reads what is stored, each key once, and sees what it wrote itself on top of
//! that; nothing is stored here. What it read and what it leaves goes out with the chain's report, and whoever stores the outcome
//! stores it all or finds that it rests on what is not so any more.
//!
//! `view` is the chain's; `call` is what one call of a guest does with it. Reading holds a worker's thread, within bounds; that time is the host's, not the plugin's.

mod call;
mod view;

use std::{fmt, time::Duration};

pub(super) use call::StateCall;
pub(super) use view::View;

use crate::event::{Name, StateEntry, Timestamp};

/// Where state is read from. Who implements it knows the workspace.
pub trait StateStore: fmt::Debug + Send + Sync {
    /// What is stored under a key of a plugin. It may hold the thread, for `limit` at most.
    ///
    /// # Errors
    ///
    /// The store cannot tell, or not in time.
    fn read(&self, plugin: &Name, key: &str, now: Timestamp, limit: Duration) -> Result<StateFound, StateUnavailable>;

    /// Whose work this is, where several work on the same event at once: what they write must not pass for the same.
    fn worker(&self) -> &str {
        ""
    }
}

/// What a store has under a key.
#[derive(Clone, Debug, Default)]
pub struct StateFound {
    /// The entry, as long as its time is not over.
    pub entry: Option<StateEntry>,
    /// What all keys and values of the plugin have together.
    pub bytes: u64,
}

/// The store could not be read: the host's fault, so it ends the call, and the chain is run again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the state of plugins cannot be read now: {0}")]
pub struct StateUnavailable(pub String);

/// Why a plugin is refused; it goes on, and may do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The entry is at another version than the plugin expects.
    Conflict,
    TooLarge,
    Quota,
    Denied(String),
    /// There is none here.
    Unavailable(&'static str),
}

impl Refused {
    /// For the operator's metrics; a conflict is nothing out of the ordinary.
    fn label(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge => Some("too-large"),
            Self::Quota => Some("quota"),
            Self::Denied(_) => Some("denied"),
            Self::Conflict | Self::Unavailable(_) => None,
        }
    }
}

/// What an operation comes to: the outer error ends the call.
pub(super) type Answer<T> = Result<Result<T, Refused>, StateUnavailable>;
