//! The folder: one process at a time, and nothing in it before its name is on disk.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::error::StoreError;

/// A folder that is ours while this lives. The system takes the lock back when the process dies.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder where there is none, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.is_dir() {
            std::fs::create_dir_all(path)?;
            if let Some(parent) = path.canonicalize()?.parent() {
                sync(parent)?;
            }
        }
        let lock = File::options().create(true).write(true).truncate(false).open(path.join("journal.lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { folder: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// The store's file.
    pub(super) fn file(&self) -> PathBuf {
        self.path.join("journal.db")
    }

    /// Makes the names of new files durable: a synced file without a name is lost.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        sync(&self.path)
    }
}

fn sync(folder: &Path) -> Result<(), StoreError> {
    Ok(File::open(folder)?.sync_all()?)
}
