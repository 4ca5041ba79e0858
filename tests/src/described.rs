//! That answers are as the OpenAPI document says: asked of each that a test gets by [`crate::Api`].

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::{Draft, Validator};
use reqwest::Method;
use serde_json::{Value, json};

static DOCUMENT: LazyLock<Value> = LazyLock::new(sluicebox::api::openapi);
/// By the place of a schema in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

/// Panics where this answer to a call of this path is not one that the document describes. What it does not describe at all, because there is
/// no such path or method, may be answered in any way.
pub(crate) fn check(method: &Method, path: &str, status: u16, kind: &str, json: &Value) {
    let Some((template, operation)) = operation(method, path) else { return };
    let status_text = status.to_string();
    let responses = operation["responses"].as_object().expect("responses");
    let described = if responses.contains_key(&status_text) { status_text.as_str() } else { "default" };
    let kind = essence(kind);
    let content = responses[described]["content"].as_object();
    let Some((_, media)) = content.into_iter().flatten().find(|(other, _)| essence(other) == kind) else {
        assert!(content.is_none() && json.is_null(), "{method} {path}: no answer {status} of `{kind}` is described: {json}");
        return;
    };
    if !kind.ends_with("json") {
        return;
    }
    let validator = validator(&format!("{method} {template} {described} {kind}"), &media["schema"]);
    if let Err(error) = validator.validate(json) {
        panic!("{method} {path}, answered {status}: {error}, at {} of {json}", error.instance_path());
    }
}

/// The operation of a path, which is that of the template with the fewest places.
fn operation(method: &Method, path: &str) -> Option<(&'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let fitting = paths.iter().filter(|(template, _)| fits(template, path));
    let (template, item) = fitting.min_by_key(|(template, _)| template.matches('{').count())?;
    Some((template, item.get(method.as_str().to_ascii_lowercase())?))
}

/// A content type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default()
}

fn fits(template: &str, path: &str) -> bool {
    let (places, parts) = (template.split('/'), path.split('/'));
    places.clone().count() == parts.clone().count()
        && places.zip(parts).all(|(place, part)| place.starts_with('{') || place == part)
}

fn validator(place: &str, schema: &Value) -> Arc<Validator> {
    let mut validators = VALIDATORS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(validator) = validators.get(place) {
        return Arc::clone(validator);
    }
    let whole = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
    let validator = jsonschema::options().with_draft(Draft::Draft202012).build(&whole).expect("a schema");
    let validator = Arc::new(validator);
    validators.insert(place.to_owned(), Arc::clone(&validator));
    validator
}
