//! What one chain sees of its plugins' state: each key as it was when it was read, and what the chain wrote on top of it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use sha2::{Digest as _, Sha256};

use super::{Answer, Refused, StateFound, StateStore};
use crate::{
    event::{KeyUse, Name, StateChange, StateEntry, StateUse, Timestamp},
    plugin::limits::{CHAIN_STATE_KEYS_MAX, STATE_WAIT_MAX},
};

/// What a chain sees of the state of its plugins.
#[derive(Debug, Default)]
pub(in crate::plugin) struct View {
    /// `None`: there is none here.
    pub(super) store: Option<Arc<dyn StateStore>>,
    pub(super) now: Timestamp,
    /// What the versions of this chain's writes are made of, beside what was there.
    salt: String,
    plugins: BTreeMap<Name, Seen>,
    keys: usize,
    writes: u64,
    /// How long the worker was held by reading.
    waited: Duration,
}

/// What the chain knows of one plugin's state.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) bytes_max: u64,
    /// Stored, when it was last read.
    bytes: u64,
    pub(super) keys: BTreeMap<String, Touched>,
}

#[derive(Debug)]
pub(super) struct Touched {
    seen: Option<StateEntry>,
    left: Option<StateChange>,
}

impl Touched {
    fn current(&self, now: Timestamp) -> Option<&StateEntry> {
        let entry = match &self.left {
            None => self.seen.as_ref(),
            Some(StateChange::Put(entry)) => Some(entry),
            Some(StateChange::Removed) => None,
        };
        entry.filter(|entry| entry.is_there_at(now))
    }

    /// What is stored under the key, and what would be.
    pub(super) fn bytes(&self, key: &str) -> (u64, u64) {
        let size = |entry: Option<&StateEntry>| entry.map_or(0, |entry| (key.len() + entry.value.len()) as u64);
        let seen = size(self.seen.as_ref());
        match &self.left {
            None => (seen, seen),
            Some(StateChange::Put(entry)) => (seen, size(Some(entry))),
            Some(StateChange::Removed) => (seen, 0),
        }
    }
}

impl Seen {
    /// What the plugin would have stored with the chain's writes and this one.
    pub(super) fn bytes_with(&self, key: &str, value_bytes: usize) -> u64 {
        let (mut before, mut after) = (0, 0);
        for (other, touched) in &self.keys {
            let (was, is) = touched.bytes(other);
            before += was;
            after += if other == key { (key.len() + value_bytes) as u64 } else { is };
        }
        self.bytes.saturating_sub(before).saturating_add(after)
    }
}

impl View {
    /// Of a chain on what has this id, at its try and time: a repeat gives its writes the same versions again, and another rule on the same
    /// event others.
    pub(in crate::plugin) fn of(store: Option<Arc<dyn StateStore>>, id: &str, attempt: u32, now: Timestamp) -> Self {
        let worker = store.as_ref().map_or("", |store| store.worker());
        let salt = format!("{id} {worker} {attempt} {}", now.0);
        Self { store, now, salt, ..Self::default() }
    }

    /// How long the worker was held by reading.
    pub(in crate::plugin) fn waited(&self) -> Duration {
        self.waited
    }

    /// What the chain read, and what it leaves.
    pub(in crate::plugin) fn into_uses(self) -> Vec<StateUse> {
        let of_plugin = |(plugin, seen): (Name, Seen)| {
            let keys = seen.keys.into_iter().map(|(key, Touched { seen, left })| KeyUse { key, seen, left });
            StateUse { plugin, bytes_max: seen.bytes_max, keys: keys.collect() }
        };
        self.plugins.into_iter().map(of_plugin).filter(|of_plugin| !of_plugin.keys.is_empty()).collect()
    }

    /// Reads a key that the chain has not seen yet.
    pub(super) fn load(&mut self, plugin: &Name, bytes_max: u64, key: &str) -> Answer<()> {
        let Some(store) = &self.store else { return Ok(Err(Refused::Unavailable("there is no state here"))) };
        let seen = self.plugins.entry(plugin.clone()).or_default();
        seen.bytes_max = bytes_max;
        if seen.keys.contains_key(key) {
            return Ok(Ok(()));
        }
        if self.keys >= CHAIN_STATE_KEYS_MAX {
            return Ok(Err(Refused::Quota));
        }
        let left = STATE_WAIT_MAX.saturating_sub(self.waited);
        let begun = Instant::now();
        let found = store.read(plugin, key, self.now, left);
        self.waited += begun.elapsed();
        let StateFound { entry, bytes } = found?;
        seen.bytes = bytes;
        seen.keys.insert(key.to_owned(), Touched { seen: entry, left: None });
        self.keys += 1;
        Ok(Ok(()))
    }

    pub(super) fn seen(&self, plugin: &Name) -> Option<&Seen> {
        self.plugins.get(plugin)
    }

    pub(super) fn current(&self, plugin: &Name, key: &str) -> Option<&StateEntry> {
        self.seen(plugin)?.keys.get(key)?.current(self.now)
    }

    pub(super) fn change(&mut self, plugin: &Name, key: &str, change: StateChange) {
        if let Some(touched) = self.plugins.get_mut(plugin).and_then(|seen| seen.keys.get_mut(key)) {
            touched.left = Some(change);
        }
    }

    /// The version of the next write: not 0, and not met again, for what was there goes into it. No counter could do that: an entry
    /// may be removed and made anew, and the plugin is told the version before anything is stored.
    pub(super) fn next_version(&mut self, plugin: &Name, key: &str) -> u64 {
        self.writes += 1;
        let seen = self.seen(plugin).and_then(|seen| seen.keys.get(key)?.seen.as_ref()).map_or(0, |entry| entry.version);
        let hash = Sha256::new()
            .chain_update(&self.salt)
            .chain_update([0])
            .chain_update(plugin.as_str())
            .chain_update([0])
            .chain_update(key)
            .chain_update([0])
            .chain_update(seen.to_le_bytes())
            .chain_update(self.writes.to_le_bytes())
            .finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        // A store may have signed integers only.
        (u64::from_le_bytes(first) >> 1).max(1)
    }
}
