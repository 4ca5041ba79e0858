//! Checkpoints: what was committed to the log is copied into the file beside the committer, not in it. The same thread looks how
//! much space there is, and forgets leases that are over. Neither is in anybody's way, and neither is needed for correctness at a given moment.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{Shared, error::StoreError, log::Log, schema};
use crate::{
    failpoint::{self, Step},
    journal::{Short, Space},
};

/// How often leases are looked through.
const TICK: Duration = Duration::from_secs(1);

/// How long a checkpoint that resets the log may hold the committer up.
const RESET: Duration = Duration::from_millis(200);

/// The log is reset with the committer held up only where it has grown to this many times the size at which copying begins.
pub(super) const LOG_FACTOR_MAX: u32 = 4;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Tidy {
    /// Something was committed.
    Grown,
    /// Empty the log and stop. The committer and the readers have stopped.
    Stop,
}

/// The thread's own.
pub(super) struct Tidier {
    /// Makes checkpoints only.
    pub(super) connection: Connection,
    /// Holds one notice at most: a second one says nothing new.
    pub(super) notices: Receiver<Tidy>,
    /// Leases, feed, clock and metrics.
    pub(super) shared: Arc<Shared>,
    /// What of it is on disk.
    pub(super) log: Arc<Log>,
    /// Copying begins at this size of the log.
    pub(super) checkpoint_pages: u32,
}

/// The log's size, and how much of it is copied.
pub(super) struct Size {
    pages: u32,
    copied: u32,
}

impl Tidier {
    /// Works until it is told to stop, or nobody is left who could.
    pub(super) fn run(self) {
        let mut looked = Instant::now();
        loop {
            let notice = self.notices.recv_timeout(TICK);
            let is_long_ago = looked.elapsed() >= TICK;
            if is_long_ago {
                looked = Instant::now();
            }
            let done = match notice {
                Ok(Tidy::Grown) if is_long_ago => self.tidy().and_then(|()| self.look()),
                Ok(Tidy::Grown) => self.tidy(),
                Err(RecvTimeoutError::Timeout) => self.look(),
                Ok(Tidy::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            };
            if let Err(error) = done {
                // The log keeps everything, and the next notice tries again.
                tracing::warn!(%error, "a checkpoint of the journal failed");
            }
            self.shared.held.lapse((self.shared.clock)(), &self.shared.feed);
        }
        if let Err(error) = self.log.make_certain().and_then(|()| self.copy("TRUNCATE")) {
            tracing::warn!(%error, "the last checkpoint of the journal failed; its log is kept");
            if let Err(error) = schema::keep_log(&self.connection) {
                tracing::warn!(%error, "the journal's log may be copied once more");
            }
        }
    }

    fn tidy(&self) -> Result<(), StoreError> {
        let log = self.checkpoint("NOOP")?;
        self.shared.metrics.log_pages.set(i64::from(log.pages));
        // What is copied is written over by the next commit that finds all of it copied.
        if log.pages.saturating_sub(log.copied) < self.checkpoint_pages {
            return Ok(());
        }
        let log = self.copy("PASSIVE")?;
        // Under a load without a pause the committer is always a little ahead, and the log would grow for ever.
        if log.pages > self.checkpoint_pages.saturating_mul(LOG_FACTOR_MAX) {
            self.connection.busy_timeout(RESET)?;
            self.copy("RESTART")?;
        }
        Ok(())
    }

    fn copy(&self, mode: &str) -> Result<Size, StoreError> {
        failpoint::reach(Step::CheckpointBegun);
        let log = self.checkpoint(mode)?;
        failpoint::reach(Step::CheckpointEnded);
        Ok(log)
    }

    /// Once in a while, also under commits that never pause: what was given back is not the file system's before the log is copied, and the log itself takes
    /// space that others may need.
    fn look(&self) -> Result<(), StoreError> {
        self.shared.watch.measure(&self.connection, &self.shared.metrics)?;
        if self.shared.watch.space() == Space::Full(Short::Disk) {
            self.connection.busy_timeout(RESET)?;
            self.checkpoint("TRUNCATE")?;
        } else if self.shared.watch.take_shortened() {
            let log = self.checkpoint("PASSIVE")?;
            if log.copied < log.pages {
                self.shared.watch.shortened();
            }
        }
        Ok(())
    }

    pub(super) fn checkpoint(&self, mode: &str) -> Result<Size, StoreError> {
        if self.log.is_in_doubt() {
            return Err(StoreError::InDoubt);
        }
        let size = |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column).map(|pages| u32::try_from(pages).unwrap_or(0));
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let size = self.connection.query_row(&sql, [], |row| Ok(Size { pages: size(row, 1)?, copied: size(row, 2)? }));
        size.map_err(StoreError::from).inspect_err(|error| self.log.checkpoint_failed(error))
    }
}
