//! One alternative of a pattern against one event.
//!
//! **Array consistency.** The conditions on the body form a tree, which is walked beside the body. Where the body has an array of
//! objects, all that the tree asks below it is asked of one element at a time, and one element must meet it all. So no two
//! fields come from different elements, and nothing is ever taken back: the tree's node for a path visits each value at that
//! path once.
//!
//! **Absence.** `{ exists = false }` says that there is no such leaf, not that some element lacks it. A part of the tree may
//! therefore hold [`Verdict::ByAbsence`]: of an array that is enough only if every element says so, unless one element holds by
//! a value that it has, and then the absence is judged within that element.

use std::{borrow::Cow, cell::OnceCell, sync::Arc};

use serde_json::Value;

use super::{
    compare::{Leaf, Values},
    pattern::{Alternative, EnvelopeField, Node, Pattern},
};
use crate::event::Event;

/// An event being matched; its body is parsed once, and only if a pattern gets so far as to ask for it.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    event: &'a Event,
    data: OnceCell<Option<Value>>,
}

/// What a condition, or several together, say of a place in the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fails,
    /// Holds, and only because nothing is there.
    ByAbsence,
    /// Holds by a value that is there.
    ByPresence,
}

impl<'a> Facts<'a> {
    pub(super) fn new(event: &'a Event) -> Self {
        Self { event, data: OnceCell::new() }
    }

    /// Whether the pattern matches.
    pub(super) fn meet(&self, pattern: &Pattern) -> bool {
        pattern.alternatives.iter().any(|alternative| self.meet_alternative(alternative))
    }

    fn meet_alternative(&self, alternative: &Alternative) -> bool {
        let envelope = alternative.envelope.iter().all(|(field, values)| self.envelope_meets(field, values));
        envelope && (alternative.data.is_empty() || judge(&alternative.data, self.data()) != Verdict::Fails)
    }

    fn envelope_meets(&self, field: &EnvelopeField, values: &Values) -> bool {
        let one = |text| judge_texts(values, std::iter::once(text));
        let none = || judge_texts(values, std::iter::empty());
        let verdict = match field {
            EnvelopeField::Source => one(self.event.source.as_str()),
            EnvelopeField::Type if self.event.event_type.is_empty() => none(),
            EnvelopeField::Type => one(&self.event.event_type),
            EnvelopeField::Subject => self.event.subject.as_deref().map_or_else(none, one),
            EnvelopeField::Header(name) => {
                let headers = self.event.headers.iter().filter(|header| *header.name == **name);
                judge_texts(values, headers.map(|header| header.value.as_str()))
            }
        };
        verdict != Verdict::Fails
    }

    fn data(&self) -> Option<&Value> {
        self.data.get_or_init(|| serde_json::from_slice(&self.event.body).ok()).as_ref()
    }
}

/// The conditions of a node and of all below it, on a value of the body.
fn judge(node: &Node, value: Option<&Value>) -> Verdict {
    let here = all(node.values.iter().map(|values| judge_leaves(values, value)));
    if here == Verdict::Fails || node.fields.is_empty() {
        return here;
    }
    all([here, judge_fields(&node.fields, value)].into_iter())
}

/// The conditions below a node, all asked of one object.
fn judge_fields(fields: &[(Arc<str>, Node)], value: Option<&Value>) -> Verdict {
    match value {
        Some(Value::Object(object)) => all(fields.iter().map(|(name, node)| judge(node, object.get(&**name)))),
        // Nested arrays count as one, and so they do here: an element that is an array gives the verdict of its elements.
        Some(Value::Array(elements)) if !elements.is_empty() => {
            any_element(elements.iter().map(|element| judge_fields(fields, Some(element))))
        }
        _ => all(fields.iter().map(|(_, node)| judge(node, None))),
    }
}

/// The values of one field, on a leaf or on an array of leaves. Objects are no leaves.
fn judge_leaves(values: &Values, value: Option<&Value>) -> Verdict {
    match value {
        Some(Value::Array(elements)) if !elements.is_empty() => {
            any_element(elements.iter().map(|element| judge_leaves(values, Some(element))))
        }
        value => judge_leaf(values, value.and_then(Leaf::of)),
    }
}

fn judge_texts<'a>(values: &Values, texts: impl Iterator<Item = &'a str>) -> Verdict {
    let mut verdicts = texts.map(|text| judge_leaf(values, Some(Leaf::Text(Cow::Borrowed(text))))).peekable();
    if verdicts.peek().is_some() { any_element(verdicts) } else { judge_leaf(values, None) }
}

fn judge_leaf(values: &Values, leaf: Option<Leaf<'_>>) -> Verdict {
    match leaf {
        Some(leaf) if values.accept(&leaf) => Verdict::ByPresence,
        None if values.or_absent => Verdict::ByAbsence,
        _ => Verdict::Fails,
    }
}

/// Conditions that must hold together. No conditions hold.
fn all(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut together = Verdict::ByAbsence;
    for verdict in verdicts {
        match verdict {
            Verdict::Fails => return Verdict::Fails,
            Verdict::ByPresence => together = Verdict::ByPresence,
            Verdict::ByAbsence => {}
        }
    }
    together
}

/// The same conditions on the elements of an array: one must meet them, or all must lack what they forbid.
fn any_element(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
    let mut absent = true;
    for verdict in verdicts {
        match verdict {
            Verdict::ByPresence => return Verdict::ByPresence,
            Verdict::Fails => absent = false,
            Verdict::ByAbsence => {}
        }
    }
    if absent { Verdict::ByAbsence } else { Verdict::Fails }
}
