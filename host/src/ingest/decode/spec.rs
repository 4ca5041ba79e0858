//! What a source decodes, as the hub file says it.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::Decode;
use crate::event::Invalid;

/// What a source decodes: `"form"`, `"xml"`, or `{ form_field = "payload" }`.
#[derive(Clone, Debug)]
pub struct DecodeSpec(Decode);

impl DecodeSpec {
    /// Checks it.
    pub(in crate::ingest) fn refine(&self) -> Result<Decode, Invalid> {
        match &self.0 {
            Decode::FormField(name) if name.is_empty() => {
                Err(Invalid::at("/decode/form_field", "name the field that holds the JSON, as in { form_field = \"payload\" }"))
            }
            decode => Ok(decode.clone()),
        }
    }
}

impl<'de> Deserialize<'de> for DecodeSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kind;
        impl<'de> Visitor<'de> for Kind {
            type Value = DecodeSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"form\", \"xml\" or { form_field = \"payload\" }")
            }

            fn visit_str<E: Error>(self, kind: &str) -> Result<DecodeSpec, E> {
                match kind {
                    "form" => Ok(DecodeSpec(Decode::Form)),
                    "xml" => Ok(DecodeSpec(Decode::Xml)),
                    _ => Err(E::custom(format!(
                        "`{kind}` is nothing that is decoded; write \"form\", \"xml\" or {{ form_field = \"payload\" }}"
                    ))),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<DecodeSpec, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Fields {
                    form_field: String,
                }
                let Fields { form_field } = Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(DecodeSpec(Decode::FormField(form_field)))
            }
        }
        deserializer.deserialize_any(Kind)
    }
}

impl JsonSchema for DecodeSpec {
    fn schema_name() -> Cow<'static, str> {
        "Decode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "enum": ["form", "xml"] },
                {
                    "type": "object",
                    "properties": { "form_field": { "type": "string", "minLength": 1 } },
                    "required": ["form_field"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(spec: Value) -> Result<Decode, String> {
        let spec: DecodeSpec = serde_json::from_value(spec).map_err(|error| error.to_string())?;
        spec.refine().map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn there_are_three_ways() {
        assert_eq!(read(json!("form")), Ok(Decode::Form));
        assert_eq!(read(json!("xml")), Ok(Decode::Xml));
        assert_eq!(read(json!({ "form_field": "payload" })), Ok(Decode::FormField("payload".into())));
    }

    #[test]
    fn all_else_is_told() {
        for (spec, told) in [
            (json!("yaml"), "`yaml` is nothing that is decoded; write \"form\""),
            (json!({ "form_field": "" }), "/decode/form_field: name the field"),
            (json!({ "field": "a" }), "unknown field `field`"),
            (json!(1), "expected \"form\", \"xml\" or"),
        ] {
            let error = read(spec.clone()).expect_err("it is refused");
            assert!(error.contains(told), "{spec}: {error}");
        }
    }
}
