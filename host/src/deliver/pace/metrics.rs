//! What operators see of paces: who is left alone, and why.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Pace;
use crate::{deliver::metrics::Known, journal::Lane};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    workspace: String,
    destination: String,
}

/// What operators see of paces.
#[derive(Debug)]
pub(super) struct Metrics {
    known: Known,
    disabled: Family<Labels, Gauge>,
    open: Family<Labels, Gauge>,
    opened: Family<Labels, Counter>,
    throttled_to: Family<Labels, Gauge>,
    throttled: Family<Labels, Counter>,
    rate_limited: Family<Labels, Counter>,
}

/// What a pace looks like from outside, to be compared with what it looked like before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) disabled: bool,
    pub(super) open: bool,
    /// `None`: it gets all it may.
    pub(super) throttled_to: Option<usize>,
}

impl Look {
    pub(super) fn of(pace: &Pace) -> Self {
        Self {
            disabled: pace.disabled.is_some(),
            open: pace.breaker.opened().is_some(),
            throttled_to: pace.throttle.lowered_to(),
        }
    }
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            known: Known::default(),
            disabled: Family::default(),
            open: Family::default(),
            opened: Family::default(),
            throttled_to: Family::default(),
            throttled: Family::default(),
            rate_limited: Family::default(),
        };
        let disabled = "1 for a destination that is disabled because it answered 410";
        registry.register("sluicebox_destination_disabled", disabled, metrics.disabled.clone());
        let open = "1 for a destination whose breaker is open";
        registry.register("sluicebox_destination_breaker_open", open, metrics.open.clone());
        let opened = "How often the breaker of a destination opened";
        registry.register("sluicebox_destination_breaker_opened", opened, metrics.opened.clone());
        let throttled_to =
            "Deliveries that a throttled destination gets at once; 0 where it gets all that its concurrency allows";
        registry.register("sluicebox_destination_throttled_to", throttled_to, metrics.throttled_to.clone());
        let throttled = "How often a destination was given fewer deliveries at once";
        registry.register("sluicebox_destination_throttled", throttled, metrics.throttled.clone());
        let rate_limited = "How often a destination's deliveries had to wait for its rate";
        registry.register("sluicebox_destination_rate_limited", rate_limited, metrics.rate_limited.clone());
        metrics
    }

    /// Tells what has changed.
    pub(super) fn changed(&self, lane: &Lane, before: Look, after: Look) {
        if before == after {
            return;
        }
        let labels = self.labels(lane);
        let by = |before: bool, after: bool| i64::from(after) - i64::from(before);
        self.disabled.get_or_create(&labels).inc_by(by(before.disabled, after.disabled));
        self.open.get_or_create(&labels).inc_by(by(before.open, after.open));
        if after.open && !before.open {
            self.opened.get_or_create(&labels).inc();
        }
        if self.known.has(lane) {
            let to = after.throttled_to.and_then(|to| i64::try_from(to).ok()).unwrap_or_default();
            self.throttled_to.get_or_create(&labels).set(to);
        }
    }

    pub(super) fn throttled(&self, lane: &Lane) {
        self.throttled.get_or_create(&self.labels(lane)).inc();
    }

    pub(super) fn rate_limited(&self, lane: &Lane) {
        self.rate_limited.get_or_create(&self.labels(lane)).inc();
    }

    fn labels(&self, lane: &Lane) -> Labels {
        let (workspace, destination) = self.known.labels(lane);
        Labels { workspace, destination }
    }
}
