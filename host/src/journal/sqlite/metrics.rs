//! What the engine tells about itself.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::journal::Revived;

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
    commit_seconds: Histogram,
    commit_events: Histogram,
    revived: Family<RevivedLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RevivedLabels {
    /// `delivery`, `run` and `batch` as they were; `event` through the rules of today.
    what: &'static str,
}

impl Metrics {
    /// Registers them.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            commits: Counter::default(),
            failures: Counter::default(),
            queued: Gauge::default(),
            log_pages: Gauge::default(),
            commit_seconds: Histogram::new([0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0]),
            commit_events: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]),
            revived: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("sluicebox_journal");
        registry.register("commits", "Transactions committed and synced", metrics.commits.clone());
        registry.register("commit_failures", "Transactions that failed", metrics.failures.clone());
        registry.register("queue_depth", "Calls that wait for the committer", metrics.queued.clone());
        registry.register("wal_pages", "Pages in the write-ahead log", metrics.log_pages.clone());
        registry.register("commit_duration_seconds", "From begin to synced", metrics.commit_seconds.clone());
        registry.register("commit_events", "Events appended in one transaction", metrics.commit_events.clone());
        registry.register("revived", "What was settled and is taken up again", metrics.revived.clone());
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

    /// A transaction was committed.
    #[expect(clippy::cast_precision_loss, reason = "a transaction has thousands of events at most")]
    pub(super) fn committed(&self, events: usize, took: Duration) {
        self.commits.inc();
        self.commit_seconds.observe(took.as_secs_f64());
        if events > 0 {
            self.commit_events.observe(events as f64);
        }
    }
}
