//! What the operator writes: how the machine is set up, and a plugin with its settings and limits.

use std::{path::PathBuf, thread};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{CanarySpec, GrantsSpec, LimitsSpec, OnFault, limits::COMPONENT_BYTES_MAX};
use crate::event::Invalid;

/// Settings of the plugin machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// OS threads that run guests; where there are several, the same plugins never have all of them.
    pub workers: usize,
    /// Chains that may wait for a worker, those of the same plugins at most a quarter of them, beside one of each; who comes after them waits
    /// to be let into the queue.
    pub queue_max: usize,
    /// OS threads that only verify requests, while their senders wait: what the others do never holds these up.
    pub verify_workers: usize,
    /// Requests that may wait for one of those, for the same plugin at most a quarter of them, beside one of each; one more is told to come
    /// again.
    pub verify_queue_max: usize,
    /// The largest component; more than 64 MiB is as good as that.
    pub component_bytes_max: usize,
    /// The folder of compiled components, which a start finds again; `None` keeps none.
    pub cache: Option<PathBuf>,
    /// Compiled components up to this size are loaded at the start; larger ones when they are first used.
    pub eager_bytes_max: u64,
    /// How large that folder may grow.
    pub cache_bytes_max: u64,
    /// The `sluicebox` that is started to compile; `None` compiles in this process, which no limit then holds.
    pub compiler: Option<PathBuf>,
    /// What it may use.
    pub compile: CompileLimits,
}

/// What compiling one component may use, where it is a process of its own.
#[derive(Clone, Debug)]
pub struct CompileLimits {
    /// Its memory. Python's components, the largest there are, take some hundreds of megabytes.
    pub memory_bytes: u64,
    /// The time of all its processors together.
    pub cpu_seconds: u64,
    /// The time that passes meanwhile; more, for its priority is low.
    pub wall_ms: u64,
    /// The processors that it uses at once.
    pub threads: usize,
}

impl Default for Options {
    /// A worker for each core: guests do nothing but compute. Of those that verify there are two at least, so that no plugin has all.
    fn default() -> Self {
        Self {
            workers: cores(),
            queue_max: 1_024,
            verify_workers: (cores() / 2).max(2),
            verify_queue_max: 256,
            component_bytes_max: COMPONENT_BYTES_MAX,
            cache: None,
            eager_bytes_max: 2 << 20,
            cache_bytes_max: 4 << 30,
            compiler: None,
            compile: CompileLimits::default(),
        }
    }
}

impl Default for CompileLimits {
    /// A quarter of the cores: the others have events to see to.
    fn default() -> Self {
        Self { memory_bytes: 2 << 30, cpu_seconds: 60, wall_ms: 120_000, threads: (cores() / 4).max(1) }
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// A plugin as the hub file declares it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Plugin")]
pub struct Spec {
    /// The component's bytes, uploaded before: `sha256:` and 64 digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: String,
    /// Where the hub file that declared it has the component's file. A note for who exports: the host reads no such file.
    pub path: Option<String>,
    /// Settings, handed to the plugin as JSON.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Limits other than the defaults.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What it may do beyond what all may; without it: nothing.
    #[serde(default)]
    pub grants: GrantsSpec,
    /// Another version that gets a share of the events.
    pub canary: Option<CanarySpec>,
    /// What becomes of events while it is tripped: `hold`, `dead-letter` or `bypass`.
    #[serde(default)]
    pub on_fault: OnFault,
    /// It takes out what must not go on: no event may bypass it.
    #[serde(default)]
    pub redacts: bool,
}

impl Spec {
    /// What becomes of events while it is tripped.
    ///
    /// # Errors
    ///
    /// What it should have taken out would go on.
    pub(super) fn on_fault(&self) -> Result<OnFault, Invalid> {
        if self.redacts && self.on_fault == OnFault::Bypass {
            let text = "a plugin that redacts cannot be bypassed: what it takes out would go on; say `hold` or `dead-letter`, or \
                        remove `redacts = true`";
            return Err(Invalid::at("/on_fault", text));
        }
        Ok(self.on_fault)
    }
}
