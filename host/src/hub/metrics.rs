//! What operators see of the control plane: which revision is in force, and how many were applied since the host was started.

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::Hub;

impl Hub {
    /// The revision in force; 0 before the first.
    #[must_use]
    pub fn revision_in_force(&self) -> u64 {
        self.inner.state.load().revision
    }
}

/// Registers them.
pub fn register(hub: &Arc<Hub>, registry: &mut Registry) {
    let found = hub.revision_in_force();
    registry.register_collector(Box::new(Revisions { hub: Arc::clone(hub), found }));
}

struct Revisions {
    hub: Arc<Hub>,
    /// The revision that the start found.
    found: u64,
}

impl Collector for Revisions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let revision = self.hub.revision_in_force();
        let gauge = encoder.encode_descriptor("sluicebox_hub_revision", "The revision in force", None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(revision).unwrap_or(i64::MAX)).encode(gauge)?;
        let what = "Revisions applied since the host was started";
        let counter = encoder.encode_descriptor("sluicebox_hub_revisions_applied", what, None, MetricType::Counter)?;
        // Numbers are given in turn; only what a start found damaged is passed over, and counts as if it had been applied since.
        ConstCounter::new(revision.saturating_sub(self.found)).encode(counter)
    }
}

impl fmt::Debug for Revisions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Revisions").finish_non_exhaustive()
    }
}
