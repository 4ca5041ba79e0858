//! What an archive holds: its last entry, so that one that was cut off has none.

use serde::{Deserialize, Serialize};

use crate::event::Timestamp;

/// The name of the entry.
pub(super) const NAME: &str = "sluicebox-backup.json";

/// The format that is written, and the only one that is read.
pub(super) const FORMAT: u32 = 1;

/// The list of an archive, or of a part of one. This is the form in the archive: a field may be added, none may change its meaning.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Manifest {
    /// Of the archive.
    pub format: u32,
    /// The version that wrote it.
    pub sluicebox: String,
    /// The moment that it is of, as RFC 3339 has it.
    pub made_at: String,
    /// All files before it in the archive, in order.
    pub files: Vec<ManifestFile>,
}

/// One file of an archive.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ManifestFile {
    /// Its path within the data folder.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Of its content, in hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Of what this version writes.
    pub(super) fn of(files: Vec<ManifestFile>, made_at: Timestamp) -> Self {
        let at = jiff::Timestamp::from_millisecond(i64::try_from(made_at.0).unwrap_or(i64::MAX)).unwrap_or_default();
        Self { format: FORMAT, sluicebox: env!("CARGO_PKG_VERSION").to_owned(), made_at: at.to_string(), files }
    }
}
