//! The places in an event that some pattern names: a tree of names, walked beside the event, so that nothing is kept of what no
//! pattern asks about.
//!
//! A place keeps its number for as long as the tree and its clones live: they only grow.

use std::{collections::HashMap, sync::Arc};

use super::pattern::{EnvelopeField, Node};

/// The number of a place.
pub(super) type PlaceId = u32;

/// The places that every tree has.
pub(super) const EVENT: PlaceId = 0;
pub(super) const SOURCE: PlaceId = 1;
pub(super) const TYPE: PlaceId = 2;
pub(super) const SUBJECT: PlaceId = 3;
/// Below it the named headers.
pub(super) const HEADERS: PlaceId = 4;
/// The body.
pub(super) const DATA: PlaceId = 5;

/// The tree.
#[derive(Clone, Debug)]
pub(super) struct Places {
    places: Vec<Place>,
    /// The same in all clones: what bears numbers of one tree is of no use to another.
    lineage: Arc<()>,
}

/// One place. Clones share what is below until one of them adds to it.
#[derive(Clone, Debug, Default)]
struct Place {
    below: Arc<HashMap<Arc<str>, PlaceId>>,
    /// Whether a condition is about the leaves here.
    is_asked: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self { places: vec![Place::default(); DATA as usize + 1], lineage: Arc::new(()) }
    }
}

impl Places {
    /// The place of a field beside the body, made where it is missing.
    pub(super) fn add_envelope(&mut self, field: &EnvelopeField) -> PlaceId {
        match field {
            EnvelopeField::Source => SOURCE,
            EnvelopeField::Type => TYPE,
            EnvelopeField::Subject => SUBJECT,
            EnvelopeField::Header(name) => self.add_below(HEADERS, &Arc::from(&**name)),
        }
    }

    /// The place of this name below another, made where it is missing.
    pub(super) fn add_below(&mut self, place: PlaceId, name: &Arc<str>) -> PlaceId {
        if let Some(known) = self.below(place, name) {
            return known;
        }
        let new = PlaceId::try_from(self.places.len()).expect("fewer than 2^32 names fit into memory");
        self.places.push(Place::default());
        Arc::make_mut(&mut self.places[place as usize].below).insert(name.clone(), new);
        new
    }

    /// Notes what is asked at this place; `node` is the pattern's there.
    pub(super) fn ask(&mut self, place: PlaceId, node: &Node) {
        self.places[place as usize].is_asked |= !node.values.is_empty();
    }

    /// The place of this name below another.
    pub(super) fn below(&self, place: PlaceId, name: &str) -> Option<PlaceId> {
        self.places[place as usize].below.get(name).copied()
    }

    /// Whether any name below the place is known.
    pub(super) fn has_below(&self, place: PlaceId) -> bool {
        !self.places[place as usize].below.is_empty()
    }

    /// Whether the leaves here are asked about.
    pub(super) fn is_asked(&self, place: PlaceId) -> bool {
        self.places[place as usize].is_asked
    }

    /// Whether both number places alike, as far as both know them.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lineage, &other.lineage)
    }
}
