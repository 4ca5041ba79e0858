//! States by their names, which are the same in answers and in queries.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::journal::{BatchState, DeliveryState, RunState};

/// A state that has a name.
pub(in crate::api) trait StateName: Copy + PartialEq + 'static {
    /// All of them, each with its name.
    const NAMES: &'static [(Self, &'static str)];
    /// What is in such states has a destination.
    const HAS_DESTINATION: bool = false;
}

impl StateName for RunState {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Pending, "pending"),
        (Self::Held, "held"),
        (Self::Batched, "batched"),
        (Self::Planned, "planned"),
        (Self::Dropped, "dropped"),
        (Self::Dead, "dead"),
    ];
}

impl StateName for BatchState {
    const NAMES: &'static [(Self, &'static str)] = &[
        (Self::Open, "open"),
        (Self::Closed, "closed"),
        (Self::Planned, "planned"),
        (Self::Dropped, "dropped"),
        (Self::Dead, "dead"),
    ];
}

impl StateName for DeliveryState {
    const NAMES: &'static [(Self, &'static str)] =
        &[(Self::Waiting, "waiting"), (Self::Delivered, "delivered"), (Self::Dead, "dead")];
    const HAS_DESTINATION: bool = true;
}

/// A state by its name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::api) struct InState<S>(pub(in crate::api) S);

impl<S: StateName> Serialize for InState<S> {
    fn serialize<R: Serializer>(&self, serializer: R) -> Result<R::Ok, R::Error> {
        let found = S::NAMES.iter().find(|(state, _)| *state == self.0);
        serializer.serialize_str(found.map_or("", |(_, name)| name))
    }
}

/// The error names all of them.
impl<'de, S: StateName> Deserialize<'de> for InState<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = S::NAMES.iter().find(|(_, name)| *name == text);
        found
            .map(|(state, _)| Self(*state))
            .ok_or_else(|| D::Error::custom(format!("`{text}` is none of {}", names::<S>().join(", "))))
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
        json_schema!({ "type": "string", "enum": names::<S>() })
    }
}

fn names<S: StateName>() -> Vec<&'static str> {
    S::NAMES.iter().map(|(_, name)| *name).collect()
}
