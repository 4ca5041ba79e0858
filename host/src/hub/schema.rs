//! The hub file and its documents as JSON Schema 2020-12, generated from the parts' specs: what editors complete and check by, and what
//! the API's description says of documents.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

use super::entry::Kind;
use crate::{deliver, dispatch, event::Name, ingest, plugin};

/// The whole hub file. What only the hub can tell (whether a name is there, whether a pattern reads) is not in it.
#[must_use]
pub fn hub_file_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
    generator.into_root_schema_for::<HubFileTables>().to_value()
}

/// A document of this kind, as the API takes it; what it refers to goes into the generator's definitions.
pub fn document_schema(kind: Kind, generator: &mut SchemaGenerator) -> Schema {
    match kind {
        Kind::Source => generator.subschema_for::<ingest::Spec>(),
        Kind::Destination => generator.subschema_for::<DestinationTables>(),
        Kind::Plugin => generator.subschema_for::<plugin::Spec>(),
        Kind::Rule => generator.subschema_for::<dispatch::Spec>(),
    }
}

/// A hub file of Sluicebox: ways in, ways out, plugins, and the rules between them.
#[derive(JsonSchema)]
#[schemars(rename = "HubFile", deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is of use; hub::file reads without it, to tell all that is wrong with its place")]
struct HubFileTables {
    /// Ways in: `POST /in/{name}`.
    #[serde(default)]
    sources: BTreeMap<Name, ingest::Spec>,
    /// Ways out.
    #[serde(default)]
    destinations: BTreeMap<Name, DestinationTables>,
    /// WebAssembly components with their settings.
    #[serde(default)]
    plugins: BTreeMap<Name, PluginTable>,
    /// Pattern, plugins in order, destinations.
    #[serde(default)]
    rules: BTreeMap<Name, dispatch::Spec>,
}

/// A destination of any kind.
struct DestinationTables;

impl JsonSchema for DestinationTables {
    fn schema_name() -> Cow<'static, str> {
        "Destination".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kinds = [
            generator.subschema_for::<deliver::Spec>(),
            generator.subschema_for::<deliver::PullSpec>(),
            generator.subschema_for::<deliver::OnwardSpec>(),
        ];
        json_schema!({ "oneOf": kinds })
    }
}

/// A plugin of a hub file: the component by its file or by its digest.
struct PluginTable;

impl JsonSchema for PluginTable {
    fn schema_name() -> Cow<'static, str> {
        "PluginTable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = plugin::Spec::json_schema(generator);
        schema.remove("required");
        schema.insert("oneOf".to_owned(), json!([{ "required": ["path"] }, { "required": ["digest"] }]));
        if let Some(path) = schema.pointer_mut("/properties/path") {
            *path = json!({ "type": "string", "description": "The component's file, from the hub file's folder." });
        }
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_document_has_its_schema() {
        let mut generator = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        for kind in Kind::ALL {
            let schema = document_schema(kind, &mut generator).to_value();
            let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).expect("a definition");
            assert!(generator.definitions().contains_key(name), "{kind}: {name}");
        }
    }

    #[test]
    fn no_definition_has_a_number_for_a_name() {
        // Two types of one name would be told apart by a number, which says nothing to who reads it.
        let schema = hub_file_schema();
        let names: Vec<&String> = schema["$defs"].as_object().expect("definitions").keys().collect();
        assert!(names.iter().all(|name| !name.ends_with(|last: char| last.is_ascii_digit())), "{names:?}");
        assert!(names.len() > 30, "{names:?}");
    }
}
