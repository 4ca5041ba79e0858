//! Copies of the whole file, by SQLite's backup interface, over a connection that holds one view of it from the first page to the last:
//! so a copy is of one moment, however long it takes and whatever is committed meanwhile.

use std::{ffi::c_int, path::Path};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{
    Options,
    error::StoreError,
    folder::{self, Folder},
    leftover, schema,
    wire::Columns,
};
use crate::journal::{Frozen, JournalError};

/// Pages from one question whether to go on to the next: 8 MiB.
const PIECE_PAGES: c_int = 1_024;

/// A connection within a view.
struct View {
    connection: Connection,
    bytes: u64,
    /// Where no host has it: so that none begins meanwhile.
    _folder: Option<Folder>,
}

/// The journal of a running host as it is now.
pub(super) fn freeze(file: &Path) -> Result<Box<dyn Frozen>, StoreError> {
    Ok(Box::new(View::over(schema::open_reader(file)?, None)?))
}

/// The journal that no host has open, as it was left. It is locked for as long as this lives.
///
/// # Errors
///
/// Where there is none, a host has it open, or the disk failed.
pub fn freeze_stopped(options: &Options) -> Result<Box<dyn Frozen>, JournalError> {
    Ok(Box::new(View::of_stopped(options)?))
}

impl View {
    fn of_stopped(options: &Options) -> Result<Self, StoreError> {
        // Opening would make one.
        std::fs::metadata(options.folder.join(folder::FILE))?;
        let folder = Folder::open(&options.folder)?;
        leftover::make_certain(&folder.log())?;
        Self::over(schema::open_tidier(&folder.file())?, Some(folder))
    }

    fn over(connection: Connection, folder: Option<Folder>) -> Result<Self, StoreError> {
        // The view begins with the first statement that reads.
        connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")?;
        let pages: u64 = connection.query_row("PRAGMA page_count", [], |row| Columns::of(row).whole())?;
        Ok(Self { connection, bytes: pages * schema::PAGE_BYTES, _folder: folder })
    }

    fn copy(&self, path: &Path, go_on: &mut dyn FnMut() -> Result<(), JournalError>) -> Result<(), JournalError> {
        folder::private(path)?;
        let mut copy = Connection::open(path).map_err(StoreError::from)?;
        // Half a copy is worth nothing: neither a rollback nor a sync would make more of it.
        for pragma in ["journal_mode", "synchronous"] {
            copy.pragma_update(None, pragma, "OFF").map_err(StoreError::from)?;
        }
        let backup = Backup::new(&self.connection, &mut copy).map_err(StoreError::from)?;
        loop {
            go_on()?;
            match backup.step(PIECE_PAGES).map_err(StoreError::from)? {
                StepResult::Done => return Ok(()),
                StepResult::More => {}
                // Both files are ours alone, and the view is held.
                _ => return Err(StoreError::CopyLocked.into()),
            }
        }
    }
}

impl Frozen for View {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn copy_to(self: Box<Self>, path: &Path, go_on: &mut dyn FnMut() -> Result<(), JournalError>) -> Result<(), JournalError> {
        self.copy(path, go_on)
    }
}
