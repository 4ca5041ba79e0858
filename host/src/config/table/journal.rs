//! Settings of the store of events.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "journal":
    /// How long events are kept after their last delivery, as in `12h` or `7d`.
    retain: time(TIME) => config.retention.settled_ms, live;
    /// How long events with a dead letter are kept after the last thing that happened to them.
    retain_dead: time(TIME) => config.retention.dead_ms, live;
    /// How long is kept what the plugins of a failed run were told, for `plugin run --event`.
    retain_saw: time(TIME) => config.retention.saw_ms, live;
    /// How long entries of the audit log are kept, however full the disk is.
    retain_audit: time(TIME) => config.retention.audit_ms, live;
    /// The size of the journal at which new events are refused, at least 1048576; before, what is settled is removed early. 0: no limit.
    journal_bytes_max: optional_number(BYTES) => config.journal.bytes_max;
    /// New events are refused while the disk has less free than this; before, what is settled is removed early.
    disk_reserve_bytes: number(BYTES) => config.journal.disk_reserve_bytes;
    /// Writes that may wait to be committed; one more is refused as busy. The last quarter is not for new events.
    journal_queue_max: number(COUNT, 4..) => config.journal.queue_max;
    /// Events in one transaction.
    commit_events_max: number(EVENTS, 1..) => config.journal.commit_events_max;
    /// Threads that hand out work that is due.
    journal_claimers: number(THREADS, 1..) => config.journal.claimers;
    /// Threads that list what is on record.
    journal_readers: number(THREADS, 1..) => config.journal.readers;
    /// Reads that may wait for either; one more is refused as busy.
    journal_read_queue_max: number(COUNT, 1..) => config.journal.read_queue_max;
    /// Bodies that are handed out at once; what is more is due at once again.
    claim_bytes_max: number(BYTES, 1..) => config.journal.claim_bytes_max;
    /// A listing that takes longer is stopped, and refused as too slow.
    listing_ms_max: number(MS, 1..) => config.journal.listing_ms_max;
    /// The log is copied into the file when it has so many pages of 8 KiB that are not.
    checkpoint_pages: number(PAGES, 1..) => config.journal.checkpoint_pages;
    /// Work that was handed out and that nobody ended is handed out again after this time.
    lease_ms: number(MS, 1..) => config.journal.lease_ms;
};
