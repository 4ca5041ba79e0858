//! Runs and batches on record, with what their plugins did.

use schemars::JsonSchema;
use serde::Serialize;

use super::{FailureTold, InState, Moment};
use crate::{
    event::{BatchId, Digest, EventId, Name, RunId, Stage},
    journal::{BatchRecord, BatchState, FlushReason, RunRecord, RunState, StageRecord},
};

/// One rule's work on one event.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct RunTold {
    /// Its id.
    id: RunId,
    /// The event.
    event: EventId,
    /// The rule.
    rule: Name,
    /// The revision whose rule matched.
    revision: u64,
    /// Where it stands.
    state: InState<RunState>,
    /// Counted failures.
    attempts: u32,
    /// When it is tried next.
    due_at: Option<Moment>,
    /// Why it was put off, dropped or given up.
    failure: Option<FailureTold>,
    /// What its plugins did on the last try. The journal keeps them in the form in which they are told.
    #[schemars(with = "Vec<StageTold>")]
    stages: Vec<StageRecord>,
}

/// What one rule collects under one key.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct BatchTold {
    /// Its id, as soon as its members are fixed.
    id: Option<BatchId>,
    /// The rule.
    rule: Name,
    /// What its members have in common.
    key: String,
    /// Where it stands.
    state: InState<BatchState>,
    /// Why it was closed.
    reason: Option<ReasonTold>,
    /// The revision of the first member's run.
    revision: u64,
    /// How many members it has.
    events: u32,
    /// Their bodies together.
    bytes: u64,
    /// When the first member joined.
    opened_at: Moment,
    /// When it is closed for its age, or tried next.
    due_at: Option<Moment>,
    /// Counted failures.
    attempts: u32,
    /// Why it was put off, dropped or given up.
    failure: Option<FailureTold>,
    /// What its plugin did on the last try.
    #[schemars(with = "Vec<StageTold>")]
    stages: Vec<StageRecord>,
}

/// Why a batch was closed.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "BatchReason")]
enum ReasonTold {
    /// It had as many members as it may.
    Size,
    /// It was as large as it may be.
    Bytes,
    /// It was as old as it may be.
    Age,
    /// Its rule is another one now.
    RuleChanged,
    /// Somebody asked for it.
    Manual,
}

/// One call of a plugin.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct StageTold {
    /// The plugin.
    plugin: Name,
    /// The bytes that ran.
    digest: Digest,
    /// `filter`, `transform`, `key` or `fold`.
    export: String,
    /// `keep`, `drop`, `emit`, or the code of the failure.
    result: String,
    /// How many messages it left.
    messages: u32,
    /// Fuel used: about one a WebAssembly instruction.
    fuel: u64,
    /// The most memory it held.
    memory_bytes: u64,
    /// Time on the worker.
    elapsed_us: u64,
    /// How much of that it took until there was an instance to call.
    instantiate_us: u64,
    /// What it logged, cut at the limits.
    logs: Vec<String>,
}

impl RunTold {
    pub(in crate::api) fn of(record: &RunRecord) -> Self {
        Self {
            id: record.id,
            event: record.event,
            rule: record.rule.clone(),
            revision: record.revision,
            state: InState(record.state),
            attempts: record.attempts,
            due_at: record.due_at.map(Into::into),
            failure: record.failure.as_ref().map(Into::into),
            stages: record.stages.clone(),
        }
    }
}

impl BatchTold {
    pub(in crate::api) fn of(record: &BatchRecord) -> Self {
        Self {
            id: record.id,
            rule: record.rule.clone(),
            key: record.key.clone(),
            state: InState(record.state),
            reason: record.reason.map(Into::into),
            revision: record.revision,
            events: record.events,
            bytes: record.bytes,
            opened_at: record.opened_at.into(),
            due_at: record.due_at.map(Into::into),
            attempts: record.attempts,
            failure: record.failure.as_ref().map(Into::into),
            stages: record.stages.clone(),
        }
    }
}

impl From<FlushReason> for ReasonTold {
    fn from(reason: FlushReason) -> Self {
        match reason {
            FlushReason::Size => Self::Size,
            FlushReason::Bytes => Self::Bytes,
            FlushReason::Age => Self::Age,
            FlushReason::RuleChanged => Self::RuleChanged,
            FlushReason::Manual => Self::Manual,
        }
    }
}

impl StageTold {
    pub(super) fn of(stage: &Stage) -> Self {
        Self {
            plugin: stage.plugin.clone(),
            digest: stage.digest,
            export: stage.export.to_owned(),
            result: stage.result.clone(),
            messages: stage.messages,
            fuel: stage.fuel,
            memory_bytes: stage.memory_bytes,
            elapsed_us: stage.elapsed_us,
            instantiate_us: stage.instantiate_us,
            logs: stage.logs.clone(),
        }
    }
}
