//! A line of the recorder's log. This file belongs to two programs: the recorder, which writes, and the harness, which reads.

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A file came to be: `text` is its path.
    Create,
    /// A folder came to be: `text` is its path.
    Folder,
    /// `bytes` were written at `at`.
    Write,
    /// The length became `at`.
    Resize,
    /// `text` is the path before, NUL, and the path after.
    Rename,
    /// A file or an empty folder went: `text` is its path.
    Remove,
    /// Everything written to the file before is on disk; of a folder: its names.
    Sync,
    /// Writing back was begun, which promises nothing (`sync_file_range`).
    Hint,
    /// The file can be changed by memory from now on, which is not seen here.
    Map,
    /// What was asked for was refused: `at` is the number of its kind.
    Failed,
    /// Something that the test wants to remember the place of.
    Mark,
}

/// All kinds, by their number.
pub(crate) const KINDS: [Kind; 11] = [
    Kind::Create,
    Kind::Folder,
    Kind::Write,
    Kind::Resize,
    Kind::Rename,
    Kind::Remove,
    Kind::Sync,
    Kind::Hint,
    Kind::Map,
    Kind::Failed,
    Kind::Mark,
];

/// Before the bytes: kind, file, place, and how many bytes follow.
pub(crate) const HEAD_BYTES: usize = 1 + 8 + 8 + 4;

/// What stands before the bytes. Files are known by their inode, from their creation to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// What happened.
    pub(crate) kind: Kind,
    /// To which file; 0 where a path says it.
    pub(crate) file: u64,
    /// Where.
    pub(crate) at: u64,
    /// How many bytes follow.
    pub(crate) length: u32,
}

impl Head {
    /// As it is written.
    pub(crate) fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1..9].copy_from_slice(&self.file.to_le_bytes());
        bytes[9..17].copy_from_slice(&self.at.to_le_bytes());
        bytes[17..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }
}
