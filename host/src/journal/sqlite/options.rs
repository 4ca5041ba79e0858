//! Settings of the engine.

use std::path::PathBuf;

use crate::journal::DiskProbe;

/// Settings of the journal. Everything that can wait or grow has its limit here.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the journal's files.
    pub folder: PathBuf,
    /// Calls that may wait for the committer; one more is refused as busy. The last quarter is kept from appends, so that a flood
    /// of events cannot keep the flows behind the journal from ending their work. 4,096.
    pub queue_max: usize,
    /// Events in one transaction. 1,024.
    pub commit_events_max: usize,
    /// Threads that hand out work. They do nothing else, so that routing and delivering wait for nobody's listing. 2.
    pub claimers: usize,
    /// Threads that list what is on record. 2.
    pub readers: usize,
    /// A claim hands out no more after the bodies that it read exceed this; what is left is due at once. One piece is always handed
    /// out. 64 MiB.
    pub claim_bytes_max: u64,
    /// Calls that may wait for either; one more is refused as busy. 4,096.
    pub read_queue_max: usize,
    /// A listing that takes longer is stopped, and fails as too slow. 5,000.
    pub listing_ms_max: u64,
    /// The log is copied into the file when it has this many pages of 8 KiB that are not. 4,096, which is 32 MiB.
    pub checkpoint_pages: u32,
    /// New events are taken until what the file holds has this size. From seven eighths of it on what is settled is removed before its
    /// time. The work on what was taken may use a quarter (64 MiB at least) more; the log comes on top: about four times
    /// `checkpoint_pages`. No limit.
    pub bytes_max: Option<u64>,
    /// New events are taken while the file system has this much free. From one and a half times as much on what is settled is removed
    /// before its time. It has to hold what is taken between two looks, and the log. 512 MiB.
    pub disk_reserve_bytes: u64,
    /// Tells what the file system has free. `statvfs`.
    pub disk: DiskProbe,
    /// Claimed events, runs and batches that nobody ended are handed out again after this time. Five minutes.
    pub lease_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("journal"),
            queue_max: 4_096,
            commit_events_max: 1_024,
            claimers: 2,
            claim_bytes_max: 64 << 20,
            readers: 2,
            read_queue_max: 4_096,
            listing_ms_max: 5_000,
            checkpoint_pages: 4_096,
            bytes_max: None,
            disk_reserve_bytes: 512 << 20,
            disk: DiskProbe::default(),
            lease_ms: 300_000,
        }
    }
}

impl Options {
    /// The defaults, in this folder.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }
}
