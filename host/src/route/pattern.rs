//! A parsed pattern: the ways in which an event can match it.
//!
//! An `$or` may cut across an array: `items.sku` beside the `$or`, `items.qty` within it, and both must hold of one element. Such
//! conditions are seen together only once the `$or`s are multiplied out, so that is done here, before the first event: a
//! pattern is a list of alternatives, each a set of conditions that must all hold. [`ALTERNATIVES_MAX`] and [`CONDITIONS_MAX`]
//! bound what the multiplication may give. (EventBridge does the same, and stops at 1,000.)

use std::sync::Arc;

use serde_json::Value;

use super::{compare::Values, parse};
use crate::event::Invalid;

/// Tables within tables.
pub(super) const DEPTH_MAX: usize = 64;
/// Values in all lists of a pattern together.
pub(super) const VALUES_MAX: usize = 10_000;
/// Wildcards in a pattern; each costs at most one pass over every text of its field.
pub(super) const WILDCARDS_MAX: usize = 100;
/// Bytes of one text.
pub(super) const TEXT_BYTES_MAX: usize = 4_096;
/// Bytes of a field's name.
pub(super) const FIELD_BYTES_MAX: usize = 256;
/// Alternatives that the `$or`s of a pattern give, multiplied out.
pub(super) const ALTERNATIVES_MAX: usize = 256;
/// Conditions of all alternatives together.
pub(super) const CONDITIONS_MAX: usize = 4_096;

/// A parsed pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Any of them; one without conditions matches everything.
    pub(super) alternatives: Arc<[Alternative]>,
}

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Alternative {
    /// On what stands beside the body.
    pub(super) envelope: Vec<(EnvelopeField, Arc<Values>)>,
    /// On the body: a tree, so that conditions below one array meet at the array and are asked of the same element.
    pub(super) data: Node,
}

/// A field of an event beside its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EnvelopeField {
    Source,
    Type,
    Subject,
    /// A header's name, in lower case.
    Header(Box<str>),
}

/// The conditions on one place in the body and on what is below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    /// Lists that must each be met here: several, where a field stands both beside an `$or` and within it.
    pub(super) values: Vec<Arc<Values>>,
    /// By the name of the field.
    pub(super) fields: Vec<(Arc<str>, Node)>,
}

/// A field and its values, on the way from the tables to the alternatives.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) field: Field,
    pub(super) values: Arc<Values>,
}

/// What a condition is about.
#[derive(Clone, Debug)]
pub(super) enum Field {
    Envelope(EnvelopeField),
    /// The path within the body.
    Data(Arc<[Arc<str>]>),
}

impl Pattern {
    /// Reads a pattern; an absent one is `null` and, like an empty one, matches everything.
    ///
    /// # Errors
    /// With a pointer relative to the pattern, and in words how to mend it.
    pub fn parse(pattern: &Value) -> Result<Self, Invalid> {
        let alternatives = parse::alternatives(pattern)?;
        Ok(Self { alternatives: alternatives.into_iter().map(Alternative::of).collect() })
    }
}

impl Alternative {
    fn of(conditions: Vec<Condition>) -> Self {
        let mut alternative = Self::default();
        for Condition { field, values } in conditions {
            match field {
                Field::Envelope(field) => alternative.envelope.push((field, values)),
                Field::Data(path) => alternative.data.at(&path).values.push(values),
            }
        }
        alternative
    }
}

impl Node {
    /// The node at this path below, made where it is missing.
    fn at(&mut self, path: &[Arc<str>]) -> &mut Self {
        let mut node = self;
        for name in path {
            let known = node.fields.iter().position(|(field, _)| field == name);
            let index = known.unwrap_or_else(|| {
                node.fields.push((name.clone(), Self::default()));
                node.fields.len() - 1
            });
            node = &mut node.fields[index].1;
        }
        node
    }

    /// Whether nothing is asked of the body.
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.fields.is_empty()
    }
}
