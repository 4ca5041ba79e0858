//! Documents of each kind: what the hub says that they are, and what the running host shows beside what was declared.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::Contract};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{LaneTold, PluginBreakerTold};
use crate::{
    event::Name,
    hub::{self, Kind},
};

/// A kind of documents, as a type: what is described of a route has to be one.
pub(in crate::api) trait Documented: Send + Sync + 'static {
    /// The kind.
    const KIND: Kind;
    /// What is shown beside what was declared: an object.
    type Beside: Serialize + JsonSchema;
}

/// Ways in.
pub(in crate::api) struct Sources;
/// Ways out.
pub(in crate::api) struct Destinations;
/// WebAssembly components with their settings.
pub(in crate::api) struct Plugins;
/// What goes where.
pub(in crate::api) struct Rules;

impl Documented for Sources {
    const KIND: Kind = Kind::Source;
    type Beside = Nothing;
}

impl Documented for Destinations {
    const KIND: Kind = Kind::Destination;
    type Beside = BesideDestination;
}

impl Documented for Plugins {
    const KIND: Kind = Kind::Plugin;
    type Beside = BesidePlugin;
}

impl Documented for Rules {
    const KIND: Kind = Kind::Rule;
    type Beside = Nothing;
}

/// All is declared.
#[derive(JsonSchema, Serialize)]
pub(in crate::api) struct Nothing {}

/// What is shown of a destination beside what was declared.
#[derive(JsonSchema, Serialize)]
pub(in crate::api) struct BesideDestination {
    /// Where it signs with private keys: what receivers verify by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::api) public_keys: Vec<String>,
    /// How it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) runtime: Option<LaneTold>,
}

/// What is shown of a plugin beside what was declared.
#[derive(JsonSchema, Serialize)]
pub(in crate::api) struct BesidePlugin {
    /// How its breakers stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) breaker: Option<PluginBreakerTold>,
}

/// A document as it is declared. Of secrets that are shown there is the reference, or that they are set.
#[derive(Deserialize, Serialize)]
#[serde(transparent, bound = "")]
pub(in crate::api) struct Declared<K> {
    pub(in crate::api) fields: Map<String, Value>,
    #[serde(skip)]
    kind: PhantomData<K>,
}

impl<K> Declared<K> {
    /// What the hub shows, which is an object.
    pub(in crate::api) fn of(document: Value) -> Self {
        let fields = if let Value::Object(fields) = document { fields } else { Map::new() };
        Self { fields, kind: PhantomData }
    }
}

impl<K: Documented> JsonSchema for Declared<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        capitalized(K::KIND.singular()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        declared(K::KIND, generator)
    }
}

/// A document as it is shown.
#[derive(Serialize)]
#[serde(bound = "")]
pub(in crate::api) struct Shown<K: Documented> {
    #[serde(flatten)]
    pub(in crate::api) document: Declared<K>,
    #[serde(flatten)]
    pub(in crate::api) beside: K::Beside,
}

impl<K: Documented> JsonSchema for Shown<K> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}Shown", capitalized(K::KIND.singular())).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let document = declared(K::KIND, generator);
        let beside = K::Beside::json_schema(generator);
        let members = beside.get("properties").and_then(Value::as_object).filter(|members| !members.is_empty());
        let Some(members) = members else { return document };
        let shown = with_members(document.to_value(), members, generator.definitions());
        let mut schema: Schema = shown.try_into().unwrap_or_default();
        let told = format!("A {} as it was declared, with what the running host says of it.", K::KIND.singular());
        schema.insert("description".to_owned(), told.into());
        schema
    }
}

/// What `GET /v1/{kind}` answers.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "{D}Listing")]
pub(in crate::api) struct Documents<D> {
    /// In the order of their names.
    pub(in crate::api) items: Vec<Listed<D>>,
    /// `after` of the next page, if there is one.
    pub(in crate::api) next: Option<Name>,
}

/// A document of a listing.
#[derive(JsonSchema, Serialize)]
#[schemars(rename = "Listed{D}")]
pub(in crate::api) struct Listed<D> {
    /// Its name.
    pub(in crate::api) name: Name,
    /// As it is declared; secrets are not shown.
    pub(in crate::api) document: D,
    /// How a destination does; of other kinds it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api) runtime: Option<LaneTold>,
}

/// The schema by which the hub takes documents, also where they are answered: what is shown may be applied again.
fn declared(kind: Kind, generator: &mut SchemaGenerator) -> Schema {
    let settings = generator.settings().clone().with(|settings| settings.contract = Contract::Deserialize);
    let mut own = settings.into_generator();
    let schema = hub::document_schema(kind, &mut own);
    for (name, definition) in own.take_definitions(true) {
        let other = generator.definitions_mut().insert(name.clone(), definition.clone());
        debug_assert!(other.is_none_or(|other| other == definition), "two schemas are called {name}");
    }
    schema
}

/// The schema, or each of those that it may be one of, with further members. They are closed to members that they do not name, so that
/// nothing can be added to them from outside.
fn with_members(schema: Value, members: &Map<String, Value>, definitions: &Map<String, Value>) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return with_members(definitions.get(name).cloned().unwrap_or_default(), members, definitions);
    }
    let mut schema = schema;
    if let Some(kinds) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        kinds.iter_mut().for_each(|kind| *kind = with_members(kind.take(), members, definitions));
    } else if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.extend(members.clone());
    }
    schema
}

/// As a name begins in the description.
pub(in crate::api) fn capitalized(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_ascii_uppercase() + rest
}
