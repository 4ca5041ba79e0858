//! What operators see of plugins. No label takes a value that a guest chose: its own codes are counted as `reject` and `retry`.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::Bound;
use crate::{event::Name, observe::Known};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    workspace: String,
    plugin: String,
    export: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabels {
    workspace: String,
    plugin: String,
    limit: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    workspace: String,
    plugin: String,
    /// `too-large`, `quota` or `denied`.
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ExportLabels {
    workspace: String,
    plugin: String,
    export: &'static str,
}

/// Plugins with time series of their own.
const PLUGINS_MAX: usize = 1_000;

/// Which plugins have them.
pub(super) struct Places(Known<(Name, Name)>);

impl Places {
    pub(super) fn new() -> Self {
        Self(Known::new(PLUGINS_MAX))
    }

    /// The labels `workspace` and `plugin`.
    pub(super) fn labels(&self, workspace: &Name, plugin: &Name) -> (String, String) {
        match self.0.has(&(workspace.clone(), plugin.clone())) {
            true => (workspace.to_string(), plugin.to_string()),
            false => (Known::OTHERS.to_owned(), Known::OTHERS.to_owned()),
        }
    }
}

/// The part's metrics.
pub(super) struct Metrics {
    known: Places,
    calls: Family<CallLabels, Counter>,
    seconds: Family<ExportLabels, Histogram, fn() -> Histogram>,
    limit_hits: Family<LimitLabels, Counter>,
    state_refusals: Family<RefusedLabels, Counter>,
    /// Of chains and folds, and of requests to verify.
    pub(super) queue_seconds: Histogram,
    pub(super) verify_queue_seconds: Histogram,
    compilations: Counter,
    cache_hits: Counter,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            known: Places::new(),
            calls: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            limit_hits: Family::default(),
            state_refusals: Family::default(),
            queue_seconds: seconds(),
            verify_queue_seconds: seconds(),
            compilations: Counter::default(),
            cache_hits: Counter::default(),
        };
        registry.register("sluicebox_plugin_calls", "Calls of plugins, by how they ended", metrics.calls.clone());
        registry.register("sluicebox_plugin_call_seconds", "Time of a call on its worker", metrics.seconds.clone());
        registry.register("sluicebox_plugin_limit_hits", "Calls that reached a limit, by the limit", metrics.limit_hits.clone());
        let refusals = "Operations on a plugin's state that were refused";
        registry.register("sluicebox_plugin_state_refusals", refusals, metrics.state_refusals.clone());
        registry.register("sluicebox_plugin_queue_seconds", "Time a chain waits for a worker", metrics.queue_seconds.clone());
        let verify_queue = "Time a request waits for a worker that verifies";
        registry.register("sluicebox_plugin_verify_queue_seconds", verify_queue, metrics.verify_queue_seconds.clone());
        let compilations = "Components that were given to the compiler, whatever came of it";
        registry.register("sluicebox_plugin_compilations", compilations, metrics.compilations.clone());
        let cache_hits = "Components that were found compiled on disk";
        registry.register("sluicebox_plugin_cache_hits", cache_hits, metrics.cache_hits.clone());
        metrics
    }

    /// A call of `export` ended as `result`, which is `limit-...` where a limit ended it.
    pub(super) fn called(&self, bound: &Bound, export: &'static str, result: &'static str, elapsed: Duration) {
        if let Some(limit) = result.strip_prefix("limit-") {
            self.reached(bound, limit);
        }
        let (workspace, plugin) = self.labels(bound);
        let labels = CallLabels { workspace: workspace.clone(), plugin: plugin.clone(), export, result };
        self.calls.get_or_create(&labels).inc();
        self.seconds.get_or_create(&ExportLabels { workspace, plugin, export }).observe(elapsed.as_secs_f64());
    }

    /// A call was refused operations on its state.
    pub(super) fn state_refused(&self, bound: &Bound, reasons: &[&'static str]) {
        for reason in reasons {
            let (workspace, plugin) = self.labels(bound);
            self.state_refusals.get_or_create(&RefusedLabels { workspace, plugin, reason }).inc();
        }
    }

    /// A call reached a limit.
    pub(super) fn reached(&self, bound: &Bound, limit: &'static str) {
        let (workspace, plugin) = self.labels(bound);
        self.limit_hits.get_or_create(&LimitLabels { workspace, plugin, limit }).inc();
    }

    fn labels(&self, bound: &Bound) -> (String, String) {
        self.known.labels(&bound.workspace, &bound.name)
    }

    /// A component is given to the compiler.
    pub(super) fn compiled(&self) {
        self.compilations.inc();
    }

    /// A component was found compiled.
    pub(super) fn cache_hit(&self) {
        self.cache_hits.inc();
    }
}

/// From 16 microseconds, less than a call takes, to 4 seconds.
fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(16e-6, 4.0, 10))
}
