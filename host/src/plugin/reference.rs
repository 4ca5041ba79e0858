//! How rules and people name a plugin: `redact`, the version that is active, or `redact@sha256:3f9c...`, that one for good.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::event::{Digest, Name, NameError};

/// How a digest is written before its digits.
const PREFIX: &str = "sha256:";
/// The fewest digits that name a version: fewer could come to mean another one with the next upload.
const DIGITS_MIN: usize = 12;
/// All digits of a digest.
const DIGITS: usize = 64;

/// A plugin by name, perhaps pinned to one of its versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The plugin.
    pub name: Name,
    /// The version; without one, whichever is active.
    pub pin: Option<Pin>,
}

/// The beginning of a digest, or all of it: `sha256:` and 12 to 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin(String);

/// Why a text is no [`Pin`] or no [`Reference`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// What stands before the `@`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What stands behind it.
    #[error("`{0}` names no version: `sha256:` and {DIGITS_MIN} to {DIGITS} digits of 0-9 and a-f")]
    Pin(String),
}

impl Pin {
    /// Whether it may be this version.
    #[must_use]
    pub fn matches(&self, digest: &Digest) -> bool {
        digest.to_string().starts_with(&self.0)
    }

    /// The one version that it can be, where it has all digits.
    #[must_use]
    pub fn whole(&self) -> Option<Digest> {
        self.0.parse().ok()
    }
}

impl From<Digest> for Pin {
    fn from(digest: Digest) -> Self {
        Self(digest.to_string())
    }
}

impl FromStr for Pin {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| {
            let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
            (DIGITS_MIN..=DIGITS).contains(&digits.len()) && digits.bytes().all(is_digit)
        });
        match digits {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(ReferenceError::Pin(text.chars().take(100).collect())),
        }
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        match text.split_once('@') {
            None => Ok(Self { name: text.parse()?, pin: None }),
            Some((name, pin)) => Ok(Self { name: name.parse()?, pin: Some(pin.parse()?) }),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pin {
            None => write!(f, "{}", self.name),
            Some(pin) => write!(f, "{}@{pin}", self.name),
        }
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "PluginReference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A plugin by its name, or pinned to one of its versions: `name@sha256:` and 12 to 64 digits.",
            "pattern": "^[a-z0-9][a-z0-9_-]{0,62}(@sha256:[0-9a-f]{12,64})?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_named_or_pinned() {
        let digest = Digest::of(b"bytes");
        let whole = format!("redact@{digest}");
        let reference: Reference = whole.parse().expect("a reference");
        assert_eq!((reference.to_string(), reference.pin.expect("pinned").whole()), (whole.clone(), Some(digest)));
        let beginning: Reference = whole[..whole.len() - 52].parse().expect("twelve digits");
        let pin = beginning.pin.expect("pinned");
        assert!(pin.matches(&digest) && !pin.matches(&Digest::of(b"others")) && pin.whole().is_none());
        assert_eq!("redact".parse(), Ok(Reference { name: "redact".parse().expect("a name"), pin: None }));
        for bad in ["", "@", "redact@", "redact@sha256:", "redact@sha256:0123456789a", "redact@SHA256:0123456789ab", "a@b@c"] {
            assert!(bad.parse::<Reference>().is_err(), "{bad}");
        }
    }
}
