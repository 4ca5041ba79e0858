//! States by their names, which are the same in answers and in queries.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::journal::{BatchState, DeliveryState, RunState};

pub(super) const RUN_STATES: [(RunState, &str); 6] = [
    (RunState::Pending, "pending"),
    (RunState::Held, "held"),
    (RunState::Batched, "batched"),
    (RunState::Planned, "planned"),
    (RunState::Dropped, "dropped"),
    (RunState::Dead, "dead"),
];

pub(super) const BATCH_STATES: [(BatchState, &str); 5] = [
    (BatchState::Open, "open"),
    (BatchState::Closed, "closed"),
    (BatchState::Planned, "planned"),
    (BatchState::Dropped, "dropped"),
    (BatchState::Dead, "dead"),
];

pub(super) const DELIVERY_STATES: [(DeliveryState, &str); 3] =
    [(DeliveryState::Waiting, "waiting"), (DeliveryState::Delivered, "delivered"), (DeliveryState::Dead, "dead")];

pub(super) fn name_of<S: PartialEq>(states: &[(S, &'static str)], state: &S) -> &'static str {
    states.iter().find(|(candidate, _)| candidate == state).map_or("", |(_, name)| name)
}

/// A state by its name in queries; the error names all of them.
pub(in crate::api) trait StateName: Copy + 'static {
    /// What is in such states has a destination.
    const HAS_DESTINATION: bool = false;

    /// All names.
    fn names() -> Vec<&'static str>;

    fn read(text: &str) -> Result<Self, String>;
}

/// A state that a query names.
#[derive(Clone, Copy)]
pub(in crate::api) struct InState<S>(pub(in crate::api) S);

impl<'de, S: StateName> Deserialize<'de> for InState<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        S::read(&String::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<S: StateName> JsonSchema for InState<S> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "InState".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": S::names() })
    }
}

impl StateName for RunState {
    fn names() -> Vec<&'static str> {
        all_names(&RUN_STATES)
    }

    fn read(text: &str) -> Result<Self, String> {
        by_name(&RUN_STATES, text)
    }
}

impl StateName for BatchState {
    fn names() -> Vec<&'static str> {
        all_names(&BATCH_STATES)
    }

    fn read(text: &str) -> Result<Self, String> {
        by_name(&BATCH_STATES, text)
    }
}

impl StateName for DeliveryState {
    const HAS_DESTINATION: bool = true;

    fn names() -> Vec<&'static str> {
        all_names(&DELIVERY_STATES)
    }

    fn read(text: &str) -> Result<Self, String> {
        by_name(&DELIVERY_STATES, text)
    }
}

fn by_name<S: Copy>(states: &[(S, &'static str)], text: &str) -> Result<S, String> {
    let found = states.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
    found.ok_or_else(|| format!("`{text}` is none of {}", all_names(states).join(", ")))
}

fn all_names<S>(states: &[(S, &'static str)]) -> Vec<&'static str> {
    states.iter().map(|(_, name)| *name).collect()
}
