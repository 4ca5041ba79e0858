//! What a plugin on trial remembers: for as long as the trial lasts, and no longer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    event::{Name, StateChange, StateEntry, StateUse, Timestamp},
    plugin::{StateFound, StateStore, StateUnavailable},
};

/// Entries by key. There is one plugin on trial, so they are its own.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<BTreeMap<String, StateEntry>>);

impl Memory {
    pub(super) fn of(entries: BTreeMap<String, StateEntry>) -> Self {
        Self(Mutex::new(entries))
    }

    /// Stores what a chain leaves that did not fail. There is nobody else who could have changed anything meanwhile.
    pub(super) fn store(&self, uses: Vec<StateUse>) {
        let mut entries = self.lock();
        for key in uses.into_iter().flat_map(|of_plugin| of_plugin.keys) {
            match key.left {
                None => {}
                Some(StateChange::Put(entry)) => drop(entries.insert(key.key, entry)),
                Some(StateChange::Removed) => drop(entries.remove(&key.key)),
            }
        }
    }

    pub(super) fn entries(&self) -> BTreeMap<String, StateEntry> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, StateEntry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for Memory {
    fn read(&self, _plugin: &Name, key: &str, now: Timestamp, _limit: Duration) -> Result<StateFound, StateUnavailable> {
        let entries = self.lock();
        let there = || entries.iter().filter(|(_, entry)| entry.is_there_at(now));
        let bytes = there().map(|(key, entry)| (key.len() + entry.value.len()) as u64).sum();
        Ok(StateFound { entry: entries.get(key).filter(|entry| entry.is_there_at(now)).cloned(), bytes })
    }
}
