//! A text or a whole number within a JSON body, by a dotted path, read without building a tree. Of two fields of the same name on the way, the
//! sender's reader and ours might believe different ones: they are refused.

use std::fmt;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What was found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A text, or the digits of a whole number.
    Text(String),
    /// Something else, such as an object.
    Other,
    /// Nothing.
    Nothing,
}

/// Why there is no answer: the body is no JSON, or a field on the way stands twice.
pub(super) type Unreadable = serde_json::Error;

/// What stands at `path` in `body`. In an array, a step is a place, counted from 0.
pub(super) fn find(body: &[u8], path: &[String]) -> Result<Found, Unreadable> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let found = At(path).deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

#[derive(Clone, Copy)]
struct At<'p>(&'p [String]);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Found;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    /// What a value is that has nothing within.
    fn leaf(self, found: Found) -> Found {
        if self.0.is_empty() { found } else { Found::Nothing }
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Found, E> {
        Ok(self.leaf(Found::Other))
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(self.leaf(Found::Other))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(self.leaf(Found::Other))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Found, E> {
        Ok(self.leaf(Found::Text(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Found, E> {
        Ok(self.leaf(Found::Text(number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Found, E> {
        Ok(self.leaf(Found::Text(text.to_owned())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let (mut found, mut seen) = (self.leaf(Found::Other), false);
        while let Some(key) = map.next_key::<String>()? {
            match self.0.split_first() {
                Some((step, _)) if *step == key && seen => return Err(A::Error::custom(format!("`{step}` stands twice"))),
                Some((step, rest)) if *step == key => {
                    found = map.next_value_seed(At(rest))?;
                    seen = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Found, A::Error> {
        let (wanted, rest) = match self.0.split_first() {
            Some((step, rest)) => (step.parse::<usize>().ok(), rest),
            None => (None, self.0),
        };
        let mut found = self.leaf(Found::Other);
        for at in 0_usize.. {
            let more = if wanted == Some(at) {
                items.next_element_seed(At(rest))?.map(|item| found = item).is_some()
            } else {
                items.next_element::<IgnoredAny>()?.is_some()
            };
            if !more {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(body: &str, path: &str) -> Option<Found> {
        let path: Vec<_> = path.split('.').map(str::to_owned).collect();
        find(body.as_bytes(), &path).ok()
    }

    #[test]
    fn a_text_is_found_or_absent() {
        let body = r#"{"a":{"b":[{"id":7},"x"],"f":1.5,"n":null},"t":"x\u00e9","other":{"t":1,"t":2}}"#;
        assert_eq!(at(body, "t"), Some(Found::Text("xé".into())));
        assert_eq!(at(body, "a.b.0.id"), Some(Found::Text("7".into())));
        assert_eq!(at(body, "a.b.1"), Some(Found::Text("x".into())));
        for other in ["a", "a.b", "a.f", "a.n"] {
            assert_eq!(at(body, other), Some(Found::Other), "{other}");
        }
        for nothing in ["b", "a.b.2", "a.b.x", "t.x", "a.c.d"] {
            assert_eq!(at(body, nothing), Some(Found::Nothing), "{nothing}");
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_not_believed() {
        assert_eq!(at(r#"{"a":{"t":"1","t":"2"}}"#, "a.t"), None);
        assert_eq!(at(r#"{"a":{"t":"1"},"a":{}}"#, "a.t"), None);
        assert_eq!(at(r#"{"a":{"t":"1"},"\u0061":{}}"#, "a.t"), None, "the same name, written otherwise");
    }

    #[test]
    fn what_is_no_json_is_told() {
        for bad in ["", "{", "{\"t\":1}x", "t=1"] {
            assert_eq!(at(bad, "t"), None, "{bad}");
        }
    }
}
