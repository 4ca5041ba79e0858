//! How the breakers of a plugin stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Moment;
use crate::{hub::PluginHealth, plugin::BreakerStatus};

/// The breaker of one version of a plugin.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "VersionBreaker")]
struct BreakerTold {
    /// `closed`, `tripped` or `probing`.
    state: &'static str,
    /// When it tripped.
    since: Option<Moment>,
    /// When the next probe is due.
    probe_at: Option<Moment>,
    /// Calls within the last minute; of one that tripped, those that made it trip.
    calls: u32,
    /// How many of them were faults.
    faults: u32,
}

/// The breaker of a plugin's active version, and those of its other versions in use that are not closed.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "PluginBreaker")]
pub(in crate::api) struct PluginBreakerTold {
    #[serde(flatten)]
    active: BreakerTold,
    /// By digest.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    other_versions: BTreeMap<String, BreakerTold>,
}

/// What the closing of a plugin's breakers answers.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct PluginEnabled {
    /// How they stand now.
    pub(in crate::api) breaker: PluginBreakerTold,
}

impl PluginBreakerTold {
    pub(in crate::api) fn of(health: &PluginHealth) -> Self {
        let tripped = health.tripped.iter().map(|(digest, status)| (digest.to_string(), BreakerTold::of(status)));
        Self { active: BreakerTold::of(&health.active), other_versions: tripped.collect() }
    }
}

impl BreakerTold {
    fn of(breaker: &BreakerStatus) -> Self {
        Self {
            state: breaker.state,
            since: breaker.since.map(Into::into),
            probe_at: breaker.probe_at.map(Into::into),
            calls: breaker.calls,
            faults: breaker.faults,
        }
    }
}
