//! The parts of paths that have names.

use std::{fmt::Display, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::event::{EventId, Name};

/// A document, or what hangs on one.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ByName {
    /// Its name.
    pub(super) name: Name,
}

/// A version of a plugin.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ByDigest {
    /// The plugin's name.
    pub(super) name: Name,
    /// `sha256:` and at least 12 of its digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{12,64}$"))]
    pub(super) digest: String,
}

/// What has an id.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ById<T>
where
    T: FromStr<Err: Display>,
{
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub(super) id: T,
}

/// A run, by its event and its rule.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ByRule {
    /// The event's id.
    #[serde(deserialize_with = "text")]
    pub(super) id: EventId,
    /// The rule's name.
    pub(super) rule: Name,
}

/// What is written as a text.
fn text<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
