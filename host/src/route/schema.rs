//! The pattern language as JSON Schema, for editors: its form, field by field and operator by operator. What only reading a pattern tells
//! (how `$or`s multiply, whether a wildcard is well escaped, whether bounds of a range fit) is left to the reader.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use super::Pattern;

impl JsonSchema for Pattern {
    fn schema_name() -> Cow<'static, str> {
        "Pattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<ValuesSchema>();
        let pattern = generator.subschema_for::<EventFields>();
        json_schema!({
            "description": "Which events: fields, each with a list of values (docs/patterns.md). Without any: all.",
            "type": "object",
            "properties": {
                "source": values,
                "type": values,
                "subject": values,
                "headers": generator.subschema_for::<HeaderFields>(),
                "data": generator.subschema_for::<DataFields>(),
                "$or": { "type": "array", "items": pattern, "minItems": 2 },
            },
            "additionalProperties": false,
        })
    }
}

/// A branch of an `$or` over whole events: as a pattern, but not empty.
struct EventFields;

impl JsonSchema for EventFields {
    fn schema_name() -> Cow<'static, str> {
        "PatternBranch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pattern = generator.subschema_for::<Pattern>();
        json_schema!({ "allOf": [pattern], "minProperties": 1 })
    }
}

/// Conditions on headers, whose names stand in lower case.
struct HeaderFields;

impl JsonSchema for HeaderFields {
    fn schema_name() -> Cow<'static, str> {
        "PatternHeaders".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let this = generator.subschema_for::<Self>();
        json_schema!({
            "type": "object",
            "properties": { "$or": { "type": "array", "items": this, "minItems": 2 } },
            "additionalProperties": generator.subschema_for::<ValuesSchema>(),
            "propertyNames": { "pattern": "^[^A-Z]+$" },
            "minProperties": 1,
        })
    }
}

/// Conditions on the body: a list of values, or a table of its fields.
struct DataFields;

impl JsonSchema for DataFields {
    fn schema_name() -> Cow<'static, str> {
        "PatternData".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let this = generator.subschema_for::<Self>();
        let fields = json!({
            "type": "object",
            "properties": { "$or": { "type": "array", "items": this, "minItems": 2 } },
            "additionalProperties": this,
            "minProperties": 1,
        });
        json_schema!({ "anyOf": [generator.subschema_for::<ValuesSchema>(), fields] })
    }
}

/// The list of values of a field.
struct ValuesSchema;

impl JsonSchema for ValuesSchema {
    fn schema_name() -> Cow<'static, str> {
        "PatternValues".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Values, any of which may be there: texts, numbers, true, false, and operators as in `{ prefix = \"re\" }`.",
            "type": "array",
            "minItems": 1,
            "items": { "anyOf": [{ "type": ["string", "number", "boolean", "null"] }, operator()] },
        })
    }
}

/// Exactly one operator.
fn operator() -> Value {
    let text = json!({ "type": "string" });
    let any_case = json!({ "anyOf": [text, table("equals-ignore-case", &text)] });
    let texts = json!({ "anyOf": [text, { "type": "array", "items": text, "minItems": 1 }] });
    let texts_any_case = json!({ "anyOf": [texts, table("equals-ignore-case", &texts)] });
    let plain = json!({ "type": ["string", "number"] });
    let bounds = json!({
        "type": "array",
        "prefixItems": [comparison(), { "type": "number" }, comparison(), { "type": "number" }],
        "items": false,
        "anyOf": [{ "minItems": 2, "maxItems": 2 }, { "minItems": 4, "maxItems": 4 }],
    });
    let but = json!({ "anyOf": [
        plain,
        { "type": "array", "items": plain, "minItems": 1 },
        table("prefix", &texts_any_case),
        table("suffix", &texts_any_case),
        table("equals-ignore-case", &texts),
        table("wildcard", &texts),
    ] });
    json!({
        "type": "object",
        "properties": {
            "prefix": any_case,
            "suffix": any_case,
            "equals-ignore-case": text,
            "wildcard": text,
            "anything-but": but,
            "numeric": bounds,
            "cidr": text,
            "exists": { "type": "boolean" },
        },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}

fn comparison() -> Value {
    json!({ "enum": ["=", "<", "<=", ">", ">="] })
}

fn table(key: &str, value: &Value) -> Value {
    json!({ "type": "object", "properties": { key: value }, "required": [key], "additionalProperties": false })
}
