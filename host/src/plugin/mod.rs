//! stub of the plugin part

use std::sync::Arc;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use serde::Deserialize;

use crate::event::{BatchId, Digest, Event, Failure, Invalid, Message, Name, Stage, Timestamp};

/// Settings of the plugin machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// OS threads that run guests.
    pub workers: usize,
    /// Calls that may wait for a worker.
    pub queue_max: usize,
}

/// A plugin as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The component's bytes, uploaded before.
    pub digest: String,
    /// Settings, handed to the plugin as JSON.
    #[serde(default)]
    pub config: serde_json::Map<String, serde_json::Value>,
    /// Limits other than the defaults.
    #[serde(default)]
    pub limits: LimitsSpec,
}

/// Limits as the hub file declares them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsSpec {
    /// All memories together.
    pub memory_bytes: Option<u64>,
}

/// What a component offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// `sluicebox:plugin/filter`.
    pub filter: bool,
    /// `sluicebox:plugin/transform`.
    pub transform: bool,
    /// `sluicebox:plugin/batch`.
    pub batch: bool,
}

/// The engine, the catalogue of compiled components, and the workers.
pub struct Plugins {}

/// A component with its name, settings and limits: ready to be called.
#[derive(Debug)]
pub struct Bound {
    /// The name in the hub file.
    pub name: Name,
    /// The bytes.
    pub digest: Digest,
    /// What it offers.
    pub exports: Exports,
}

/// Why a component is refused; the text is what its author sees (`error[P002]: ...`).
#[derive(Clone, Debug, thiserror::Error)]
#[error("error[{code}]: {message}")]
pub struct LoadError {
    /// `P002`.
    pub code: &'static str,
    /// Cause and mend.
    pub message: String,
}

/// What a chain is called with.
#[derive(Clone, Debug)]
pub struct Call {
    /// The event.
    pub event: Arc<Event>,
    /// 1 on the first try.
    pub attempt: u32,
}

/// What a fold is called with.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The batch.
    pub id: BatchId,
    /// Its key.
    pub key: String,
    /// `size`, `bytes`, `age`, `rule-changed`, `manual`.
    pub reason: FoldReason,
    /// When the first member joined.
    pub opened_at: Timestamp,
    /// 1 on the first try.
    pub attempt: u32,
    /// The events and how the plugins before the batch left them.
    pub members: Vec<(Arc<Event>, Message)>,
}

/// Why a batch is folded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldReason {
    /// Enough members.
    Size,
    /// Enough bytes.
    Bytes,
    /// Old enough.
    Age,
    /// The rule was changed.
    RuleChanged,
    /// Asked for.
    Manual,
}

/// What a chain or a fold did.
#[derive(Clone, Debug)]
pub struct Report {
    /// One for each call of a plugin, in order.
    pub stages: Vec<Stage>,
    /// How it ended.
    pub result: Result<Ended, Fault>,
}

/// How a chain that did not fail ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// A plugin dropped the event (every piece of it).
    Dropped {
        /// The reason the plugin gave.
        reason: String,
    },
    /// What goes on.
    Messages(Vec<Piece>),
}

/// One message that a chain left.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The message.
    pub message: Message,
    /// The key of the batch that it joins, where the chain's batch plugin named one.
    pub batch_key: Option<String>,
}

/// A plugin that failed.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which.
    pub plugin: Name,
    /// How.
    pub kind: FaultKind,
    /// What people see.
    pub failure: Failure,
}

/// The kinds of failure, as PLUGINS tells them apart; what becomes of the event is `dispatch`'s to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The plugin rejected the event, or returned what the host refuses.
    Rejected,
    /// The plugin asked for another try.
    RetryAsked {
        /// Not before.
        after_ms: Option<u64>,
    },
    /// A panic, or another trap.
    Trapped,
    /// Memory limit.
    Memory,
    /// Fuel limit.
    Fuel,
    /// Output limit.
    Output,
    /// Wall clock limit.
    Time,
    /// Not the plugin's fault: the queue is full, an instance could not be made.
    Host,
}

impl Plugins {
    /// Starts the engine, its ticker and its workers.
    pub fn start(_options: &Options, _registry: &mut Registry) -> Result<Arc<Self>, LoadError> {
        Ok(Arc::new(Self {}))
    }

    /// Checks and compiles a component and keeps it in the catalogue; what is there already is not compiled again.
    pub async fn load(&self, _label: &str, _bytes: Bytes) -> Result<(Digest, Exports), LoadError> {
        Err(LoadError { code: "P000", message: String::new() })
    }

    /// Whether the catalogue has it.
    pub fn is_loaded(&self, _digest: &Digest) -> bool {
        false
    }

    /// Joins a loaded component with its name, settings and limits.
    pub fn bind(&self, _name: Name, _spec: &Spec) -> Result<Arc<Bound>, Invalid> {
        Err(Invalid::at("/digest", "stub"))
    }

    /// Runs a chain on an event: each plugin in order, one fresh instance for each call, on a worker.
    pub async fn run(&self, _chain: Arc<[Arc<Bound>]>, _call: Call) -> Report {
        Report { stages: Vec::new(), result: Ok(Ended::Messages(Vec::new())) }
    }

    /// Folds a batch.
    pub async fn fold(&self, _plugin: Arc<Bound>, _fold: Fold) -> Report {
        Report { stages: Vec::new(), result: Ok(Ended::Messages(Vec::new())) }
    }
}

/// Stub.
pub fn host_owns_header(_name: &str) -> bool {
    false
}
impl Bound {
    /// Stub.
    pub fn fingerprint(&self) -> [u8; 16] {
        [0; 16]
    }
}
