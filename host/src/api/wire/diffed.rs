//! How two versions of a plugin differ on stored events, as it is told.

use schemars::JsonSchema;
use serde::Serialize;

use super::OutcomeTold;
use crate::event::{Digest, EventId, Name};

/// What `POST /v1/plugins/{name}/diff` answers.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "VersionDiff")]
pub(in crate::api) struct DiffTold {
    /// The active version.
    pub(in crate::api) active: Digest,
    /// The one that it is compared with.
    pub(in crate::api) other: Digest,
    /// The rules that run the plugin.
    pub(in crate::api) rules: Vec<Name>,
    /// How many events were chosen.
    pub(in crate::api) events: usize,
    /// How often both versions ran.
    pub(in crate::api) compared: usize,
    /// How often they did the same.
    pub(in crate::api) same: usize,
    /// How often they did not.
    pub(in crate::api) different: usize,
    /// How many differences are only counted.
    pub(in crate::api) not_shown: usize,
    /// Whether events were left for want of time.
    pub(in crate::api) out_of_time: bool,
    /// What the plugin used.
    pub(in crate::api) fuel_median: FuelMedian,
    /// The first of them.
    pub(in crate::api) differences: Vec<DifferenceTold>,
}

/// The fuel that each version used, in the median; `null`: it did not run.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct FuelMedian {
    /// The active version.
    pub(in crate::api) active: Option<u64>,
    /// The other one.
    pub(in crate::api) other: Option<u64>,
}

/// What two versions made of one event in one rule.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "VersionDifference")]
pub(in crate::api) struct DifferenceTold {
    /// The event.
    pub(in crate::api) event: EventId,
    /// The rule.
    pub(in crate::api) rule: Name,
    /// JSON pointers (RFC 6901) to where they differ; the first of them.
    pub(in crate::api) paths: Vec<String>,
    /// With the active version.
    pub(in crate::api) active: OutcomeTold,
    /// With the other one.
    pub(in crate::api) other: OutcomeTold,
}
