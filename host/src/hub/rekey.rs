//! Changing keys while the host runs: another main key, which wraps the data keys, and another data key, under which all secrets of today are
//! sealed anew. Each step leaves a folder that opens (`unlock`), and whoever asks once more goes on from there.
//!
//! What records of older revisions hold stays sealed under the data keys of its time, which go when no such record is left.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    Hub, HubError, Inner, StoreError,
    data_keys::DATA_KEYS_MAX,
    entry::Entry,
    main_key::{MainKey, MainKeyError, MainKeySource},
    revision::Record,
    seal::{self, SealError},
    snapshot::{Item, State},
    unlock::change_own,
};
use crate::{
    event::{Name, Secret},
    failpoint::{self, Step},
};

/// What a change of keys came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rekeyed {
    /// The id of the main key that the data folder is under now.
    pub main_key: String,
    /// The number of the data key that secrets are sealed under now.
    pub data_key: u32,
    /// The secrets' entries that were sealed anew.
    pub resealed: usize,
    /// The revision in force now: a new one, unless there is no secret.
    pub revision: u64,
}

/// Why the main key was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RekeyError {
    /// The host cannot write it where it comes from.
    #[error(
        "the main key comes from {place}, where this host cannot put a new one: put it there, with the old one beside it \
         (--old-main-key-file, SLUICEBOX_MAIN_KEY_OLD), and give it here too (sluicebox rekey --new-main-key-file FILE), or start again"
    )]
    NotGiven {
        /// Where it comes from.
        place: String,
    },
    /// There is nothing to do.
    #[error("the main key that was given is the one in use ({id}): for new data keys alone, reseal")]
    Same {
        /// Its id.
        id: String,
    },
    /// What was given is none.
    #[error(transparent)]
    MainKey(#[from] MainKeyError),
}

impl RekeyError {
    /// A stable word for it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotGiven { .. } => "main-key-not-given",
            Self::Same { .. } => "same-main-key",
            Self::MainKey(_) => "bad-main-key",
        }
    }
}

impl Hub {
    /// Puts everything under another main key: the one given, or one that is made, where `main.key` of the data folder is where it comes from.
    /// Makes a new data key with it, and seals all secrets of today under that.
    ///
    /// # Errors
    /// [`HubError::Rekey`]; [`HubError::Conflict`] where there are too many data keys; [`HubError::Store`] where the disk failed: then the
    /// data folder is under the old main key or the new one, and both are needed until it was opened again.
    pub async fn rotate_main_key(&self, given: Option<Secret>) -> Result<Rekeyed, HubError> {
        self.in_turn(move |inner| {
            let new = inner.new_main_key(given.as_ref())?;
            if new.id() == inner.seal.keys.main_key() {
                return Err(RekeyError::Same { id: new.id().to_owned() }.into());
            }
            inner.room_for_a_data_key()?;
            let keys = &inner.seal.keys;
            let renew = |main| keys.renew(Some(main));
            let renewed = match inner.main_key.is_ours() {
                true => change_own(&inner.folder, keys, new, renew),
                // So that the data keys are under one of two keys, the one in use or this one, and never under a third that failed before.
                false => keys.rewrite().and_then(|()| renew(new)),
            };
            renewed.map_err(StoreError::FileSystem)?;
            tracing::info!(main_key = inner.seal.keys.main_key(), "the data keys are under another main key");
            inner.reseal()
        })
        .await
    }

    /// Makes a new data key, and seals all secrets of today under it.
    ///
    /// # Errors
    /// [`HubError::Conflict`] where there are too many data keys; [`HubError::Store`] where the disk failed: then some may be sealed under the
    /// old one still.
    pub async fn reseal(&self) -> Result<Rekeyed, HubError> {
        self.in_turn(|inner| {
            inner.room_for_a_data_key()?;
            inner.seal.keys.renew(None).map_err(StoreError::FileSystem)?;
            inner.reseal()
        })
        .await
    }

    /// Removes the data keys that neither today's entries nor any kept record needs.
    pub(super) async fn retire_data_keys(&self) -> Result<(), HubError> {
        self.in_turn(|inner| {
            let oldest = inner.revisions.oldest_kept().map_err(StoreError::FileSystem)?;
            let used = || -> Result<_, StoreError> {
                let mut used = inner.revisions.data_keys()?;
                let today = inner.state.load().documents();
                used.extend(today.iter().flat_map(|(entry, document)| seal::data_keys(entry.kind, document)));
                Ok(used)
            };
            let gone = inner.seal.keys.retire(oldest, used)?;
            if !gone.is_empty() {
                tracing::info!(data_keys = ?gone, "data keys that no record needs any more were removed");
            }
            Ok(())
        })
        .await
    }

