//! The leaves of an event by place: what an index looks up.

use super::{
    compare::Leaf,
    places::{self, PlaceId},
    seen::Seen,
};

/// All asked leaves, in the order of their places.
#[derive(Debug)]
pub(super) struct Leaves<'s> {
    sorted: Vec<LeafAt<'s>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct LeafAt<'s> {
    pub(super) place: PlaceId,
    pub(super) leaf: &'s Leaf<'s>,
    /// Whether it is a field of an object in an array.
    in_array: bool,
}

impl<'s> Leaves<'s> {
    pub(super) fn of(event: &'s Seen<'s>) -> Self {
        let mut sorted = Vec::new();
        collect(places::EVENT, event, InArray { above: false, here: false }, &mut sorted);
        sorted.sort_by_key(|found| found.place);
        Self { sorted }
    }

    /// The leaves, those of one place together.
    pub(super) fn by_place(&self) -> impl Iterator<Item = &[LeafAt<'s>]> {
        self.sorted.chunk_by(|a, b| a.place == b.place)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Those at one place.
    pub(super) fn at(&self, place: PlaceId) -> &[LeafAt<'s>] {
        let from = self.sorted.partition_point(|found| found.place < place);
        let until = from + self.sorted[from..].partition_point(|found| found.place == place);
        &self.sorted[from..until]
    }

    /// Whether `{ exists = false }` can hold there. Within an array one element may lack what another has.
    pub(super) fn may_lack(&self, place: PlaceId) -> bool {
        self.at(place).iter().all(|found| found.in_array)
    }
}

/// Whether an object around a value is in an array, and whether the value itself is.
#[derive(Clone, Copy)]
struct InArray {
    above: bool,
    here: bool,
}

fn collect<'s>(place: PlaceId, seen: &'s Seen<'s>, array: InArray, found: &mut Vec<LeafAt<'s>>) {
    match seen {
        Seen::Unasked => {}
        Seen::Leaf(leaf) => found.push(LeafAt { place, leaf, in_array: array.above }),
        Seen::Array(elements) => {
            elements.iter().for_each(|element| collect(place, element, InArray { here: true, ..array }, found));
        }
        Seen::Object(fields) => {
            let array = InArray { above: array.here, here: array.here };
            fields.iter().for_each(|(place, field)| collect(*place, field, array, found));
        }
    }
}
