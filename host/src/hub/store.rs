//! The control plane's database, and the only door to sled. It follows the records of [`revision`](super::revision): its content is
//! always that of one revision, never a mixture, and a lost database is rebuilt from them.
//!
//! Facts about sled 0.34.7 that this file exists for: a write is durable only after `flush`, which there is `sync_file_range` and
//! no `fsync`, so the file is synced through a handle of our own; an unclean stop has left databases that panic on being
//! opened, so every call is fenced, and a damaged one is set aside; values over 128 KiB would go to files of their own, so documents
//! are kept smaller.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{
    durable::{self, FileSystemError},
    entry::{Documents, Entry},
};
use crate::{
    event::Timestamp,
    failpoint::{self, Step},
};

/// Far more than the control plane needs; sled's own default is a gibibyte.
const CACHE_BYTES_MAX: u64 = 16 << 20;
/// How long sled's lock is waited for: this often,
const LOCK_TRIES_MAX: u32 = 500;
/// with this pause.
const LOCK_PAUSE: Duration = Duration::from_millis(10);
/// Where the revision is kept.
const REVISION_KEY: &[u8] = b"\0revision";
/// Where the rows of workspaces and API keys begin.
const TENANCY_PREFIX: &[u8] = b"\0tenancy/";
/// How what is no entry begins.
const APART: u8 = 0;

/// Workspaces and API keys, as [`tenancy`](super::tenancy) has them.
pub(super) type Rows = BTreeMap<String, Vec<u8>>;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The disk, before or beside sled.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// sled itself.
    #[error("the control plane's database failed")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// sled's own lock is held, although ours is not.
    #[error("{} is locked by another program", file.display())]
    Locked {
        /// sled's file.
        file: PathBuf,
    },
    /// sled panicked, or holds what was never written.
    #[error("the control plane's database is damaged")]
    Damaged,
}

/// The open database.
pub(super) struct Store {
    db: sled::Db,
    /// sled's file, for a sync that is one.
    file: File,
}

/// An open database, what it holds, and what there is to say.
pub(super) struct OpenedStore {
    pub(super) store: Store,
    /// 0: nothing was ever stored.
    pub(super) revision: u64,
    pub(super) documents: Documents,
    pub(super) notes: Vec<String>,
}

impl Store {
    /// Opens the database in `folder`. A damaged one is set aside, and an empty one opened in its place.
    pub(super) fn open(folder: &Path, now: Timestamp) -> Result<OpenedStore, DatabaseError> {
        match Self::open_as_is(folder) {
            Err(error) if error.is_damage() => {
                let aside = durable::set_aside(folder, &format!(".damaged-{}", now.0))?;
                let mut opened = Self::open_as_is(folder)?;
                opened.notes.push(format!(
                    "the control plane's database was damaged and is rebuilt from the revisions' records; the damaged one is now {}",
                    aside.display()
                ));
                Ok(opened)
            }
            as_is => as_is,
        }
    }

    /// Makes the content that of `revision`; `changes` are what it differs in.
    pub(super) fn write(&self, revision: u64, changes: &BTreeMap<Entry, Option<&Value>>) -> Result<(), DatabaseError> {
        let mut batch = sled::Batch::default();
        for (entry, document) in changes {
            match document {
                Some(document) => batch.insert(entry.to_string().as_bytes(), document.to_string().as_bytes()),
                None => batch.remove(entry.to_string().as_bytes()),
            }
        }
        batch.insert(REVISION_KEY, &revision.to_be_bytes());
        self.commit(batch)
    }

    /// Makes these the rows of workspaces and keys, whatever they are now.
    pub(super) fn align_tenancy(&self, rows: &Rows) -> Result<(), DatabaseError> {
        let held = self.tenancy()?;
        let row = |name: &str| [TENANCY_PREFIX, name.as_bytes()].concat();
        let mut batch = sled::Batch::default();
        held.keys().filter(|name| !rows.contains_key(*name)).for_each(|name| batch.remove(row(name)));
        let differing = rows.iter().filter(|(name, value)| held.get(*name) != Some(value));
        differing.for_each(|(name, value)| batch.insert(row(name), value.as_slice()));
        self.commit(batch)
    }

