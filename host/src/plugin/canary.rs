//! A canary: another version of a plugin that gets a share of the events, so that it is seen at work before it is active. Which events
//! is told by their ids alone: a retry meets the same version, and another host would choose the same.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Bound;
use crate::event::{Digest, EventId, Invalid};

/// A canary as the hub file declares it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Canary")]
pub struct CanarySpec {
    /// The version: `sha256:` and 64 digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Its share of the events: 1 to 99.
    #[schemars(range(min = 1, max = 99))]
    pub percent: u8,
}

/// A plugin's other version, ready to be called.
pub(super) struct Canary {
    pub(super) bound: Arc<Bound>,
    pub(super) percent: u8,
}

impl CanarySpec {
    /// The version's digest, once the share is found to be one.
    pub(crate) fn refine(&self) -> Result<Digest, Invalid> {
        if !(1..=99).contains(&self.percent) {
            let message = format!("{} is outside of 1 to 99: to give a version all events, activate it", self.percent);
            return Err(Invalid::at("/canary/percent", message));
        }
        self.digest.parse().map_err(|error| Invalid::at("/canary/digest", format!("{error}")))
    }
}

impl Canary {
    fn takes(&self, event: EventId) -> bool {
        // With the name, so that the canaries of two plugins do not get the same events.
        let hash =
            Sha256::new().chain_update(self.bound.name.as_str()).chain_update([0]).chain_update(event.as_bytes()).finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_be_bytes(first) % 100 < u64::from(self.percent)
    }
}

/// The canaries of a chain.
pub fn canaries(chain: &[Arc<Bound>]) -> impl Iterator<Item = &Arc<Bound>> {
    chain.iter().filter_map(|bound| bound.canary.as_ref()).map(|canary| &canary.bound)
}

/// The chain as this event meets it: with the canaries that it is among the share of.
#[must_use]
pub fn chain_for(chain: &Arc<[Arc<Bound>]>, event: EventId) -> Arc<[Arc<Bound>]> {
    let taken =
        |bound: &Arc<Bound>| bound.canary.as_ref().filter(|canary| canary.takes(event)).map(|canary| Arc::clone(&canary.bound));
    if chain.iter().all(|bound| taken(bound).is_none()) {
        return Arc::clone(chain);
    }
    chain.iter().map(|bound| taken(bound).unwrap_or_else(|| Arc::clone(bound))).collect()
}
