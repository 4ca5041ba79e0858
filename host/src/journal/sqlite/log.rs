//! What of the log is on disk. A transaction on which nobody relies (what matched, what became of deliveries) is committed without a sync: the
//! next one that is synced takes it along, since both are in one log. A process that is killed loses nothing of it; a power cut may, and then the
//! work is done again, under the same ids. No transaction is left like this for longer than [`UNSYNCED_MAX`].
//!
//! Where a sync fails after such a transaction, the system may hold the pages of both for written: no later sync writes them again, and all
//! that follows would stand behind a gap. So from then on nothing is committed, and nothing is copied out of the log, until all of it is
//! written once more and synced.

use std::{
    fs::File,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{error::StoreError, leftover};

/// After so long a transaction that was committed without a sync gets one of its own.
const UNSYNCED_MAX: Duration = Duration::from_millis(100);

/// So long after it could not be ended a doubt is looked at again, if no transaction does it before.
const DOUBT_PAUSE: Duration = Duration::from_secs(1);

/// The log, as the thread that writes it and the thread that copies it know it.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The oldest transaction that no sync has followed.
    unsynced_since: Option<Instant>,
    /// A sync failed after it.
    in_doubt: bool,
}

impl Log {
    /// A log that is on disk, as it is after [`leftover::make_certain`].
    pub(super) fn certain(path: PathBuf) -> Self {
        Self { path, state: Mutex::default() }
    }

    /// A transaction was committed.
    pub(super) fn committed(&self, synced: bool) {
        let mut state = self.lock();
        match synced {
            true => state.unsynced_since = None,
            false => drop(state.unsynced_since.get_or_insert_with(Instant::now)),
        }
    }

    /// A commit failed: nothing of it is left, but where that was its sync, it may have been the sync of others too.
    pub(super) fn commit_failed(&self, error: &StoreError) {
        let mut state = self.lock();
        state.in_doubt |= error.is_of_sync() && state.unsynced_since.is_some();
    }

    /// A checkpoint failed. It syncs the log before it copies anything, and beside commits that may have none.
    pub(super) fn checkpoint_failed(&self, error: &StoreError) {
        self.lock().in_doubt |= error.is_of_sync();
    }

    /// Whether nothing may rest on what is in it.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.lock().in_doubt
    }

    /// Ends the doubt, where there is one. Nobody else may write the log or reset it meanwhile.
    pub(super) fn make_certain(&self) -> Result<(), StoreError> {
        if self.is_in_doubt() {
            leftover::make_certain(&self.path)?;
            *self.lock() = State::default();
        }
        Ok(())
    }

    /// In how long it has to be seen to if no transaction does it before.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let state = self.lock();
        let due_in = |since: Instant| UNSYNCED_MAX.saturating_sub(since.elapsed());
        if state.in_doubt { Some(DOUBT_PAUSE) } else { state.unsynced_since.map(due_in) }
    }

    /// Syncs it; called by the only one that writes it. Where that fails it is in doubt.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let synced = File::open(&self.path).and_then(|log| log.sync_data());
        match synced {
            Ok(()) => self.committed(true),
            Err(_) => self.lock().in_doubt = true,
        }
        Ok(synced?)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> StoreError {
        StoreError::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn what_was_committed_without_a_sync_is_due_until_one_follows() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::certain(folder.path().join("journal.db-wal"));
        std::fs::write(&log.path, b"frames").expect("written");
        assert_eq!(log.due_in(), None);
        log.committed(false);
        assert!(log.due_in().is_some_and(|due| due <= UNSYNCED_MAX));
        log.committed(true);
        assert_eq!(log.due_in(), None);
        log.committed(false);
        log.sync().expect("it syncs");
        assert_eq!(log.due_in(), None);
    }

    #[test]
    fn a_sync_that_fails_puts_in_doubt_what_came_before_it_until_all_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = Log::certain(folder.path().join("journal.db-wal"));
        log.commit_failed(&failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(!log.is_in_doubt(), "nothing came before it");
        log.committed(false);
        log.commit_failed(&failure(ffi::SQLITE_FULL));
        assert!(!log.is_in_doubt(), "no sync failed");
        log.commit_failed(&failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(log.is_in_doubt());
        log.committed(true);
        assert!(log.is_in_doubt(), "a later sync does not write it again");
        assert_eq!(log.due_in(), Some(DOUBT_PAUSE));
        log.make_certain().expect("there is no file");
        assert_eq!((log.is_in_doubt(), log.due_in()), (false, None));
        assert!(log.sync().is_err(), "there is no file");
        assert!(log.is_in_doubt());
    }

    #[test]
    fn a_checkpoint_whose_sync_fails_may_have_failed_for_a_commit_that_is_under_way() {
        let log = Log::certain("nowhere".into());
        log.checkpoint_failed(&failure(ffi::SQLITE_IOERR_WRITE));
        assert!(!log.is_in_doubt());
        log.checkpoint_failed(&failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(log.is_in_doubt());
    }
}