    /// The rows of workspaces and keys.
    pub(super) fn tenancy(&self) -> Result<Rows, DatabaseError> {
        let pairs: Vec<_> = fenced(|| self.db.scan_prefix(TENANCY_PREFIX).collect::<Result<_, _>>())?;
        let row = |(key, value): &(sled::IVec, sled::IVec)| {
            let name = std::str::from_utf8(key.strip_prefix(TENANCY_PREFIX)?).ok()?;
            Some((name.to_owned(), value.to_vec()))
        };
        pairs.iter().map(|pair| row(pair).ok_or(DatabaseError::Damaged)).collect()
    }

    /// When this returns, it is on disk.
    fn commit(&self, batch: sled::Batch) -> Result<(), DatabaseError> {
        fenced(|| {
            self.db.apply_batch(batch)?;
            self.db.flush()
        })?;
        failpoint::reach(Step::DatabaseFlushed);
        self.file.sync_data().map_err(|error| DatabaseError::Engine(error.into()))
    }

    /// Makes the content these documents, whatever it is now.
    pub(super) fn align(&self, revision: u64, documents: &Documents) -> Result<(), DatabaseError> {
        let (_, held) = self.content()?;
        let gone = held.keys().filter(|entry| !documents.contains_key(entry)).map(|entry| (entry.clone(), None));
        let differs = |(entry, document): &(&Entry, &Value)| held.get(entry) != Some(document);
        let written = documents.iter().filter(differs).map(|(entry, document)| (entry.clone(), Some(document)));
        self.write(revision, &gone.chain(written).collect())
    }

    /// The revision that the content is of.
    pub(super) fn revision(&self) -> Result<u64, DatabaseError> {
        let Some(bytes) = fenced(|| self.db.get(REVISION_KEY))? else { return Ok(0) };
        bytes.as_ref().try_into().map(u64::from_be_bytes).map_err(|_| DatabaseError::Damaged)
    }

    fn open_as_is(folder: &Path) -> Result<OpenedStore, DatabaseError> {
        durable::make_folder(folder)?;
        let path = folder.join("db");
        await_release(&path)?;
        // Without its own flusher: each write flushes.
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES_MAX).flush_every_ms(None);
        let db = fenced(|| config.open())?;
        let file = File::open(&path).map_err(FileSystemError::when("open", &path))?;
        let store = Self { db, file };
        let (revision, documents) = store.content()?;
        Ok(OpenedStore { store, revision, documents, notes: Vec::new() })
    }

    fn content(&self) -> Result<(u64, Documents), DatabaseError> {
        let pairs: Vec<_> = fenced(|| self.db.iter().filter(is_entry).collect::<Result<_, _>>())?;
        let documents =
            pairs.iter().map(|(key, value)| read(key, value).ok_or(DatabaseError::Damaged)).collect::<Result<_, _>>()?;
        Ok((self.revision()?, documents))
    }
}

/// sled's last handle syncs its file, and panics where that fails. Where the disk does not sync any more the handle is kept for good: the
/// host ends, and says why.
impl Drop for Store {
    #[expect(clippy::mem_forget, reason = "a handle that nobody drops is what is wanted")]
    fn drop(&mut self) {
        if self.file.sync_data().is_err() {
            std::mem::forget(self.db.clone());
        }
    }
}

impl DatabaseError {
    /// Whether another database in its place would do better. Where the disk is full or closed to us, it would not.
    fn is_damage(&self) -> bool {
        let Self::Engine(source) = self else { return matches!(self, Self::Damaged) };
        match source.downcast_ref::<sled::Error>() {
            Some(sled::Error::Io(error)) => !matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem
            ),
            other => other.is_some(),
        }
    }
}

/// Calls sled, and turns its panics into errors.
fn fenced<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, DatabaseError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| DatabaseError::Engine(error.into())),
        Err(_) => Err(DatabaseError::Damaged),
    }
}

