//! What a destination wants to have in order, as the hub file declares it.

use std::{borrow::Cow, fmt};

use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::event::{Invalid, JsonPath, Order};

/// `"destination"`, `{ json = "data.account.id" }` or `{ header = "x-account" }`.
#[derive(Clone, Debug)]
pub enum OrderSpec {
    /// A word; the only one there is means all that the destination is sent.
    Word(String),
    /// Where the key is.
    Key(OrderKeySpec),
}

/// Where the key of an event is: exactly one of these.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OrderKey")]
pub struct OrderKeySpec {
    /// In the JSON body, by a dotted path.
    pub json: Option<String>,
    /// In a header.
    pub header: Option<String>,
}

const AS_IN: &str = "write order = \"destination\" for all, or say where the key is, as in { json = \"data.account.id\" } or \
    { header = \"x-account\" }";

impl OrderSpec {
    /// Checks the spec.
    ///
    /// # Errors
    ///
    /// The value that is refused.
    pub fn refine(&self) -> Result<Order, Invalid> {
        let key = match self {
            Self::Word(word) if word == "destination" => return Ok(Order::All),
            Self::Word(word) => return Err(Invalid::at("/order", format!("`{word}` is no order; {AS_IN}"))),
            Self::Key(key) => key,
        };
        match (&key.json, &key.header) {
            (Some(path), None) if path.split('.').any(str::is_empty) => {
                Err(Invalid::at("/order/json", format!("`{path}` has a step without a name; write it as in \"data.account.id\"")))
            }
            (Some(path), None) => Ok(Order::Json(JsonPath::of(path))),
            (None, Some(name)) => match name.parse::<HeaderName>() {
                Ok(name) => Ok(Order::Header(name.as_str().to_owned())),
                Err(_) => Err(Invalid::at("/order/header", format!("`{name}` is not a header name"))),
            },
            _ => Err(Invalid::at("/order", format!("name exactly one of `json` and `header`; {AS_IN}"))),
        }
    }
}

impl<'de> Deserialize<'de> for OrderSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordOrKey)
    }
}

struct WordOrKey;

impl<'de> Visitor<'de> for WordOrKey {
    type Value = OrderSpec;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"destination\", or a table with `json` or `header`")
    }

    fn visit_str<E>(self, word: &str) -> Result<OrderSpec, E> {
        Ok(OrderSpec::Word(word.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<OrderSpec, A::Error> {
        OrderKeySpec::deserialize(MapAccessDeserializer::new(map)).map(OrderSpec::Key)
    }
}

impl JsonSchema for OrderSpec {
    fn schema_name() -> Cow<'static, str> {
        "Order".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "const": "destination" }, generator.subschema_for::<OrderKeySpec>()] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn refine(spec: Value) -> Result<Order, Invalid> {
        serde_json::from_value::<OrderSpec>(spec).expect("a spec").refine()
    }

    #[test]
    fn an_order_is_of_all_or_by_a_key() {
        assert_eq!(refine(json!("destination")), Ok(Order::All));
        assert_eq!(refine(json!({ "json": "$.data.id" })), Ok(Order::Json(JsonPath::of("data.id"))));
        assert_eq!(refine(json!({ "header": "X-Account" })), Ok(Order::Header("x-account".into())));
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (spec, pointer) in [
            (json!("fifo"), "/order"),
            (json!({}), "/order"),
            (json!({ "json": "a", "header": "b" }), "/order"),
            (json!({ "json": "" }), "/order/json"),
            (json!({ "json": "a..b" }), "/order/json"),
            (json!({ "header": "a b" }), "/order/header"),
        ] {
            assert_eq!(refine(spec.clone()).expect_err("it is refused").pointer, pointer, "{spec}");
        }
        for wrong in [json!(true), json!({ "jsn": "a" })] {
            serde_json::from_value::<OrderSpec>(wrong).expect_err("no spec");
        }
    }
}
