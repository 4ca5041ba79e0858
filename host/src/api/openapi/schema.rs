//! JSON schemas of wire types, in the dialect of OpenAPI 3.1 (JSON Schema 2020-12), and what extractors note of an operation that its
//! description has no place for.
//!
//! aide's own way to a schema is that of an older schemars and an older dialect; it takes any schema that it is given.

use aide::openapi::{MediaType, Operation, SchemaObject};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::Contract, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Of an operation, while it is built: the schemas that it refers to, by name.
const DEFINITIONS: &str = "x-definitions";
/// Of an operation, while it is built: the kinds of problems that it answers.
const REFUSALS: &str = "x-refusals";

/// What a body has to be (or, by `Contract::Serialize`, is): a reference to a definition that the operation notes.
pub(in crate::api) fn of<T: JsonSchema>(contract: Contract, operation: &mut Operation) -> SchemaObject {
    let (schema, definitions) = with_definitions::<T>(contract);
    note_definitions(operation, definitions);
    object(schema)
}

/// A schema, and the definitions that it refers to.
pub(super) fn with_definitions<T: JsonSchema>(contract: Contract) -> (Schema, Map<String, Value>) {
    let mut settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
    settings.contract = contract;
    let mut generator = SchemaGenerator::new(settings);
    let schema = generator.subschema_for::<T>();
    (schema, generator.take_definitions(true))
}

/// The members of a query, a path or headers, each with its own schema and whether it is required.
pub(super) fn members_of<T: JsonSchema>() -> Vec<(String, Value, bool)> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value();
    let required = |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name));
    let members = schema["properties"].as_object().into_iter().flatten();
    members.map(|(name, member)| (name.clone(), bounded(without_null(member.clone())), required(name))).collect()
}

/// A whole number has a largest; its format is but a hint.
fn bounded(mut member: Value) -> Value {
    let largest = match member["format"].as_str() {
        Some("uint32") => u64::from(u32::MAX),
        Some("uint64" | "uint") => u64::MAX,
        _ => return member,
    };
    if let Some(member) = member.as_object_mut() {
        member.entry("maximum").or_insert_with(|| largest.into());
    }
    member
}

/// A parameter that may be left out is left out: no text stands for null.
fn without_null(mut member: Value) -> Value {
    if let Some(kinds) = member["type"].as_array_mut() {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            member["type"] = kind.clone();
        }
    }
    if let Some(branches) = member["anyOf"].as_array().filter(|branches| branches.contains(&json!({ "type": "null" }))) {
        let other = branches.iter().find_map(Value::as_object).cloned().unwrap_or_default();
        let description = member["description"].take();
        member = Value::Object(other);
        if !description.is_null() {
            member["description"] = description;
        }
    }
    if let Some(member) = member.as_object_mut() {
        if member.get("default").is_some_and(Value::is_null) {
            member.remove("default");
        }
        if let Some(values) = member.get_mut("enum").and_then(Value::as_array_mut) {
            values.retain(|value| !value.is_null());
        }
    }
    member
}

/// As aide holds it.
pub(in crate::api) fn object(schema: impl Into<Value>) -> SchemaObject {
    // What is neither an object nor a bool is no schema; schemars makes none.
    let json_schema = schema.into().try_into().unwrap_or_default();
    SchemaObject { json_schema, external_docs: None, example: None }
}

/// Content of one kind.
pub(super) fn media(schema: SchemaObject) -> MediaType {
    MediaType { schema: Some(schema), ..MediaType::default() }
}

pub(super) fn note_definitions(operation: &mut Operation, definitions: Map<String, Value>) {
    let noted = operation.extensions.entry(DEFINITIONS.to_owned()).or_insert_with(|| json!({}));
    if let Value::Object(noted) = noted {
        definitions.into_iter().for_each(|(name, schema)| define(noted, name, schema));
    }
}

