//! Finding and editing values in a body without reading all of it into memory, and therefore without changing what is beside them.
//!
//! Reading JSON into a [`Value`](serde_json::Value) and writing it again loses what JSON allows and Rust's numbers do not hold:
//! `12345678901234567890123` comes back as `1.2345678901234568e22`, `1.10` as `1.1`. So [`find`] gives places in the bytes, [`Node`]
//! is a document whose values can be found, put, removed, renamed and moved by their paths, and [`Edits`] are such changes as settings
//! have them. For a single value, [`Event::json_at`](crate::Event::json_at) reads it.

use crate::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::ops::Range;

mod edit;
mod edits;
mod node;
mod path;
mod place;

pub use edits::{Edits, Pairs};
pub use node::Node;
pub use path::Path;
pub use place::Place;

use path::{Child, Step};

/// The places of all values that one of the paths leads to, in order and without overlap: what is within a found value is not
/// looked at. Members of the same name are all found.
///
/// ```
/// use sluicebox_sdk::json::{self, Path};
///
/// let paths: Vec<Path> = vec!["items[*].card".parse()?];
/// let body = br#"{"items": [{"card": "4242", "cents": 1.10}, {"card": null}]}"#;
/// let cards: Vec<_> = json::find(body, &paths)?.into_iter().map(|place| &body[place]).collect();
/// assert_eq!(cards, [&b"\"4242\""[..], b"null"]);
/// # Ok::<(), sluicebox_sdk::Error>(())
/// ```
///
/// # Errors
/// Rejects with `invalid-json` what is none, or is nested more than 127 deep.
pub fn find(json: &[u8], paths: &[Path]) -> Result<Vec<Range<usize>>> {
    let mut search = Search { start: json.as_ptr().addr(), paths, found: Vec::new() };
    let positions = (0..paths.len()).map(|path| Position { path, step: 0 }).collect();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    Walk { search: &mut search, positions }.deserialize(&mut deserializer).map_err(invalid)?;
    deserializer.end().map_err(invalid)?;
    Ok(search.found)
}

/// How all of the SDK names what serde could not read.
pub(crate) fn invalid(error: serde_json::Error) -> Error {
    Error::reject("invalid-json", error)
}

/// What stays the same on the way through one document.
struct Search<'p> {
    /// The address of the document's first byte: a found value is a slice of it.
    start: usize,
    paths: &'p [Path],
    found: Vec<Range<usize>>,
}

impl Search<'_> {
    fn hit(&mut self, value: &RawValue) {
        let start = value.get().as_ptr().addr() - self.start;
        self.found.push(start..start + value.get().len());
    }

    /// Where the paths are, one level down.
    fn descend(&self, positions: &[Position], child: Child<'_>) -> Next {
        let mut next = Vec::new();
        for &position in positions {
            let steps = self.paths[position.path].steps();
            let mut at = position;
            if let Some(Step::Deep) = steps.get(at.step) {
                next.push(at);
                at.step += 1;
            }
            if !steps.get(at.step).is_some_and(|step| step.matches(child)) {
                continue;
            }
            at.step += 1;
            if at.step == steps.len() {
                return Next::Hit;
            }
            next.push(at);
        }
        if next.is_empty() { Next::Skip } else { Next::Into(next) }
    }
}

/// A path, and the step of it that the children of the current value are held against.
#[derive(Clone, Copy)]
struct Position {
    path: usize,
    step: usize,
}

/// What to do with a child.
enum Next {
    Hit,
    Skip,
    Into(Vec<Position>),
}

/// Reads one value: scalars to their end, objects and arrays child by child.
struct Walk<'s, 'p> {
    search: &'s mut Search<'p>,
    positions: Vec<Position>,
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(next) = map.next_key_seed(Key { search: self.search, positions: &self.positions })? {
            match next {
                Next::Hit => self.search.hit(map.next_value()?),
                Next::Skip => drop(map.next_value::<IgnoredAny>()?),
                Next::Into(positions) => map.next_value_seed(Walk { search: self.search, positions })?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for index in 0.. {
            let more = match self.search.descend(&self.positions, Child::Item(index)) {
                Next::Hit => seq.next_element()?.map(|value| self.search.hit(value)),
                Next::Skip => seq.next_element::<IgnoredAny>()?.map(drop),
                Next::Into(positions) => seq.next_element_seed(Walk { search: self.search, positions })?,
            };
            if more.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Holds a member's name against the paths, without keeping it.
struct Key<'s, 'p> {
    search: &'s Search<'p>,
    positions: &'s [Position],
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Next;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Next, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Next;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Next, E> {
        Ok(self.search.descend(self.positions, Child::Member(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, paths: &[&str], expected: &[&str]) {
        let paths: Vec<Path> = paths.iter().map(|path| path.parse().unwrap()).collect();
        let found: Vec<_> = find(json.as_bytes(), &paths).unwrap().into_iter().map(|place| &json[place]).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn values_are_found_where_they_are() {
        check(r#"{"a": {"b" : 1.0 , "c": 2}}"#, &["a.b"], &["1.0"]);
        check(r#"{"a": [10, 20, 30]}"#, &["a[1]"], &["20"]);
        check(r#"{"a": [{"b": 1}, {"c": 2}, {"b": [3]}]}"#, &["a[*].b"], &["1", "[3]"]);
        check(r#"{"a": {"x": {"b": 1}, "y": {"b": 2}}}"#, &["a.*.b"], &["1", "2"]);
        check(r#"{"a": 1, "b": {"a": [{"a": 2}], "c": 3}}"#, &["**.a"], &["1", "[{\"a\": 2}]"]);
        check(r#"{"a": {"b": 1}, "c": 2}"#, &["c", "a.b"], &["1", "2"]);
    }

    #[test]
    fn names_are_compared_as_text_not_as_bytes() {
        check(r#"{"e\u006dail": "x", "a.b": {"c": 1}, "email": "y"}"#, &["email", "[\"a.b\"].c"], &["\"x\"", "1", "\"y\""]);
    }

    #[test]
    fn a_scalar_on_the_way_ends_it() {
        check(r#"{"a": "text", "b": 1, "c": null, "d": true, "e": -1.5}"#, &["a.x", "b.x", "c.x", "d.x", "e[0]"], &[]);
        check("1", &["a"], &[]);
    }

    #[test]
    fn what_is_no_json_is_rejected() {
        let path = &["a.b".parse().unwrap()];
        for json in ["", "{", r#"{"a": 1} x"#, r#"{"x": nul}"#, "{\"a\": \u{1}}"] {
            assert_eq!(find(json.as_bytes(), path).unwrap_err().code(), "invalid-json", "{json}");
        }
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert_eq!(find(deep.as_bytes(), &["**.a".parse().unwrap()]).unwrap_err().code(), "invalid-json");
    }
}
