//! What operators see of breakers: which versions are tripped, how often it came to that, and what went on without them.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Bound, breakers::Entry, metrics::Places};
use crate::event::Name;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    workspace: String,
    plugin: String,
}

/// What operators see of breakers.
pub(super) struct Metrics {
    known: Places,
    tripped: Family<Labels, Gauge>,
    trips: Family<Labels, Counter>,
    bypassed: Family<Labels, Counter>,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics =
            Self { known: Places::new(), tripped: Family::default(), trips: Family::default(), bypassed: Family::default() };
        registry.register("sluicebox_plugin_tripped", "Versions of a plugin in use that are tripped", metrics.tripped.clone());
        registry.register("sluicebox_plugin_trips", "How often a plugin was found to fail too often", metrics.trips.clone());
        let bypassed = "Events and batches that went on without a plugin that was tripped";
        registry.register("sluicebox_plugin_bypassed", bypassed, metrics.bypassed.clone());
        metrics
    }

    /// Tells of a version that has tripped, or is well again.
    pub(super) fn changed(&self, bound: &Bound, entry: &mut Entry, was_tripped: bool) {
        let Bound { workspace, name: plugin, digest, .. } = bound;
        match (was_tripped, entry.breaker.is_tripped()) {
            (false, true) => {
                tracing::warn!(%workspace, %plugin, %digest, on_fault = ?bound.on_fault, "a plugin fails too often: it is tripped");
                self.trips.get_or_create(&self.labels(workspace, plugin)).inc();
                self.tripped(workspace, plugin, 1);
            }
            (true, false) => {
                tracing::info!(%workspace, %plugin, %digest, "a plugin that was tripped is well again");
                self.tripped(workspace, plugin, if entry.retired { 0 } else { -1 });
                entry.retired = false;
            }
            _ => {}
        }
    }

    /// A version is no longer known.
    pub(super) fn forgotten(&self, workspace: &Name, plugin: &Name, entry: &Entry) {
        if entry.breaker.is_tripped() && !entry.retired {
            self.tripped(workspace, plugin, -1);
        }
    }

    /// So many more versions in use are tripped.
    pub(super) fn tripped(&self, workspace: &Name, plugin: &Name, by: i64) {
        self.tripped.get_or_create(&self.labels(workspace, plugin)).inc_by(by);
    }

    /// Work goes on without the plugin.
    pub(super) fn bypassed(&self, bound: &Bound) {
        self.bypassed.get_or_create(&self.labels(&bound.workspace, &bound.name)).inc();
    }

    fn labels(&self, workspace: &Name, plugin: &Name) -> Labels {
        let (workspace, plugin) = self.known.labels(workspace, plugin);
        Labels { workspace, plugin }
    }
}
