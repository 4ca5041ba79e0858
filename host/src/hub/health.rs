//! How plugins do: facts of the running host, which no revision holds.

use super::{Hub, Kind, snapshot::Part};
use crate::{event::Name, plugin};

impl Hub {
    /// The breaker of a plugin's version in use; `None` where there is no such plugin.
    #[must_use]
    pub fn breaker(&self, workspace: &Name, plugin: &Name) -> Option<plugin::BreakerStatus> {
        self.with_bound(workspace, plugin, |breakers, bound| breakers.status(workspace, bound, (self.inner.clock)()))
    }

    /// Closes that breaker by hand; gives its state then.
    #[must_use]
    pub fn enable_plugin(&self, workspace: &Name, plugin: &Name) -> Option<plugin::BreakerStatus> {
        self.with_bound(workspace, plugin, |breakers, bound| breakers.reset(workspace, bound))?;
        self.breaker(workspace, plugin)
    }

    fn with_bound<T>(
        &self,
        workspace: &Name,
        plugin: &Name,
        then: impl FnOnce(&plugin::Breakers, &plugin::Bound) -> T,
    ) -> Option<T> {
        let state = self.inner.state.load();
        match &state.item(workspace, &(Kind::Plugin, plugin.clone()))?.part {
            Part::Plugin(bound) => Some(then(self.inner.catalogue.plugins.breakers(), bound)),
            _ => None,
        }
    }
}