fn is_entry(pair: &sled::Result<(sled::IVec, sled::IVec)>) -> bool {
    !matches!(pair, Ok((key, _)) if key.first() == Some(&APART))
}

fn read(key: &[u8], value: &[u8]) -> Option<(Entry, Value)> {
    Some((std::str::from_utf8(key).ok()?.parse().ok()?, serde_json::from_slice(value).ok()?))
}

/// After a database was closed in this process, sled's threads may hold its lock for a moment longer. sled tells a held lock like any
/// other failure, which must not be taken for damage; so it is waited for here.
fn await_release(path: &Path) -> Result<(), DatabaseError> {
    let failed = FileSystemError::when("lock", path);
    for _ in 0..LOCK_TRIES_MAX {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error).into()),
        };
        match file.try_lock() {
            // Closing the handle gives the lock up again.
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(failed(error).into()),
        }
    }
    Err(DatabaseError::Locked { file: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn entry(text: &str) -> Entry {
        text.parse().expect("an entry")
    }

    #[test]
    fn what_was_written_is_there_after_opening_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let (a, b) = (entry("default/rules/a"), entry("default/rules/b"));
        {
            let store = Store::open(folder.path(), Timestamp(0)).expect("opened").store;
            let document = json!({ "n": 1 });
            store.write(1, &BTreeMap::from([(a.clone(), Some(&document)), (b.clone(), Some(&document))])).expect("written");
            store.write(2, &BTreeMap::from([(a, None)])).expect("removed");
        }
        let opened = Store::open(folder.path(), Timestamp(0)).expect("opened again");
        assert_eq!((opened.revision, opened.documents), (2, Documents::from([(b, json!({ "n": 1 }))])));
        assert!(opened.notes.is_empty());
    }

    #[test]
    fn aligning_leaves_exactly_the_documents_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), Timestamp(0)).expect("opened").store;
        let document = json!(1);
        store
            .write(1, &BTreeMap::from([(entry("w/rules/a"), Some(&document)), (entry("w/rules/b"), Some(&document))]))
            .expect("ok");
        let documents = Documents::from([(entry("w/rules/b"), json!(2)), (entry("w/rules/c"), json!(3))]);
        store.align(7, &documents).expect("aligned");
        assert_eq!(store.content().expect("read"), (7, documents));
    }

    #[test]
    fn workspaces_and_keys_lie_beside_the_entries() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(folder.path(), Timestamp(0)).expect("opened").store;
        let documents = Documents::from([(entry("w/rules/a"), json!(1))]);
        store.align(3, &documents).expect("aligned");
        let rows = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect::<Rows>();
        store.align_tenancy(&rows(&["keys/a", "keys/b"])).expect("written");
        store.align_tenancy(&rows(&["keys/b", "workspaces/w"])).expect("written again");
        assert_eq!(store.content().expect("read"), (3, documents));
        store.align(4, &Documents::new()).expect("aligned to nothing");
        assert_eq!(store.tenancy().expect("read"), rows(&["keys/b", "workspaces/w"]));
    }

    #[test]
    fn a_damaged_database_is_set_aside() {
        for damage in ["db", "conf"] {
            let parent = tempfile::tempdir().expect("a folder");
            let folder = parent.path().join("hub");
            {
                let store = Store::open(&folder, Timestamp(0)).expect("opened").store;
                store.write(1, &BTreeMap::from([(entry("w/rules/a"), Some(&json!(1)))])).expect("written");
            }
            let path = folder.join(damage);
            let bytes = fs::read(&path).expect("read");
            fs::write(&path, bytes.iter().map(|byte| byte ^ 0x55).collect::<Vec<_>>()).expect("damaged");

            let opened = Store::open(&folder, Timestamp(42)).expect("opened all the same");
            assert_eq!(opened.documents, Documents::new(), "{damage}");
            if opened.notes.is_empty() {
                // sled takes a log of nothing but noise for an empty one; the records make good for it.
                assert_eq!((damage, opened.revision), ("db", 0));
            } else {
                assert!(parent.path().join("hub.damaged-42").is_dir());
            }
        }
    }
}
