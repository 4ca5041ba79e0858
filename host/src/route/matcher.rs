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

use std::sync::Arc;

use super::{
    compare::{Leaf, Values},
    pattern::{Alternative, EnvelopeField, Node},
    places::{self, PlaceId, Places},
    seen::Seen,
};

/// The conditions of an alternative on one place and on what is below it, by the numbers of the places.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) values: Vec<Arc<Values>>,
    pub(super) fields: Vec<(PlaceId, Asked)>,
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

impl Asked {
    /// All that an alternative asks of an event; adds the places that it names.
    pub(super) fn of(alternative: &Alternative, places: &mut Places) -> Self {
        let mut event = Self::default();
        let mut headers = Self::default();
        for (field, values) in &alternative.envelope {
            let place = places.add_envelope(field);
            let around = if matches!(field, EnvelopeField::Header(_)) { &mut headers } else { &mut event };
            around.fields.push((place, Self { values: vec![values.clone()], fields: Vec::new() }));
        }
        if !headers.fields.is_empty() {
            event.fields.push((places::HEADERS, headers));
        }
        if !alternative.data.is_empty() {
            event.fields.push((places::DATA, Self::of_data(&alternative.data, places::DATA, places)));
        }
        event
    }

    fn of_data(node: &Node, place: PlaceId, places: &mut Places) -> Self {
        places.ask(place, node);
        let mut fields = Vec::with_capacity(node.fields.len());
        for (name, node) in &node.fields {
            let below = places.add_below(place, name);
            fields.push((below, Self::of_data(node, below, places)));
        }
        Self { values: node.values.clone(), fields }
    }

    /// Whether an event meets it all.
    pub(super) fn is_met_by(&self, event: &Seen<'_>) -> bool {
        judge(self, Some(event)) != Verdict::Fails
    }

    /// Each list of values, with its place.
    pub(super) fn conditions(&self) -> Vec<(PlaceId, &Values)> {
        let mut conditions = Vec::new();
        self.collect_conditions(places::EVENT, &mut conditions);
        conditions
    }

    fn collect_conditions<'a>(&'a self, place: PlaceId, conditions: &mut Vec<(PlaceId, &'a Values)>) {
        conditions.extend(self.values.iter().map(|values| (place, &**values)));
        self.fields.iter().for_each(|(place, asked)| asked.collect_conditions(*place, conditions));
    }
}

/// The conditions on a place and on all below it.
fn judge(asked: &Asked, seen: Option<&Seen<'_>>) -> Verdict {
    let here = all(asked.values.iter().map(|values| judge_leaves(values, seen)));
    if here == Verdict::Fails || asked.fields.is_empty() {
        return here;
    }
    all([here, judge_fields(&asked.fields, seen)].into_iter())
}

/// The conditions below a place, all asked of one object.
fn judge_fields(asked: &[(PlaceId, Asked)], seen: Option<&Seen<'_>>) -> Verdict {
    match seen {
        Some(Seen::Object(fields)) => all(asked.iter().map(|(place, asked)| judge(asked, Seen::field(fields, *place)))),
        // Nested arrays count as one, and so they do here: an element that is an array gives the verdict of its elements.
        Some(Seen::Array(elements)) if !elements.is_empty() => {
            any_element(elements.iter().map(|element| judge_fields(asked, Some(element))))
        }
        _ => all(asked.iter().map(|(_, asked)| judge(asked, None))),
    }
}

/// The values of one field, on a leaf or on an array of leaves. Objects are no leaves.
fn judge_leaves(values: &Values, seen: Option<&Seen<'_>>) -> Verdict {
    match seen {
        Some(Seen::Array(elements)) if !elements.is_empty() => {
            any_element(elements.iter().map(|element| judge_leaves(values, Some(element))))
        }
        Some(Seen::Leaf(leaf)) => judge_leaf(values, Some(leaf)),
        _ => judge_leaf(values, None),
    }
}

fn judge_leaf(values: &Values, leaf: Option<&Leaf<'_>>) -> Verdict {
    match leaf {
        Some(leaf) if values.accept(leaf) => Verdict::ByPresence,
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
