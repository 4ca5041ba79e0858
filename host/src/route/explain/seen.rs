//! What an event has at a path: the leaves that a condition there is asked of.

use serde_json::{Map, Value};

use crate::event::Event;

/// So many values are told; a field of an array may have thousands.
const VALUES_MAX: usize = 16;
/// So much of a text is told.
const TEXT_CHARS_MAX: usize = 256;

/// What an event has at a path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The first of its values; of a long text the beginning.
    pub values: Vec<Value>,
    /// How many more there are.
    pub more: usize,
    /// Whether there is an object, which is no value.
    pub has_object: bool,
}

/// An event, its body as a tree.
pub(super) struct Body<'e> {
    pub(super) event: &'e Event,
    /// `None`: it is no JSON.
    pub(super) data: Option<Value>,
}

impl<'e> Body<'e> {
    pub(super) fn of(event: &'e Event) -> Self {
        Self { event, data: serde_json::from_slice(&event.body).ok() }
    }

    pub(super) fn at(&self, path: &[&str]) -> Seen {
        let mut seen = Seen::default();
        let text = |text: &str| Value::from(text);
        match path {
            ["source"] => seen.add(&text(self.event.source.as_str())),
            ["type"] if !self.event.event_type.is_empty() => seen.add(&text(&self.event.event_type)),
            ["subject"] => self.event.subject.iter().for_each(|subject| seen.add(&text(subject))),
            ["headers", name] => {
                let headers = self.event.headers.iter().filter(|header| header.name == *name);
                headers.for_each(|header| seen.add(&text(&header.value)));
            }
            ["data", steps @ ..] => self.data.iter().for_each(|data| seen.collect(data, steps)),
            _ => {}
        }
        seen
    }
}

impl Seen {
    /// Whether no value is there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Arrays are looked into, however deep they stand in each other.
    fn collect(&mut self, value: &Value, steps: &[&str]) {
        match (value, steps) {
            (Value::Array(elements), _) => elements.iter().for_each(|element| self.collect(element, steps)),
            (Value::Object(members), [step, below @ ..]) => {
                if let Some(member) = members.get(*step) {
                    self.collect(member, below);
                }
            }
            (Value::Object(_), []) => self.has_object = true,
            (leaf, []) => self.add(leaf),
            (_, _) => {}
        }
    }

    fn add(&mut self, leaf: &Value) {
        if self.values.len() == VALUES_MAX {
            self.more += 1;
            return;
        }
        self.values.push(match leaf {
            Value::String(text) if text.chars().nth(TEXT_CHARS_MAX).is_some() => {
                Value::String(text.chars().take(TEXT_CHARS_MAX).chain(['…']).collect())
            }
            leaf => leaf.clone(),
        });
    }
}

/// The objects at a path, those in arrays too.
pub(super) fn objects<'v>(value: &'v Value, steps: &[&str], found: &mut Vec<&'v Map<String, Value>>) {
    match (value, steps) {
        (Value::Array(elements), _) => elements.iter().for_each(|element| objects(element, steps, found)),
        (Value::Object(members), []) => found.push(members),
        (Value::Object(members), [step, below @ ..]) => {
            if let Some(member) = members.get(*step) {
                objects(member, below, found);
            }
        }
        _ => {}
    }
}
