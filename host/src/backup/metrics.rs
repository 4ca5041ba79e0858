//! What backups tell about themselves. The times are of backups since the host started.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use crate::event::Timestamp;

/// Clones share their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    ended: Family<Outcome, Counter>,
    under_way: Gauge,
    last_bytes: Gauge,
    last_at: Gauge<f64, AtomicU64>,
    last_took: Gauge<f64, AtomicU64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Metrics {
    /// Registers them.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let ended = metrics.ended.clone();
        registry.register("sluicebox_backup_ended", "Backups, by how they ended: made or failed", ended);
        registry.register("sluicebox_backup_under_way", "Backups under way", metrics.under_way.clone());
        let bytes = metrics.last_bytes.clone();
        registry.register_with_unit("sluicebox_backup_last", "The size of the last backup", Unit::Bytes, bytes);
        let (at, what) = (metrics.last_at.clone(), "The moment that the last backup is of; 0: none since the start");
        registry.register("sluicebox_backup_last_made_timestamp_seconds", what, at);
        let took = metrics.last_took.clone();
        registry.register("sluicebox_backup_last_duration_seconds", "How long the last backup took", took);
        metrics
    }

    /// One begins.
    pub(super) fn begun(self) -> Begun {
        self.under_way.inc();
        Begun { metrics: self, made: false }
    }
}

/// A backup under way; one that is dropped before it was made has failed.
pub(super) struct Begun {
    metrics: Metrics,
    made: bool,
}

impl Begun {
    /// It was made.
    pub(super) fn made(mut self, bytes: u64, at: Timestamp, took: Duration) {
        self.made = true;
        self.metrics.last_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        self.metrics.last_at.set(Duration::from_millis(at.0).as_secs_f64());
        self.metrics.last_took.set(took.as_secs_f64());
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.metrics.under_way.dec();
        let outcome = if self.made { "made" } else { "failed" };
        self.metrics.ended.get_or_create(&Outcome { outcome }).inc();
    }
}
