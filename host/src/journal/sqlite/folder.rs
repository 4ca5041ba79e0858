//! The folder: one process at a time, nothing in it before its name is on disk, and nobody but its owner reads it: bodies are in clear.

use std::{
    fs::{DirBuilder, File, TryLockError},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::error::StoreError;

/// Folders are entered by their owner only.
const FOLDER_MODE: u32 = 0o700;

/// Files are read by their owner only.
const FILE_MODE: u32 = 0o600;

/// The store's file.
pub(super) const FILE: &str = "journal.db";
/// Held by who has the folder.
pub(super) const LOCK: &str = "journal.lock";

/// A folder that is ours while this lives. The system takes the lock back when the process dies.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path)?;
        // Also where it was there: who made it may have been stopped right after.
        if let Some(parent) = path.canonicalize()?.parent() {
            sync(parent)?;
        }
        let lock = private(&path.join(LOCK))?;
        match super::super::lock(&lock) {
            Ok(()) => {
                let folder = Self { path: path.to_owned(), _lock: lock };
                // SQLite takes an empty file for a new one, and gives its log and the log's index the mode of this one.
                private(&folder.file())?;
                Ok(folder)
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The store's file.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join(FILE)
    }

    /// The write-ahead log of that file, as SQLite names it.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("journal.db-wal")
    }

    /// Makes the names of new files durable: a synced file without a name is lost.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        sync(&self.path)
    }
}

/// Opens a file; one that is not there is made for its owner only, from the first moment on.
pub(super) fn private(path: &Path) -> Result<File, StoreError> {
    Ok(File::options().create(true).write(true).truncate(false).mode(FILE_MODE).open(path)?)
}

fn sync(folder: &Path) -> Result<(), StoreError> {
    Ok(File::open(folder)?.sync_all()?)
}
