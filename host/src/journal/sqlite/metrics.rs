//! What the engine tells about itself.

use std::{collections::BTreeMap, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::journal::Revived;

/// In seconds: from a disk with a cache of its own to one that stalls.
const SECONDS_BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The engine's metrics; clones share their values.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    /// Transactions that were committed and synced.
    pub(super) commits: Counter,
    /// Transactions that failed.
    pub(super) failures: Counter,
    /// What the committer has not taken yet; also what the share of appends in the queue is measured by.
    pub(super) queued: Gauge,
    /// The write-ahead log's size.
    pub(super) log_pages: Gauge,
    /// Whether new events are taken: 1 or 0.
    pub(super) admitting: Gauge,
    /// Events that were refused for want of space.
    pub(super) refused: Counter,
    /// Given back to the file system.
    pub(super) given_back_bytes: Counter,
    used_bytes: Gauge,
    file_bytes: Gauge,
    disk_free_bytes: Gauge,
    removed_rows: Family<Table, Counter>,
    commit_seconds: Histogram,
    sync_seconds: Histogram,
    commit_events: Histogram,
    revived: Family<RevivedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevivedLabels {
    /// `delivery`, `run` and `batch` as they were; `event` through the rules of today.
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Table {
    table: &'static str,
}

impl Metrics {
    /// Registers them.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            commits: Counter::default(),
            failures: Counter::default(),
            queued: Gauge::default(),
            log_pages: Gauge::default(),
            admitting: Gauge::default(),
            refused: Counter::default(),
            given_back_bytes: Counter::default(),
            used_bytes: Gauge::default(),
            file_bytes: Gauge::default(),
            disk_free_bytes: Gauge::default(),
            removed_rows: Family::default(),
            commit_seconds: Histogram::new(SECONDS_BUCKETS),
            sync_seconds: Histogram::new(SECONDS_BUCKETS),
            commit_events: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]),
            revived: Family::default(),
        };
        registry.register("sluicebox_journal_commits", "Transactions committed and synced", metrics.commits.clone());
        registry.register("sluicebox_journal_commit_failures", "Transactions that failed", metrics.failures.clone());
        registry.register("sluicebox_journal_queue_depth", "Calls that wait for the committer", metrics.queued.clone());
        registry.register("sluicebox_journal_wal_pages", "Pages in the write-ahead log", metrics.log_pages.clone());
        registry.register(
            "sluicebox_journal_admitting",
            "1 while new events are taken, 0 for want of space",
            metrics.admitting.clone(),
        );
        registry.register("sluicebox_journal_refused_events", "Events refused for want of space", metrics.refused.clone());
        let bytes = |registry: &mut Registry, name: &str, help: &str, gauge: &Gauge| {
            registry.register_with_unit(name, help, Unit::Bytes, gauge.clone());
        };
        bytes(registry, "sluicebox_journal_used", "What the journal holds, without its log", &metrics.used_bytes);
        bytes(registry, "sluicebox_journal_file", "The journal's file, free pages included", &metrics.file_bytes);
        bytes(registry, "sluicebox_journal_disk_free", "What the file system of the journal has free", &metrics.disk_free_bytes);
        let given_back = metrics.given_back_bytes.clone();
        registry.register_with_unit("sluicebox_journal_given_back", "Given back to the file system", Unit::Bytes, given_back);
        registry.register("sluicebox_journal_removed_rows", "Rows no longer kept, by table", metrics.removed_rows.clone());
        registry.register("sluicebox_journal_commit_duration_seconds", "From begin to synced", metrics.commit_seconds.clone());
        let sync = "The end of a transaction alone: written to the log and synced";
        registry.register("sluicebox_journal_sync_duration_seconds", sync, metrics.sync_seconds.clone());
        registry.register("sluicebox_journal_commit_events", "Events appended in one transaction", metrics.commit_events.clone());
        registry.register("sluicebox_journal_revived", "What was settled and is taken up again", metrics.revived.clone());
        metrics
    }

    /// This was taken up again.
    pub(super) fn revived(&self, revived: &Revived) {
        let Revived { deliveries, runs, batches, events, .. } = *revived;
        for (what, count) in [("delivery", deliveries), ("run", runs), ("batch", batches), ("event", events)] {
            if count > 0 {
                self.revived.get_or_create(&RevivedLabels { what }).inc_by(count);
            }
        }
    }

    /// What was found on disk.
    pub(super) fn measured(&self, used_bytes: u64, file_bytes: u64, disk_free_bytes: Option<u64>) {
        let all = [
            (&self.used_bytes, Some(used_bytes)),
            (&self.file_bytes, Some(file_bytes)),
            (&self.disk_free_bytes, disk_free_bytes),
        ];
        for (gauge, bytes) in all {
            if let Some(bytes) = bytes {
                gauge.set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
    }

    /// Rows that were removed, by table.
    pub(super) fn removed(&self, rows: BTreeMap<&'static str, u64>) {
        for (table, rows) in rows {
            self.removed_rows.get_or_create(&Table { table }).inc_by(rows);
        }
    }

    /// A transaction was committed, and took so long to be synced if it was.
    #[expect(clippy::cast_precision_loss, reason = "a transaction has thousands of events at most")]
    pub(super) fn committed(&self, events: usize, took: Duration, synced: Option<Duration>) {
        self.commits.inc();
        self.commit_seconds.observe(took.as_secs_f64());
        if let Some(synced) = synced {
            self.sync_seconds.observe(synced.as_secs_f64());
        }
        if events > 0 {
            self.commit_events.observe(events as f64);
        }
    }
}
