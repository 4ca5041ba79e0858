//! Entries: what the control plane is made of. Each is a JSON document under a workspace, a kind and a name.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event::{Invalid, Name};

/// One entry's JSON, as the hub file has it.
pub type Document = serde_json::Map<String, Value>;

/// What an entry declares. The order is that of an event's way, with the rule, which needs the others, last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Kind {
    /// A way in.
    #[serde(rename = "sources")]
    Source,
    /// A way out.
    #[serde(rename = "destinations")]
    Destination,
    /// A WebAssembly component with its settings.
    #[serde(rename = "plugins")]
    Plugin,
    /// Pattern, plugins, destinations.
    #[serde(rename = "rules")]
    Rule,
}

impl Kind {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Source, Self::Destination, Self::Plugin, Self::Rule];

    /// The name of its table in the hub file and of its folder in the API: plural.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "sources",
            Self::Destination => "destinations",
            Self::Plugin => "plugins",
            Self::Rule => "rules",
        }
    }

    /// One of them, in a sentence.
    #[must_use]
    pub fn singular(self) -> &'static str {
        self.as_str().trim_end_matches('s')
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is no [`Kind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of sources, destinations, plugins, rules")]
pub struct KindError(String);

impl FromStr for Kind {
    type Err = KindError;

    fn from_str(text: &str) -> Result<Self, KindError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| KindError(text.chars().take(80).collect()))
    }
}

/// An entry within its workspace.
pub(super) type Key = (Kind, Name);

/// An entry among those of all workspaces. Ordered by workspace first, like the store's keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) workspace: Name,
    pub(super) kind: Kind,
    pub(super) name: Name,
}

impl Entry {
    pub(super) fn new(workspace: &Name, (kind, name): &Key) -> Self {
        Self { workspace: workspace.clone(), kind: *kind, name: name.clone() }
    }

    pub(super) fn key(&self) -> Key {
        (self.kind, self.name.clone())
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.workspace, self.kind, self.name)
    }
}

impl FromStr for Entry {
    type Err = NotAnEntry;

    fn from_str(text: &str) -> Result<Self, NotAnEntry> {
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().ok_or(NotAnEntry);
        let (workspace, kind, name) = (next()?, next()?, next()?);
        Ok(Self {
            workspace: workspace.parse().map_err(|_| NotAnEntry)?,
            kind: kind.parse().map_err(|_| NotAnEntry)?,
            name: name.parse().map_err(|_| NotAnEntry)?,
        })
    }
}

/// A text that is not `workspace/kind/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not `workspace/kind/name`")]
pub(super) struct NotAnEntry;

/// The documents of all workspaces, their secrets sealed: what stores and records hold.
pub(super) type Documents = BTreeMap<Entry, Value>;

/// Why an entry is refused, told to whoever applied it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The entry's kind.
    pub kind: Kind,
    /// The entry's name.
    pub name: String,
    /// A JSON pointer (RFC 6901) within the entry; empty for the entry as a whole.
    pub pointer: String,
    /// What is wrong and how to mend it. Never holds a secret.
    pub message: String,
}

impl Problem {
    pub(super) fn new((kind, name): &Key, invalid: Invalid) -> Self {
        Self { kind: *kind, name: name.to_string(), pointer: invalid.pointer, message: invalid.message }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}: {}", self.kind, self.name, self.pointer, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_read_back_from_its_key() {
        let entry = Entry::new(&Name::default_workspace(), &(Kind::Rule, "new-issues".parse().expect("a name")));
        assert_eq!(entry.to_string(), "default/rules/new-issues");
        assert_eq!(entry.to_string().parse(), Ok(entry));
        for bad in ["", "default", "default/rules", "default/rule/x", "default/rules/x/y"] {
            assert_eq!(bad.parse::<Entry>(), Err(NotAnEntry), "{bad}");
        }
    }
}
