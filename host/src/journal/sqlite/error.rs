//! What can go wrong in the engine, and what of it the callers of the journal have to tell apart.

use std::{io, path::PathBuf, sync::Arc};

use rusqlite::{ErrorCode, ffi};

use crate::journal::JournalError;

/// A failure of the engine.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// SQLite refused.
    #[error("SQLite: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The file system refused.
    #[error("the journal's files: {0}")]
    Io(#[from] io::Error),
    /// Two processes on one journal would hand out the same work twice.
    #[error("the journal in {} is in use by another process", folder.display())]
    InUse {
        /// Which.
        folder: PathBuf,
    },
    /// Made before the first release: there is no way on from there.
    #[error("the journal has schema version {found}, this program knows {known}: begin with an empty data folder")]
    Older {
        /// On disk.
        found: i64,
        /// The only one we know.
        known: i64,
    },
    /// A downgrade.
    #[error("the journal has schema version {found}, this program knows {known}: start the newer program again")]
    Newer {
        /// On disk.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// Somebody else's file: the settings that are fixed at creation are not ours.
    #[error("{} is an SQLite file, but no journal", path.display())]
    Foreign {
        /// Which.
        path: PathBuf,
    },
    /// Nothing is copied from it.
    #[error("a sync of the journal's log failed, and it has not been written once more yet")]
    InDoubt,
    /// Somebody else is at the copy's file.
    #[error("the copy of the journal is locked by another program")]
    CopyLocked,
    /// A mistake of the caller.
    #[error("the messages of a batch cannot join a batch")]
    BatchJoinsBatch,
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        if error.is_full() {
            Self::Full
        } else if error.is_too_slow() {
            Self::TooSlow
        } else {
            Self::Failed(Arc::new(error))
        }
    }
}

impl StoreError {
    /// Whether it was a listing that was stopped at its time limit: nothing else is ever interrupted.
    fn is_too_slow(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted))
    }

    /// Whether it was a sync that failed: then the system may hold for written what is not.
    pub(super) fn is_of_sync(&self) -> bool {
        let syncs = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC];
        matches!(self, Self::Sql(error) if error.sqlite_extended_error_code().is_some_and(|code| syncs.contains(&code)))
    }

    /// Whether it would have worked with more space. SQLite tells of a full disk in two ways: one for its files, and one for the
    /// index of its log, which is shared memory backed by a file.
    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Sql(error) => {
                error.sqlite_error_code() == Some(ErrorCode::DiskFull)
                    || error.sqlite_extended_error_code() == Some(ffi::SQLITE_IOERR_SHMSIZE)
            }
            Self::Io(error) => error.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}
