//! How a destination does, as operators are shown it.

use schemars::JsonSchema;
use serde::Serialize;

use super::Moment;
use crate::{deliver::LaneStatus, event::Failure, journal::Disabled};

/// What the running host knows of a destination.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "DestinationRuntime")]
pub(in crate::api) struct LaneTold {
    /// It answered 410, and waits for somebody to enable it.
    disabled: Option<DisabledTold>,
    /// It asked for nothing before then.
    held_until: Option<Moment>,
    /// Whether it is left alone since it failed so often.
    breaker: LaneBreaker,
    /// How many deliveries it gets at once.
    concurrency: usize,
}

/// Since when a destination is disabled, and why.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "DestinationDisabled")]
struct DisabledTold {
    /// Since then.
    at: Moment,
    /// In kebab case.
    code: String,
    /// In words.
    message: String,
}

/// The breaker of a destination.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "DestinationBreaker")]
struct LaneBreaker {
    /// Whether it is left alone.
    state: LaneBreakerState,
    /// Since when.
    since: Option<Moment>,
    /// When it is tried next.
    probe_at: Option<Moment>,
    /// How often that has failed.
    probes_failed: u32,
    /// Failures in a row, while it is closed.
    failures: u32,
}

/// Whether a destination is left alone.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DestinationBreakerState")]
enum LaneBreakerState {
    /// It is not.
    Closed,
    /// It is.
    Open,
    /// It is tried just now.
    Probing,
}

/// What the enabling of a destination answers.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct DestinationEnabled {
    /// How it does now.
    pub(in crate::api) runtime: LaneTold,
}

impl LaneTold {
    pub(in crate::api) fn of(status: &LaneStatus) -> Self {
        let disabled = status.disabled.as_ref().map(|Disabled { at, failure: Failure { code, message } }| DisabledTold {
            at: (*at).into(),
            code: code.clone(),
            message: message.clone(),
        });
        Self {
            disabled,
            held_until: status.held_until.map(Into::into),
            breaker: LaneBreaker::of(status),
            concurrency: status.concurrency,
        }
    }
}

impl LaneBreaker {
    fn of(status: &LaneStatus) -> Self {
        let (state, opened) = match (status.opened, status.probing) {
            (None, _) => (LaneBreakerState::Closed, None),
            (Some(opened), false) => (LaneBreakerState::Open, Some(opened)),
            (Some(opened), true) => (LaneBreakerState::Probing, Some(opened)),
        };
        Self {
            state,
            since: opened.map(|opened| opened.since.into()),
            probe_at: opened.map(|opened| opened.until.into()),
            probes_failed: opened.map_or(0, |opened| opened.probes),
            failures: status.failures,
        }
    }
}
