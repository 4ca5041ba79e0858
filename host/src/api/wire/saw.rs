//! What the plugins of a failed run were told beside its event. Times are as plugins see them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    event::{Name, StateEntry},
    journal::{Saw, SawState},
};

/// What they were told.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "WhatRunSaw")]
pub(in crate::api) struct SawTold {
    /// The time, in milliseconds since 1970.
    now_ms: u64,
    /// Which attempt it was.
    attempt: u32,
    /// What they found in their state.
    state: Vec<KeyTold>,
    /// Whether there was more than is kept.
    cut: bool,
}

/// One key of a plugin's state.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "StateKey")]
struct KeyTold {
    /// Whose.
    plugin: Name,
    /// The key.
    key: String,
    /// What was there; `null`: nothing.
    entry: Option<EntryTold>,
}

/// What was stored under a key.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "StateEntry")]
struct EntryTold {
    /// The value, in base64.
    value_base64: String,
    /// As text: numbers of this size are not what JavaScript takes them for.
    version: String,
    /// When it goes, in milliseconds since 1970.
    expires_at_ms: Option<u64>,
}

impl SawTold {
    pub(in crate::api) fn of(saw: &Saw) -> Self {
        Self { now_ms: saw.now.0, attempt: saw.attempt, state: saw.state.iter().map(KeyTold::of).collect(), cut: saw.cut }
    }
}

impl KeyTold {
    fn of(SawState { plugin, key, entry }: &SawState) -> Self {
        Self { plugin: plugin.clone(), key: key.clone(), entry: entry.as_ref().map(EntryTold::of) }
    }
}

impl EntryTold {
    fn of(entry: &StateEntry) -> Self {
        Self {
            value_base64: STANDARD.encode(&entry.value),
            version: entry.version.to_string(),
            expires_at_ms: entry.expires_at.map(|at| at.0),
        }
    }
}
