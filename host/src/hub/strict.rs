//! Documents read as their schema says. serde takes the members of a struct also from a list, in the order in which they happen to be
//! declared; to who writes documents there is no such order.

use serde::{
    Deserializer,
    de::{
        Error as _, IntoDeserializer, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Error, Value};

/// A value of which a list is a list, and never a struct.
#[derive(Clone, Copy)]
pub(super) struct Strict<'de>(pub(super) &'de Value);

impl<'de> IntoDeserializer<'de, Error> for Strict<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Strict<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(items) => {
                let mut items = SeqDeserializer::new(items.iter().map(Strict));
                let value = visitor.visit_seq(&mut items)?;
                items.end().map(|()| value)
            }
            Value::Object(members) => {
                let mut members = MapDeserializer::new(members.iter().map(|(key, member)| (key.as_str(), Strict(member))));
                let value = visitor.visit_map(&mut members)?;
                members.end().map(|()| value)
            }
            leaf => leaf.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(_) => Err(Error::invalid_type(Unexpected::Seq, &"an object")),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        inner: Option<Box<Outer>>,
        list: Vec<Outer>,
        pair: Option<(u32, String)>,
        number: u32,
        kind: Option<Kind>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
    }

    #[test]
    fn a_struct_is_read_from_an_object_and_never_from_a_list() {
        let read = |value: Value| Outer::deserialize(Strict(&value)).map_err(|error| error.to_string());
        let nested = read(json!({ "inner": { "number": 3, "kind": "one", "pair": [1, "x"] }, "list": [{}], "kind": null }));
        let inner = Outer { number: 3, kind: Some(Kind::One), pair: Some((1, "x".to_owned())), ..Outer::default() };
        assert_eq!(nested, Ok(Outer { inner: Some(Box::new(inner)), list: vec![Outer::default()], ..Outer::default() }));
        for lax in [json!([]), json!({ "inner": [] }), json!({ "list": [[]] })] {
            assert!(Outer::deserialize(&lax).is_ok(), "serde alone takes {lax}");
            assert_eq!(read(lax), Err("invalid type: sequence, expected an object".to_owned()));
        }
        assert!(read(json!({ "pair": [1, "x", 2] })).is_err(), "one too many");
        assert!(read(json!({ "unknown": 1 })).is_err());
    }
}
