//! What the parts' specs have in common: how a refused value is told, and how a length of time is written.

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A refused value: where it is within its spec, what is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {message}")]
pub struct Invalid {
    /// A JSON pointer (RFC 6901) from the root of the spec: `/match/data/action/1`.
    pub pointer: String,
    /// For people.
    pub message: String,
}

impl Invalid {
    /// The value at `pointer` is refused, told in these words.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A length of time in milliseconds, written as in `"250ms"`, `"30s"`, `"5m"`, `"1h 30m"`, `"2d"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    /// The length.
    pub ms: u64,
}

impl fmt::Debug for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.ms)
    }
}

/// Of a text that is no length of time so much is repeated at most.
const TOLD_BYTES_MAX: usize = 16;

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a length of time; write it as in \"250ms\", \"30s\", \"5m\" or \"2d\"")]
pub struct DurationError(String);

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        // A long text may be anything, a secret in the wrong place too.
        let told = || if text.len() > TOLD_BYTES_MAX { "this".to_owned() } else { format!("`{text}`") };
        let wrong = || DurationError(told());
        // A day is 24 hours here, which jiff only grants to spans that are told so.
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        let ms = span.total((jiff::Unit::Millisecond, jiff::SpanRelativeTo::days_are_24_hours())).map_err(|_| wrong())?;
        if !(0.0..=1e15).contains(&ms) {
            return Err(wrong());
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just above")]
        Ok(Self { ms: ms as u64 })
    }
}

impl<'de> serde::Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A length of time: \"250ms\", \"30s\", \"5m\", \"1h 30m\", \"2d\".",
            "pattern": "[0-9]",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Duration;

    #[test]
    fn a_length_of_time_has_a_unit() {
        let read = |text: &str| serde_json::from_value::<Duration>(text.into()).map(|d| d.ms).ok();
        assert_eq!(read("250ms"), Some(250));
        assert_eq!(read("1h 30m"), Some(5_400_000));
        assert_eq!(read("2d"), Some(172_800_000));
        for bad in ["", "30", "-5s", "5 parsecs"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
