//! Quotas: how much a workspace may have. Each is without a limit until it is set.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Invalid, Name},
    hub::{
        HubError, Kind,
        draft::Edits,
        entry::Key,
        snapshot::{self, all_but_rules},
    },
    ingest::WorkspaceRate,
};

/// What a workspace may have at most; `null` or left out: no limit but the host's. This is its form on disk too: a field may be added, none
/// may change its meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Sources, a count.
    pub sources_max: Option<u32>,
    /// Destinations, a count.
    pub destinations_max: Option<u32>,
    /// Plugins, a count.
    pub plugins_max: Option<u32>,
    /// Rules, a count.
    pub rules_max: Option<u32>,
    /// Components of plugins, a count: of its versions and documents, and what was uploaded in the last hour and is named by nothing yet.
    pub components_max: Option<u32>,
    /// API keys, a count.
    pub keys_max: Option<u32>,
    /// Events in a second, of all sources together, those that are published by the API too: 1 to 10000. As many may come at once.
    pub events_per_second_max: Option<u32>,
}

/// How many entries of each kind a workspace has.
pub(super) type Counts = BTreeMap<Kind, usize>;

impl Quotas {
    /// Whether they can be kept.
    pub(super) fn check(self) -> Result<(), Invalid> {
        match self.events_per_second_max {
            Some(rate) if !WorkspaceRate::EVENTS_PER_SECOND.contains(&rate) => {
                let (first, last) = (WorkspaceRate::EVENTS_PER_SECOND.start(), WorkspaceRate::EVENTS_PER_SECOND.end());
                Err(Invalid::at("/quotas/events_per_second_max", format!("{rate} is out of bounds; write {first} to {last}")))
            }
            _ => Ok(()),
        }
    }

    /// The quota of a kind of entries, and its name.
    fn of(self, kind: Kind) -> (&'static str, Option<u32>) {
        match kind {
            Kind::Source => ("sources_max", self.sources_max),
            Kind::Destination => ("destinations_max", self.destinations_max),
            Kind::Plugin => ("plugins_max", self.plugins_max),
            Kind::Rule => ("rules_max", self.rules_max),
        }
    }

    /// Whether a workspace may go from `standing` to what these edits make of it. What is over a quota already, since that was lowered,
    /// may stay and shrink, and not grow.
    pub(in crate::hub) fn admit(self, workspace: &Name, standing: &snapshot::Workspace, edits: &Edits) -> Result<(), HubError> {
        for kind in Kind::ALL {
            let (quota, Some(max)) = self.of(kind) else { continue };
            let of_kind = || edits.iter().filter(|((other, _), _)| *other == kind);
            let is_there = |key: &Key| standing.get(key).is_some();
            let come = of_kind().filter(|(key, document)| document.is_some() && !is_there(key)).count();
            let gone = of_kind().filter(|(key, document)| document.is_none() && is_there(key)).count();
            if come <= gone {
                continue;
            }
            let after = count(standing, kind) + come - gone;
            if after > max as usize {
                return Err(HubError::Quota { workspace: workspace.clone(), quota, max });
            }
        }
        Ok(())
    }
}

/// How many of each kind there are.
pub(super) fn counts(standing: &snapshot::Workspace) -> Counts {
    Kind::ALL.into_iter().map(|kind| (kind, count(standing, kind))).collect()
}

fn count(standing: &snapshot::Workspace, kind: Kind) -> usize {
    let others = || all_but_rules(standing);
    match kind {
        // They are the many, and all others are few.
        Kind::Rule => standing.len() - others().count(),
        kind => others().filter(|(key, _)| key.0 == kind).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_bounds() {
        let check = |rate| Quotas { events_per_second_max: rate, ..Quotas::default() }.check();
        for good in [None, Some(1), Some(10_000)] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [0, 10_001] {
            assert_eq!(check(Some(bad)).expect_err("refused").pointer, "/quotas/events_per_second_max");
        }
    }

    #[test]
    fn a_quota_is_read_as_it_is_written_and_unknown_ones_are_refused() {
        let quotas: Quotas = serde_json::from_str(r#"{ "rules_max": 100, "keys_max": null }"#).expect("quotas");
        assert_eq!(quotas, Quotas { rules_max: Some(100), ..Quotas::default() });
        assert!(serde_json::from_str::<Quotas>(r#"{ "rules": 100 }"#).is_err());
    }
}