    /// Nothing is applied meanwhile, and what is begun is done even if whoever asked has gone.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        let inner = Arc::clone(&self.inner);
        let done = spawn_blocking(move || {
            let _turn = turn;
            work(&inner)
        });
        done.await.map_err(StoreError::Stopped)?
    }
}

impl Inner {
    fn new_main_key(&self, given: Option<&Secret>) -> Result<MainKey, HubError> {
        if let Some(given) = given {
            return Ok(MainKey::parse(given.expose(), &"new_main_key").map_err(RekeyError::MainKey)?);
        }
        let place = self.main_key.to_string();
        match &self.main_key {
            MainKeySource::Folder => Ok(MainKey::made().map_err(SealError::CannotSeal).map_err(StoreError::Seal)?),
            MainKeySource::Environment(..) => Err(RekeyError::NotGiven { place }.into()),
            // The operator may have put another into the file since.
            MainKeySource::File(_) => {
                let read = self.main_key.key(&self.folder, &mut Vec::new()).map_err(RekeyError::MainKey)?;
                if read.id() == self.seal.keys.main_key() { Err(RekeyError::NotGiven { place }.into()) } else { Ok(read) }
            }
        }
    }

    fn room_for_a_data_key(&self) -> Result<(), HubError> {
        let full = self.seal.keys.count() >= DATA_KEYS_MAX;
        if full { Err(HubError::Conflict { what: "data keys", max: DATA_KEYS_MAX }) } else { Ok(()) }
    }

    /// Seals the secrets of all workspaces under the data key of today: a revision of its own, in which nothing else changes.
    fn reseal(&self) -> Result<Rekeyed, HubError> {
        let disk = self.disk();
        let disk = disk.as_ref().ok_or(StoreError::Closed)?;
        let before = self.state.load_full();
        let (main_key, data_key) = (self.seal.keys.main_key(), self.seal.keys.current().0);
        let (mut after, resealed) = self.resealed(&before).map_err(StoreError::Seal)?;
        if resealed == 0 {
            return Ok(Rekeyed { main_key, data_key, resealed, revision: before.revision });
        }
        after.revision = self.revisions.highest().map_err(StoreError::FileSystem)?.max(before.revision) + 1;
        let (revision, recorded_in) = (after.revision, Name::default_workspace());
        let record = Record::new(revision, before.revision, &recorded_in, (self.clock)(), &BTreeMap::new());
        // As whoever reads the record finds it.
        after.newest.insert(recorded_in, revision);
        self.revisions.commit(record.with_joined(Vec::new()), Some(after.whole())).map_err(StoreError::FileSystem)?;
        failpoint::reach(Step::RevisionRecorded);
        if let Err(error) = disk.store.align(revision, &after.documents()) {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database did not follow; the next start will mend it");
        }
        failpoint::reach(Step::RevisionFollowed);
        let snapshot = self.snapshot.load().followed_by(&before, &after, None);
        self.state.store(Arc::new(after));
        self.snapshot.store(Arc::new(snapshot));
        tracing::info!(revision, data_key, resealed, "all secrets were sealed anew");
        Ok(Rekeyed { main_key, data_key, resealed, revision })
    }

    /// The state with its secrets sealed anew, and how many entries have any.
    fn resealed(&self, before: &State) -> Result<(State, usize), SealError> {
        let (mut after, mut resealed) = (before.clone(), 0);
        for (name, workspace) in &before.workspaces {
            let mut renewed = Vec::new();
            for (key, item) in workspace.iter().filter(|(key, item)| !seal::data_keys(key.0, &item.document).is_empty()) {
                let document = self.resealed_document(&Entry::new(name, key), &item.document)?;
                renewed.push((key.clone(), Arc::new(Item { document, part: item.part.clone(), since: item.since })));
            }
            if renewed.is_empty() {
                continue;
            }
            resealed += renewed.len();
            let mut workspace = Arc::unwrap_or_clone(Arc::clone(workspace));
            renewed.into_iter().for_each(|(key, item)| workspace.insert(key, item));
            after.workspaces.insert(name.clone(), Arc::new(workspace));
        }
        Ok((after, resealed))
    }

    fn resealed_document(&self, entry: &Entry, document: &Value) -> Result<Value, SealError> {
        self.seal.seal(entry, self.seal.unseal(entry, document.clone())?)
    }
}
