//! What signs for a destination: its secret, further ones while receivers change over, and perhaps another scheme.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::Spec;
use crate::{
    deliver::destination::{Signing, TimedKey},
    event::{Invalid, Secret, Timestamp},
    sign,
};

/// Each makes the signature header longer, which some receivers bound.
const SECRETS_MAX: usize = 8;

/// A further signing secret: its text, or `{ secret = "...", until = "2026-12-01T00:00:00Z" }`.
#[derive(Clone, Debug)]
pub struct FurtherSecret {
    /// The secret.
    pub secret: Secret,
    /// It signs until then; `None`: for as long as it stands in the file.
    pub until: Option<Timestamp>,
}

impl Spec {
    pub(super) fn refine_signing(&self) -> Result<Signing, Invalid> {
        if self.secret.is_none() {
            return Err(Invalid::at(
                "/secret",
                "a destination needs a signing secret: `whsec_` and base64, or a reference to one",
            ));
        }
        let keys = refine_keys(self.secret.as_ref(), &self.secrets)?;
        let other = self.signing.as_ref().map(sign::Spec::refine).transpose();
        let other = other.map_err(|Invalid { pointer, message }| Invalid::at(format!("/signing{pointer}"), message))?;
        Ok(Signing { keys, other })
    }
}

/// The keys that all sign; none where there is no secret.
pub(in crate::deliver) fn refine_keys(secret: Option<&Secret>, further: &[FurtherSecret]) -> Result<Vec<TimedKey>, Invalid> {
    if further.len() > SECRETS_MAX {
        return Err(Invalid::at("/secrets", format!("at most {SECRETS_MAX} further secrets; remove the oldest")));
    }
    let first = secret.map(|secret| key("/secret", secret).map(|key| TimedKey { key, until: None }));
    let further = further.iter().enumerate().map(|(index, FurtherSecret { secret, until })| {
        key(&format!("/secrets/{index}"), secret).map(|key| TimedKey { key, until: *until })
    });
    first.into_iter().chain(further).collect()
}

fn key(pointer: &str, secret: &Secret) -> Result<sign::Key, Invalid> {
    sign::Key::parse(secret.expose()).map_err(|error| Invalid::at(pointer, error.to_string()))
}

impl<'de> Deserialize<'de> for FurtherSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

/// The fields of both forms that are tables: a secret as the client sends it, and one with its end.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    secret: Option<Secret>,
    until: Option<String>,
    value: Option<String>,
    #[serde(rename = "ref")]
    reference: Option<String>,
}

impl<'de> de::Visitor<'de> for Visitor {
    type Value = FurtherSecret;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a secret: text, or { secret, until }")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<FurtherSecret, E> {
        Ok(FurtherSecret { secret: Secret::new(text.to_owned()), until: None })
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<FurtherSecret, A::Error> {
        let Fields { secret, until, value, reference } = Fields::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let whole = value.map(|value| {
            let mut secret = Secret::new(value);
            secret.reference = reference;
            secret
        });
        match (secret, whole) {
            (Some(secret), None) => Ok(FurtherSecret { secret, until: until.as_deref().map(time).transpose()? }),
            (None, Some(secret)) if until.is_none() => Ok(FurtherSecret { secret, until: None }),
            _ => Err(de::Error::custom("expected `secret`, and `until` where its end is known")),
        }
    }
}

fn time<E: de::Error>(text: &str) -> Result<Timestamp, E> {
    let parsed = text.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    parsed.map(Timestamp).ok_or_else(|| E::custom("a time is written as in \"2026-12-01T00:00:00Z\" (RFC 3339)"))
}

impl JsonSchema for FurtherSecret {
    fn schema_name() -> Cow<'static, str> {
        "FurtherSecret".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<Secret>();
        json_schema!({
            "anyOf": [
                secret,
                {
                    "type": "object",
                    "properties": {
                        "secret": secret,
                        "until": { "type": "string", "description": "It signs until then, as in \"2026-12-01T00:00:00Z\" (RFC 3339)." },
                    },
                    "required": ["secret"],
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

    fn read(value: Value) -> Result<(String, Option<u64>), String> {
        let read = serde_json::from_value::<FurtherSecret>(value).map_err(|error| error.to_string())?;
        Ok((read.secret.expose().to_owned(), read.until.map(|until| until.0)))
    }

    #[test]
    fn a_further_secret_has_an_end_or_none() {
        assert_eq!(read(json!("s")), Ok(("s".into(), None)));
        assert_eq!(read(json!({ "value": "s", "ref": "${S}" })), Ok(("s".into(), None)));
        let until = "1970-01-01T00:00:01.5Z";
        assert_eq!(read(json!({ "secret": "s", "until": until })), Ok(("s".into(), Some(1500))));
        assert_eq!(read(json!({ "secret": { "value": "s" }, "until": until })), Ok(("s".into(), Some(1500))));
        assert_eq!(read(json!({ "secret": "s" })), Ok(("s".into(), None)));
        for bad in [
            json!(1),
            json!({}),
            json!({ "until": until }),
            json!({ "value": "s", "until": until }),
            json!({ "secret": "s", "value": "s" }),
            json!({ "secret": "s", "until": "tomorrow" }),
            json!({ "secret": "s", "till": until }),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
    }
}
