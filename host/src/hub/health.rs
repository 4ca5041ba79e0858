//! How plugins do: facts of the running host, which no revision holds.

use std::{collections::HashSet, sync::Arc};

use super::{Hub, Kind, snapshot::Part};
use crate::{
    event::{Digest, Name},
    plugin::{self, Bound},
};

/// The breakers of a plugin.
#[derive(Clone, Debug)]
pub struct PluginHealth {
    /// Of the active version.
    pub active: plugin::BreakerStatus,
    /// Of the other versions in use (a canary, and what rules pin), where they are not closed.
    pub tripped: Vec<(Digest, plugin::BreakerStatus)>,
}

impl Hub {
    /// The breakers of a plugin's versions in use; `None` where there is no such plugin.
    #[must_use]
    pub fn breaker(&self, workspace: &Name, plugin: &Name) -> Option<PluginHealth> {
        let (breakers, now) = (self.inner.catalogue.plugins.breakers(), (self.inner.clock)());
        let versions = self.in_use(workspace, plugin);
        let mut versions = versions.iter().map(|bound| (bound.digest, breakers.status(workspace, bound, now)));
        let (_, active) = versions.next()?;
        Some(PluginHealth { active, tripped: versions.filter(|(_, status)| status.since.is_some()).collect() })
    }

    /// Closes those breakers by hand; gives their state then.
    #[must_use]
    pub fn enable_plugin(&self, workspace: &Name, plugin: &Name) -> Option<PluginHealth> {
        let breakers = self.inner.catalogue.plugins.breakers();
        self.in_use(workspace, plugin).iter().for_each(|bound| breakers.reset(workspace, bound));
        self.breaker(workspace, plugin)
    }

    /// The versions of a plugin that events meet, the active one first; none where there is no such plugin.
    pub(super) fn in_use(&self, workspace: &Name, plugin: &Name) -> Vec<Arc<Bound>> {
        let standing = self.inner.state.load().workspace(workspace);
        let active = match standing.get(&(Kind::Plugin, plugin.clone())).map(|item| &item.part) {
            Some(Part::Plugin(active)) => active,
            _ => return Vec::new(),
        };
        let chains = standing.values().filter_map(|item| match &item.part {
            Part::Rule(_, rule) => Some(&rule.chain),
            _ => None,
        });
        let all = [active].into_iter().chain(chains.flat_map(|chain| chain.iter())).flat_map(Bound::versions);
        let mut seen = HashSet::new();
        all.filter(|bound| bound.name == *plugin && seen.insert(bound.digest)).cloned().collect()
    }
}
