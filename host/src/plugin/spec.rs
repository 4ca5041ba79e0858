//! What the operator writes: how the machine is set up, and a plugin with its settings and limits.

use serde::Deserialize;

use super::{GrantsSpec, LimitsSpec};

/// Settings of the plugin machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// OS threads that run guests.
    pub workers: usize,
    /// Calls that may wait for a worker; who comes after them waits to be let into the queue.
    pub queue_max: usize,
}

impl Default for Options {
    /// A worker for each core: guests do nothing but compute.
    fn default() -> Self {
        Self { workers: std::thread::available_parallelism().map_or(1, usize::from), queue_max: 1_024 }
    }
}

/// A plugin as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The component's bytes, uploaded before: `sha256:` and 64 digits.
    pub digest: String,
    /// Settings, handed to the plugin as JSON.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Limits other than the defaults.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What it may do beyond what all may; without it: nothing.
    #[serde(default)]
    pub grants: GrantsSpec,
}
