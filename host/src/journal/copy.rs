//! The journal as it is at one moment, for backups.

use std::path::Path;

use super::JournalError;

/// The journal as of one moment. While this lives the write-ahead log keeps what was written since, so it should not live long.
pub trait Frozen: Send {
    /// How many bytes a copy has.
    fn bytes(&self) -> u64;

    /// Writes a copy, which is a journal of its own, into a file that is not there yet. Asks before each piece whether to go on. Blocks.
    ///
    /// # Errors
    ///
    /// That of `go_on`, or the store's; what was written by then is no journal.
    fn copy_to(self: Box<Self>, path: &Path, go_on: &mut dyn FnMut() -> Result<(), JournalError>) -> Result<(), JournalError>;
}
