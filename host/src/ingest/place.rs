//! Where the facts of an event are, as the hub file says it: in one place, or in the first of several that has it.

use std::{borrow::Cow, fmt, str::FromStr};

use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::extract::{Extract, Place};
use crate::event::{Invalid, JsonPath};

/// The most places that one fact may be sought in.
const PLACES_MAX: usize = 8;

/// How a place is written, for those who wrote it otherwise.
const EXAMPLE: &str = "as in { header = \"x-event\" }";

/// Where a fact of an event is.
#[derive(Clone, Debug)]
pub enum ExtractSpec {
    /// Here.
    One(PlaceSpec),
    /// In the first of these that has it.
    Several(Vec<PlaceSpec>),
}

/// A place where a fact may be: exactly one of these.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Place")]
pub struct PlaceSpec {
    /// In a header.
    pub header: Option<String>,
    /// In the JSON body, by a dotted path: `object.kind`, `items.0.id`.
    pub json: Option<String>,
    /// In the query of the URL, the first of this name.
    pub query: Option<String>,
    /// In a body that is a form, the first field of this name.
    pub form: Option<String>,
    /// Always this.
    pub value: Option<String>,
}

impl ExtractSpec {
    /// Checks it; `at` is where it stands in its source, `credentials` are the headers that no fact may be taken from.
    pub(super) fn refine(&self, at: &str, credentials: &[HeaderName]) -> Result<Extract, Invalid> {
        let places = match self {
            Self::One(place) => vec![place.refine(at, credentials)?],
            Self::Several(places) => several(places, at, credentials)?,
        };
        Ok(Extract(places))
    }
}

fn several(places: &[PlaceSpec], at: &str, credentials: &[HeaderName]) -> Result<Vec<Place>, Invalid> {
    if !(1..=PLACES_MAX).contains(&places.len()) {
        let message = format!("{} places; name 1 to {PLACES_MAX}, {EXAMPLE}", places.len());
        return Err(Invalid::at(at, message));
    }
    let refined = places.iter().enumerate().map(|(index, place)| place.refine(&format!("{at}/{index}"), credentials));
    let refined: Vec<Place> = refined.collect::<Result<_, _>>()?;
    match refined.iter().position(|place| matches!(place, Place::Fixed(_))) {
        Some(index) if index + 1 < refined.len() => {
            Err(Invalid::at(format!("{at}/{index}"), "a `value` is always there, so nothing behind it counts; put it last"))
        }
        _ => Ok(refined),
    }
}

impl PlaceSpec {
    fn refine(&self, at: &str, credentials: &[HeaderName]) -> Result<Place, Invalid> {
        let Self { header, json, query, form, value } = self;
        match (header, json, query, form, value) {
            (Some(name), None, None, None, None) => header_named(name, credentials, &format!("{at}/header")),
            (None, Some(path), None, None, None) => Ok(Place::Json(JsonPath::of(path))),
            (None, None, Some(name), None, None) => Ok(Place::Query(name.clone())),
            (None, None, None, Some(name), None) => Ok(Place::Form(name.clone())),
            (None, None, None, None, Some(value)) => Ok(Place::Fixed(value.clone())),
            _ => {
                let message = format!("name exactly one of `header`, `json`, `query`, `form` and `value`, {EXAMPLE}");
                Err(Invalid::at(at, message))
            }
        }
    }
}

fn header_named(name: &str, credentials: &[HeaderName], at: &str) -> Result<Place, Invalid> {
    let header = HeaderName::from_str(name).map_err(|_| Invalid::at(at, format!("`{name}` is not a header name")))?;
    if credentials.contains(&header) {
        let message = format!("the header `{header}` holds a credential, and facts are kept in clear; name another");
        return Err(Invalid::at(at, message));
    }
    Ok(Place::Header(header))
}

impl<'de> Deserialize<'de> for ExtractSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Places;
        impl<'de> Visitor<'de> for Places {
            type Value = ExtractSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a place, {EXAMPLE}, or a list of places")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ExtractSpec, A::Error> {
                PlaceSpec::deserialize(MapAccessDeserializer::new(map)).map(ExtractSpec::One)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ExtractSpec, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(ExtractSpec::Several)
            }
        }
        deserializer.deserialize_any(Places)
    }
}

impl JsonSchema for ExtractSpec {
    fn schema_name() -> Cow<'static, str> {
        "Places".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let place = generator.subschema_for::<PlaceSpec>();
        json_schema!({
            "description": "Where a fact of an event is, as in `{ header = \"x-event\" }`; of a list the first that has it.",
            "anyOf": [place, { "type": "array", "items": place, "minItems": 1 }],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refine(spec: &Value) -> Result<Extract, Invalid> {
        let spec: ExtractSpec = serde_json::from_value(spec.clone()).expect("the right form");
        spec.refine("/type", &[http::header::AUTHORIZATION])
    }

    #[test]
    fn a_fact_has_a_place_or_several() {
        assert_eq!(refine(&json!({ "query": "event" })).expect("one").0.len(), 1);
        let several = json!([{ "header": "x-event" }, { "form": "event" }, { "value": "other" }]);
        assert_eq!(refine(&several).expect("three").0.len(), 3);
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (spec, pointer, told) in [
            (json!({}), "/type", "exactly one of"),
            (json!({ "header": "a", "json": "b" }), "/type", "exactly one of"),
            (json!({ "header": "a b" }), "/type/header", "`a b` is not a header name"),
            (json!({ "header": "Authorization" }), "/type/header", "holds a credential"),
            (json!([]), "/type", "0 places; name 1 to 8"),
            (json!(vec![json!({ "json": "a" }); 9]), "/type", "9 places"),
            (json!([{ "json": "a" }, { "header": "" }]), "/type/1/header", "not a header name"),
            (json!([{ "value": "a" }, { "json": "a" }]), "/type/0", "put it last"),
        ] {
            let invalid = refine(&spec).expect_err("it is refused");
            assert_eq!(invalid.pointer, pointer, "{spec}");
            assert!(invalid.message.contains(told), "{spec}: {invalid}");
        }
    }
}
