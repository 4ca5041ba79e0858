//! What plugins remember, as the flows hand it to the store and get it back.

use crate::event::{Name, StateEntry, StateUse, Timestamp};

/// What an outcome rests on in the state of plugins, and what it leaves there. It is stored with the outcome or not at all: where
/// another has changed meanwhile what was seen, or the plugin has no room left, nothing of the outcome is stored, and the work is due
/// again at `again_at`.
#[derive(Clone, Debug, Default)]
pub struct StateEnd {
    /// What the plugins did. Of one without keys only expired entries are removed.
    pub uses: Vec<StateUse>,
    /// The time by which they did it: what had expired by then was not there.
    pub now: Timestamp,
    /// See above.
    pub again_at: Timestamp,
}

/// What is stored under a key of a plugin.
#[derive(Clone, Debug, Default)]
pub struct StoredState {
    /// The entry, as long as its time is not over.
    pub entry: Option<StateEntry>,
    /// What all keys and values of the plugin have together, without such expired ones as the next outcome removes.
    pub bytes: u64,
}

/// What the plugins of a run that failed were told beside the event, so that their calls can be repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saw {
    /// The time.
    pub now: Timestamp,
    /// The attempt.
    pub attempt: u32,
    /// What they found in their state.
    pub state: Vec<SawState>,
    /// There was more than is kept.
    pub cut: bool,
}

/// One key of a plugin's state, as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SawState {
    /// Whose.
    pub plugin: Name,
    /// The key.
    pub key: String,
    /// What was there.
    pub entry: Option<StateEntry>,
}
