//! What is counted of queues that are fetched from. What became of messages is counted with all deliveries.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The metrics of all queues.
#[derive(Debug)]
pub(super) struct Metrics {
    leases: Family<Labels, Counter>,
    /// Messages under lease.
    pub(super) leased: Gauge,
    waiting: Gauge,
    /// Polls that were refused, because as many waited as may.
    pub(super) refused: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Metrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let metrics =
            Self { leases: Family::default(), leased: Gauge::default(), waiting: Gauge::default(), refused: Counter::default() };
        registry.register("sluicebox_pull_leases", "Leases of messages, by what became of them", metrics.leases.clone());
        registry.register("sluicebox_pull_leased", "Messages under lease", metrics.leased.clone());
        registry.register("sluicebox_pull_polls_waiting", "Polls that wait for messages", metrics.waiting.clone());
        registry.register("sluicebox_pull_polls_refused", "Polls refused, since too many waited", metrics.refused.clone());
        metrics
    }

    /// Counts leases: `given`, `acked`, `nacked`, `lapsed`.
    pub(super) fn count(&self, outcome: &'static str, leases: usize) {
        self.leases.get_or_create(&Labels { outcome }).inc_by(leases as u64);
    }

    /// Counts a poll as waiting while the value lives.
    pub(super) fn waiting(&self) -> Waiting {
        self.waiting.inc();
        Waiting(self.waiting.clone())
    }
}

/// A poll that waits, also where its consumer goes away.
#[derive(Debug)]
pub(super) struct Waiting(Gauge);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
