//! Events that belong together.

use crate::Event;

/// Why a batch is folded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// It has as many events as the rule allows.
    Size,
    /// It has as many bytes as the rule allows.
    Bytes,
    /// It is as old as the rule allows.
    Age,
    /// The rule was changed.
    RuleChanged,
    /// Somebody asked for it.
    Manual,
}

/// Events of one key, in order of joining, as the host hands them over or as a test makes them by [`Batch::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) reason: FlushReason,
    pub(crate) opened_at_ms: u64,
    pub(crate) events: Vec<Event>,
}

impl Batch {
    /// A batch for a test.
    pub fn new(key: impl Into<String>, events: impl IntoIterator<Item = Event>) -> Self {
        let events: Vec<_> = events.into_iter().collect();
        let opened_at_ms = events.first().map_or(0, Event::received_at_ms);
        Self { id: "bat_test".to_owned(), key: key.into(), reason: FlushReason::Size, opened_at_ms, events }
    }

    /// The same on a repeat.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What its events have in common; empty where the plugin names no key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Why it is folded now.
    pub fn reason(&self) -> FlushReason {
        self.reason
    }

    /// When the first event joined, in milliseconds since the Unix epoch.
    pub fn opened_at_ms(&self) -> u64 {
        self.opened_at_ms
    }

    /// Its events, in order of joining.
    pub fn iter(&self) -> std::slice::Iter<'_, Event> {
        self.events.iter()
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Never true of a batch that the host hands over.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl<'b> IntoIterator for &'b Batch {
    type Item = &'b Event;
    type IntoIter = std::slice::Iter<'b, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for Batch {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}
