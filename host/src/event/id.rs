//! Ids: what they are made of and how they are written.
//!
//! An event's id is random but ordered by time (UUIDv7, RFC 9562). All others are hashes of what they name, so that doing the
//! same work again after a crash gives the same ids. Those that hang on one event begin with its time, as its own id does: so what is
//! new stands together in a store's index, instead of touching a page each among ten million. None contains a dot, which Standard
//! Webhooks uses as a separator.

use std::{borrow::Cow, fmt, str::FromStr};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Name, Timestamp};

/// Why a text is no id of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of this kind: `{prefix}` and {digits} hexadecimal digits")]
pub struct IdError {
    text: String,
    prefix: &'static str,
    digits: usize,
}

/// Gives a newtype over bytes its text form: a prefix and hexadecimal digits.
macro_rules! written_as {
    ($id:ident, $prefix:literal, $bytes:literal) => {
        impl $id {
            /// The raw bytes, as stores keep them.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// From the raw bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $prefix, hex::encode(self.0))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl schemars::JsonSchema for $id {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($id).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": format!("^{}[0-9a-fA-F]{{{}}}$", $prefix, 2 * $bytes) })
            }
        }

        impl FromStr for $id {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let mut bytes = [0; $bytes];
                match text.strip_prefix($prefix).map(|digits| hex::decode_to_slice(digits, &mut bytes)) {
                    Some(Ok(())) => Ok(Self(bytes)),
                    _ => Err(IdError { text: text.chars().take(100).collect(), prefix: $prefix, digits: 2 * $bytes }),
                }
            }
        }
    };
}

/// An event's id: `evt_` and a UUIDv7.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);
written_as!(EventId, "evt_", 16);

impl EventId {
    /// A new id for an event received at `now`, with these random bytes.
    #[must_use]
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now.0, &random).into_uuid().into_bytes())
    }

    /// When it was made.
    #[must_use]
    pub fn made_at(self) -> Timestamp {
        let (secs, nanos) = Uuid::from_bytes(self.0).get_timestamp().map_or((0, 0), |t| t.to_unix());
        Timestamp(secs * 1000 + u64::from(nanos / 1_000_000))
    }
}

/// A run's id: one rule's work on one event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 16]);
written_as!(RunId, "run_", 16);

impl RunId {
    /// The run of `rule` on an event's `generation`.
    #[must_use]
    pub fn of(workspace: &Name, event: EventId, generation: u32, rule: &Name) -> Self {
        let parts: [&[u8]; 4] =
            [workspace.as_str().as_bytes(), event.as_bytes(), &generation.to_be_bytes(), rule.as_str().as_bytes()];
        Self(timed(event.as_bytes(), hash("run", &parts)))
    }
}

/// A batch's id, fixed when its members are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId([u8; 16]);
written_as!(BatchId, "bat_", 16);

impl BatchId {
    /// The batch of `rule` and `key` whose members run from journal sequence `first` to `last`.
    #[must_use]
    pub fn of(workspace: &Name, rule: &Name, key: &str, first: u64, last: u64) -> Self {
        Self(hash(
            "batch",
            &[workspace.as_str().as_bytes(), rule.as_str().as_bytes(), key.as_bytes(), &first.to_be_bytes(), &last.to_be_bytes()],
        ))
    }
}

/// A message's id to one destination: the `webhook-id` of all its attempts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId([u8; 16]);
written_as!(MessageId, "msg_", 16);

impl MessageId {
    /// The `index`-th message of a run, to `destination`.
    #[must_use]
    pub fn of_run(run: RunId, destination: &Name, index: u32) -> Self {
        let parts: [&[u8]; 3] = [run.as_bytes(), destination.as_str().as_bytes(), &index.to_be_bytes()];
        Self(timed(run.as_bytes(), hash("message", &parts)))
    }

    /// The `index`-th message of a batch, to `destination`.
    #[must_use]
    pub fn of_batch(batch: BatchId, destination: &Name, index: u32) -> Self {
        Self(hash("batch-message", &[batch.as_bytes(), destination.as_str().as_bytes(), &index.to_be_bytes()]))
    }
}

/// The SHA-256 of a component's bytes, written `sha256:` and 64 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);
written_as!(Digest, "sha256:", 32);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The milliseconds that a UUIDv7 begins with.
const TIME_BYTES: usize = 6;

/// A hash that begins with the time that `id` begins with. 80 bits of it are left, among what one millisecond brings.
fn timed(id: &[u8; 16], mut hash: [u8; 16]) -> [u8; 16] {
    hash[..TIME_BYTES].copy_from_slice(&id[..TIME_BYTES]);
    hash
}

/// The first half of a SHA-256 over length-prefixed parts: no two lists of parts give the same input.
fn hash(domain: &str, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Sha256::new();
    for part in std::iter::once(&domain.as_bytes()).chain(parts) {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_and_have_no_dot() {
        let id = EventId::new(Timestamp(1_790_000_000_123), [7; 10]);
        assert_eq!(id.to_string().parse::<EventId>(), Ok(id));
        assert_eq!(id.made_at(), Timestamp(1_790_000_000_123));
        assert!(!id.to_string().contains('.'));
        assert!("evt_12".parse::<EventId>().is_err());
        assert!(id.to_string().replace("evt_", "run_").parse::<EventId>().is_err());
    }

    #[test]
    fn the_same_work_has_the_same_id_and_other_work_another() {
        let (workspace, rule) = (Name::default_workspace(), "r".parse::<Name>().expect("name"));
        let event = EventId::new(Timestamp(1), [1; 10]);
        let run = RunId::of(&workspace, event, 0, &rule);
        assert_eq!(run, RunId::of(&workspace, event, 0, &rule));
        assert_ne!(run, RunId::of(&workspace, event, 1, &rule));
        let to = |name: &str, index| MessageId::of_run(run, &name.parse().expect("name"), index);
        assert_eq!(to("a", 0), to("a", 0));
        assert_ne!(to("a", 0), to("a", 1));
        assert_ne!(to("a", 0), to("b", 0));
    }

    #[test]
    fn what_hangs_on_a_later_event_has_a_later_id() {
        let (workspace, name) = (Name::default_workspace(), "n".parse::<Name>().expect("name"));
        let ids = [1_790_000_000_000, 1_790_000_000_001, 1_790_000_500_000].map(|ms| {
            let run = RunId::of(&workspace, EventId::new(Timestamp(ms), [9; 10]), 0, &name);
            (run, MessageId::of_run(run, &name, 0))
        });
        assert!(ids.is_sorted_by(|(run, message), (later_run, later_message)| run < later_run && message < later_message));
    }
}
