//! What a plugin remembers from one event to the next: entries under keys, and what one chain of plugins did with them.

use bytes::Bytes;

use super::{Name, Timestamp};

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    /// The bytes.
    pub value: Bytes,
    /// Another one after each write; never 0, which stands for no entry.
    pub version: u64,
    /// From then on it is not there.
    pub expires_at: Option<Timestamp>,
}

impl StateEntry {
    /// Whether it is still there.
    #[must_use]
    pub fn is_there_at(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// What one chain did with the state of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateUse {
    /// Whose.
    pub plugin: Name,
    /// What all its keys and values may have together.
    pub bytes_max: u64,
    /// Each key that was read or written, once.
    pub keys: Vec<KeyUse>,
}

/// What one chain did with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyUse {
    /// The key.
    pub key: String,
    /// What it found there at its time. Whatever it did next rests on that: where it is not so any more, nothing of it holds.
    pub seen: Option<StateEntry>,
    /// What it leaves there; `None`: it only read.
    pub left: Option<StateChange>,
}

/// What a chain leaves under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// This.
    Put(StateEntry),
    /// Nothing.
    Removed,
}
