//! What is kept of an event for matching: the named places and nothing else. The body is read once, from its first byte to its last,
//! and no tree of it is built.
//!
//! All of the body is read with the same strictness, named or not: whether it is JSON must not hang on what other rules name.
//! (`serde`'s `IgnoredAny` would let unpaired surrogates, numbers out of range and nesting beyond 128 levels pass.)

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{
    compare::{Leaf, Number},
    places::{self, PlaceId, Places},
};
use crate::event::Event;

/// What an event has at a place.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen<'e> {
    /// A leaf that no condition is about.
    Unasked,
    Leaf(Leaf<'e>),
    Array(Vec<Seen<'e>>),
    /// The named fields, by place, ascending; of duplicate names the last.
    Object(Vec<(PlaceId, Seen<'e>)>),
}

impl<'e> Seen<'e> {
    /// The named places of an event.
    pub(super) fn of(event: &'e Event, places: &Places) -> Self {
        let text = |text: &'e str| Self::Leaf(Leaf::Text(Cow::Borrowed(text)));
        let mut fields = vec![(places::SOURCE, text(event.source.as_str()))];
        if !event.event_type.is_empty() {
            fields.push((places::TYPE, text(&event.event_type)));
        }
        fields.extend(event.subject.as_deref().map(|subject| (places::SUBJECT, text(subject))));
        if places.has_below(places::HEADERS) {
            fields.push((places::HEADERS, headers(event, places)));
        }
        if places.has_below(places::DATA) || places.is_asked(places::DATA) {
            fields.extend(data(&event.body, places).map(|data| (places::DATA, data)));
        }
        Self::Object(fields)
    }

    /// What is at a place directly below this object.
    pub(super) fn field(fields: &'e [(PlaceId, Self)], place: PlaceId) -> Option<&'e Self> {
        fields.binary_search_by_key(&place, |(place, _)| *place).ok().map(|at| &fields[at].1)
    }
}

/// A header that came more than once is an array of its values.
fn headers<'e>(event: &'e Event, places: &Places) -> Seen<'e> {
    let mut values = Vec::new();
    for header in &event.headers {
        if let Some(place) = places.below(places::HEADERS, &header.name) {
            values.push((place, Seen::Leaf(Leaf::Text(Cow::Borrowed(header.value.as_str())))));
        }
    }
    values.sort_by_key(|(place, _)| *place);
    let grouped = values.chunk_by(|(a, _), (b, _)| a == b).map(|group| match group {
        [(place, only)] => (*place, only.clone()),
        group => (group[0].0, Seen::Array(group.iter().map(|(_, value)| value.clone()).collect())),
    });
    Seen::Object(grouped.collect())
}

/// The named places of a body; `None` where it is not JSON.
fn data<'e>(body: &'e [u8], places: &Places) -> Option<Seen<'e>> {
    // Checked at once: that is faster than text by text, and holds for what is skipped too.
    let text = std::str::from_utf8(body).ok()?;
    let mut json = serde_json::Deserializer::from_str(text);
    let seen = Reader { places, place: places::DATA }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(seen)
}

/// Reads the value at a place.
#[derive(Clone, Copy)]
struct Reader<'p> {
    places: &'p Places,
    place: PlaceId,
}

impl<'p> Reader<'p> {
    fn leaf<'e>(self, leaf: impl FnOnce() -> Leaf<'e>) -> Seen<'e> {
        if self.places.is_asked(self.place) { Seen::Leaf(leaf()) } else { Seen::Unasked }
    }
}

impl<'e> DeserializeSeed<'e> for Reader<'_> {
    type Value = Seen<'e>;

    fn deserialize<D: Deserializer<'e>>(self, json: D) -> Result<Seen<'e>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'e> Visitor<'e> for Reader<'_> {
    type Value = Seen<'e>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Number(Number::Whole(value.into()))))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Number(Number::Whole(value.into()))))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Number(Number::of_double(value))))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'e str) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Seen<'e>, E> {
        Ok(self.leaf(|| Leaf::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut array: A) -> Result<Seen<'e>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = array.next_element_seed(self)? {
            elements.push(element);
        }
        Ok(Seen::Array(elements))
    }

    fn visit_map<A: MapAccess<'e>>(self, mut object: A) -> Result<Seen<'e>, A::Error> {
        if !self.places.has_below(self.place) {
            Skip.visit_map(object)?;
            return Ok(Seen::Object(Vec::new()));
        }
        let mut fields = Vec::new();
        while let Some(place) = object.next_key_seed(NameReader(self))? {
            match place {
                Some(place) => fields.push((place, object.next_value_seed(Self { place, ..self })?)),
                None => object.next_value_seed(Skip)?,
            }
        }
        // Stable, so that of duplicates the last stays last.
        fields.sort_by_key(|(place, _)| *place);
        fields.dedup_by(|later, kept| {
            let is_duplicate = later.0 == kept.0;
            if is_duplicate {
                std::mem::swap(later, kept);
            }
            is_duplicate
        });
        Ok(Seen::Object(fields))
    }
}

/// Finds the place of a name below that of the reader.
struct NameReader<'p>(Reader<'p>);

impl<'e> DeserializeSeed<'e> for NameReader<'_> {
    type Value = Option<PlaceId>;

    fn deserialize<D: Deserializer<'e>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for NameReader<'_> {
    type Value = Option<PlaceId>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.places.below(self.0.place, name))
    }
}

/// Reads a value of which nothing is kept.
struct Skip;

impl<'e> DeserializeSeed<'e> for Skip {
    type Value = ();

    fn deserialize<D: Deserializer<'e>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'e> Visitor<'e> for Skip {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'e>>(self, mut array: A) -> Result<(), A::Error> {
        while array.next_element_seed(Self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'e>>(self, mut object: A) -> Result<(), A::Error> {
        while object.next_key_seed(Self)?.is_some() {
            object.next_value_seed(Self)?;
        }
        Ok(())
    }
}