/// Takes a schema among those that are referred to. One name stands for one schema, but for what is required: members that may be left out
/// when they are sent are always there when they are answered, and what is true of both is that they may be missing.
pub(super) fn define(definitions: &mut Map<String, Value>, name: String, mut schema: Value) {
    if let Some(other) = definitions.get(&name) {
        let required = |schema: &Value| schema["required"].as_array().cloned().unwrap_or_default();
        let of_both: Vec<Value> = required(&schema).into_iter().filter(|member| required(other).contains(member)).collect();
        debug_assert_eq!(but_for_required(other), but_for_required(&schema), "two schemas are called {name}");
        if let Some(members) = schema.as_object_mut().filter(|members| members.contains_key("required")) {
            members.insert("required".to_owned(), of_both.into());
        }
    }
    definitions.insert(name, schema);
}

/// What has to be the same of two schemas of one name.
fn but_for_required(schema: &Value) -> Value {
    let mut rest = schema.clone();
    rest.as_object_mut().and_then(|members| members.remove("required"));
    rest
}

/// Notes that the operation answers problems of these kinds.
pub(in crate::api) fn note_refusals(operation: &mut Operation, kinds: &[&str]) {
    let noted = operation.extensions.entry(REFUSALS.to_owned()).or_insert_with(|| json!([]));
    if let Value::Array(noted) = noted {
        noted.extend(kinds.iter().map(|kind| json!(kind)));
    }
}

/// What was noted: definitions, and kinds of problems in order and each once.
pub(super) fn take_notes(operation: &mut Operation) -> (Map<String, Value>, Vec<String>) {
    let mut taken = |name: &str| operation.extensions.shift_remove(name).unwrap_or_default();
    let definitions = taken(DEFINITIONS).as_object().cloned().unwrap_or_default();
    let mut kinds: Vec<String> = serde_json::from_value(taken(REFUSALS)).unwrap_or_default();
    kinds.sort();
    kinds.dedup();
    (definitions, kinds)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is looked at")]
    struct Query {
        /// At most so many.
        limit: Option<u32>,
        name: crate::event::Name,
    }

    #[test]
    fn what_is_sent_and_answered_requires_what_both_do() {
        let mut definitions = Map::new();
        let schema = |required: Value| json!({ "type": "object", "required": required });
        define(&mut definitions, "A".to_owned(), schema(json!(["a"])));
        define(&mut definitions, "A".to_owned(), schema(json!(["a", "b"])));
        assert_eq!(definitions["A"], schema(json!(["a"])));
        define(&mut definitions, "A".to_owned(), json!({ "type": "object" }));
        define(&mut definitions, "A".to_owned(), schema(json!(["a"])));
        assert_eq!(definitions["A"]["required"], json!([]));
    }

    #[test]
    #[should_panic(expected = "two schemas are called Retry")]
    fn one_name_stands_for_one_schema() {
        let mut definitions = Map::new();
        define(&mut definitions, "Retry".to_owned(), json!({ "type": "object", "description": "When it is tried again." }));
        define(&mut definitions, "Retry".to_owned(), json!({ "type": "object", "description": "What is tried again." }));
    }

    #[test]
    fn a_whole_number_has_a_largest() {
        let maximum = |format: &str| bounded(json!({ "type": "integer", "format": format }))["maximum"].clone();
        assert_eq!((maximum("uint32"), maximum("uint64")), (json!(u32::MAX), json!(u64::MAX)));
        assert_eq!(bounded(json!({ "format": "uint", "maximum": 500 }))["maximum"], 500);
        assert_eq!(maximum("date"), Value::Null);
    }

    #[test]
    fn a_parameter_is_never_null() {
        let members = members_of::<Query>();
        let (_, limit, required) = members.iter().find(|(name, ..)| name == "limit").expect("it is there");
        assert_eq!((&limit["type"], &limit["description"], required), (&json!("integer"), &json!("At most so many."), &false));
        assert!(members.iter().any(|(name, _, required)| name == "name" && *required));
    }
}
