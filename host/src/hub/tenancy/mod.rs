//! Tenancy: which workspaces there are, and the API keys to them.
//!
//! | file | what it is |
//! |---|---|
//! | `text`, `key` | how a key is spelled; a key, and when it is good |
//! | `grant`, `keys` | who may give which scopes; making, changing, rotating and revoking keys |
//! | `workspace`, `quotas`, `workspaces` | a workspace; how much it may have; making, changing and deleting workspaces |
//! | `record` | both on disk |
//! | `uses` | when keys were last used |
//!
//! Who calls is told from an immutable map in memory; a change is made to a copy, committed, and takes the map's place. It is in force
//! for the next call.

mod error;
mod grant;
mod key;
mod keys;
mod quotas;
mod record;
mod text;
mod uses;
mod workspace;
mod workspaces;

#[cfg(test)]
mod tests;

pub use error::TenancyError;
pub use keys::{KeyChange, KeyState, KeyStatus, NewKey, ShownKey};
pub use quotas::Quotas;
pub use text::named_key;
pub use workspace::Workspace;
pub use workspaces::{Naming, WorkspaceChange, WorkspaceStatus};

pub(super) use record::FILE;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::sync::OwnedMutexGuard;

use super::{Caller, Hub, Inner, StoreError, snapshot::State, store::Store};
use crate::{
    event::{Name, Timestamp},
    ingest::WorkspaceRate,
};
use key::ApiKey;
use record::Record;
use text::SecretHash;

/// What the running host knows of workspaces and keys.
pub(super) struct Tenancy {
    file: PathBuf,
    /// Changed only by whose turn it is.
    tenants: ArcSwap<Tenants>,
}

/// All workspaces and keys as of one change.
#[derive(Clone, Default)]
pub(super) struct Tenants {
    change: u64,
    workspaces: BTreeMap<Name, Arc<Workspace>>,
    keys: BTreeMap<String, Held>,
}

/// A key, and when it was used last: in milliseconds since the Unix epoch, 0 for never.
#[derive(Clone)]
struct Held {
    key: Arc<ApiKey>,
    used_at: Arc<AtomicU64>,
}

impl Tenancy {
    /// Reads what there is, and makes what has to be: the workspace `default`, and those that have entries.
    pub(super) fn open(
        file: PathBuf,
        store: &Store,
        with_entries: &BTreeSet<Name>,
        now: Timestamp,
        notes: &mut Vec<String>,
    ) -> Result<Self, StoreError> {
        let mut told = record::read(&file, store, now)?;
        notes.append(&mut told.notes);
        let standing = told.record.map(Tenants::of).unwrap_or_default();
        let mut tenants = standing.clone();
        for name in with_entries.iter().chain([&Name::default_workspace()]) {
            let made = || Arc::new(Workspace::new(name.clone(), super::access::ADMIN_KEY, now));
            tenants.workspaces.entry(name.clone()).or_insert_with(made);
        }
        if tenants.workspaces.len() > standing.workspaces.len() {
            tenants.change += 1;
            let record = tenants.record();
            record.commit(&standing.record(), &file)?;
            record.follow(store)?;
        }
        Ok(Self { file, tenants: ArcSwap::from_pointee(tenants) })
    }

    pub(super) fn load(&self) -> Arc<Tenants> {
        self.tenants.load_full()
    }
}

impl Tenants {
    fn of(record: Record) -> Self {
        let workspaces = record.workspaces.into_iter().map(|one| (one.name.clone(), Arc::new(one))).collect();
        let keys = record.keys.into_iter().map(|key| (key.id.clone(), Held::new(key))).collect();
        Self { change: record.change, workspaces, keys }
    }

    fn record(&self) -> Record {
        let workspaces = self.workspaces.values().map(|one| Workspace::clone(one)).collect();
        Record::new(self.change, workspaces, self.keys.values().map(|held| ApiKey::clone(&held.key)).collect())
    }

    /// Whose key this is, where it is good.
    pub(super) fn caller(&self, presented: &str, now: Timestamp) -> Option<Caller> {
        let id = text::id_of(presented)?;
        let hash = SecretHash::of(presented);
        let held = self.keys.get(id)?;
        let caller = held.key.caller(&hash, now)?;
        held.used_at.fetch_max(now.0, Ordering::Relaxed);
        Some(caller)
    }

    /// What of the quotas the flows keep.
    pub(super) fn rates(&self) -> Arc<HashMap<Name, WorkspaceRate>> {
        let rate = |one: &Arc<Workspace>| Some((one.name.clone(), WorkspaceRate::per_second(one.quotas.events_per_second_max?)));
        Arc::new(self.workspaces.values().filter_map(rate).collect())
    }

    fn workspace(&self, name: &Name) -> Result<&Arc<Workspace>, TenancyError> {
        self.workspaces.get(name).ok_or_else(|| TenancyError::unknown_workspace(name, self.workspaces.keys()))
    }
}

impl Held {
    fn new(key: ApiKey) -> Self {
        Self { key: Arc::new(key), used_at: Arc::default() }
    }
}

impl Hub {
    /// Changes workspaces or keys, whole or not at all. When this returns, the change is on disk and in force.
    async fn change_tenants<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Tenants, Timestamp) -> Result<T, TenancyError> + Send + 'static,
    ) -> Result<T, TenancyError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        self.change_tenants_in_turn(turn, change).await
    }

    async fn change_tenants_in_turn<T: Send + 'static>(
        &self,
        turn: OwnedMutexGuard<()>,
        change: impl FnOnce(&mut Tenants, Timestamp) -> Result<T, TenancyError> + Send + 'static,
    ) -> Result<T, TenancyError> {
        let inner = Arc::clone(&self.inner);
        let changed = tokio::task::spawn_blocking(move || {
            let before = inner.tenancy.load();
            let mut after = Tenants::clone(&before);
            let told = change(&mut after, (inner.clock)())?;
            inner.commit_tenants(&before, after)?;
            drop(turn);
            Ok(told)
        });
        changed.await.map_err(StoreError::Stopped)?
    }
}

impl Inner {
    fn commit_tenants(&self, before: &Tenants, mut after: Tenants) -> Result<(), StoreError> {
        let disk = self.disk();
        let disk = disk.as_ref().ok_or(StoreError::Closed)?;
        after.change = before.change + 1;
        let record = after.record();
        record.commit(&before.record(), &self.tenancy.file)?;
        if let Err(error) = record.follow(&disk.store) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database did not follow; the next start will mend it");
        }
        let rates = after.rates();
        self.tenancy.tenants.store(Arc::new(after));
        let state = self.state.load_full();
        if rates != state.rates {
            let next = State { rates, ..State::clone(&state) };
            let snapshot = self.snapshot.load().followed_by(&state, &next, None);
            self.state.store(Arc::new(next));
            self.snapshot.store(Arc::new(snapshot));
        }
        Ok(())
    }
}
