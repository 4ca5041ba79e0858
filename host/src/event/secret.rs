//! A secret in clear, in memory: it cannot be printed, serialized or compared by accident, and is wiped when dropped.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use zeroize::Zeroizing;

/// A secret as the operator wrote it, and the reference it came from (`${NAME}`, `file:...`), which is no secret.
#[derive(Clone)]
pub struct Secret {
    text: Zeroizing<String>,
    /// What stood in the hub file, where that was a reference.
    pub reference: Option<String>,
}

impl Secret {
    /// A secret of this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { text: Zeroizing::new(text), reference: None }
    }

    /// The secret itself. Named so that a search finds every place that looks at one.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// A text, or `{ value = "...", ref = "${NAME}" }` as the client sends it.
impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret: text, or { value, ref }")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Secret, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                struct Parts {
                    value: String,
                    #[serde(rename = "ref")]
                    reference: Option<String>,
                    /// That nobody declares it, which is of use to who exports.
                    #[serde(rename = "own")]
                    _own: Option<bool>,
                }
                let parts = Parts::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Secret { reference: parts.reference, ..Secret::new(parts.value) })
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    /// With the forms in which it is shown, which say that it is to stay as it is.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let form = |name: &str, schema: Schema| {
            json_schema!({
                "type": "object",
                "properties": { name: schema },
                "required": [name],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "A secret: `${NAME}` (a variable of the environment), `file:path`, or the text itself. `{ set = true }` keeps \
                            the one there is.",
            "anyOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "value": { "type": "string" }, "ref": { "type": "string" } },
                    "required": ["value"],
                    "additionalProperties": false,
                },
                form("ref", json_schema!({ "type": "string" })),
                form("set", json_schema!({ "const": true })),
            ],
        })
    }
}
