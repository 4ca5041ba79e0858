//! What a source's events have to look like: a JSON Schema for all of them, or one for each type. Compiled when the hub file is applied, and
//! asked after an event was verified and before it is stored.
//!
//! Nothing is fetched, neither from a network nor from a file: a schema refers only to places within itself. `shape` bounds what a check
//! may cost, so that no event can make it take long; how large schemas are is bounded by the hub, as all that a source says is.

mod compile;
mod shape;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use http::StatusCode;
use jsonschema::Validator;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::{Problem, Spec};
use crate::{
    event::{Event, Failure, Invalid},
    journal::Arrival,
};

/// Requests whose events are held against schemas at once.
pub(super) const JUDGED_AT_ONCE: usize = 4;
/// What is told of a misfit, in characters: names in an event may be long.
const MESSAGE_CHARS_MAX: usize = 300;

/// What becomes of an event that does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnInvalid {
    /// Its sender is told, and nothing is stored.
    #[default]
    Refuse,
    /// It is taken, and given up before any rule sees it.
    DeadLetter,
}

/// A source's schemas, compiled.
#[derive(Clone)]
pub(super) struct Schemas {
    /// Of types that have none of their own.
    any: Option<Arc<Validator>>,
    by_type: HashMap<String, Arc<Validator>>,
    on_invalid: OnInvalid,
}

/// Where an event does not fit, and why; never its values.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Misfit {
    /// A JSON pointer into the event's data.
    path: String,
    message: String,
}

/// Judges on a thread that serves no sockets: a large event takes its time.
///
/// An event as a tree of values takes a hundred times its bytes where they are many small ones, so few are judged at once.
pub(super) async fn aside<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    judge: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = Arc::clone(turns).acquire_owned().await;
    let judge = move || {
        let _turn = turn;
        judge()
    };
    tokio::task::spawn_blocking(judge).await.map_err(|error| {
        tracing::error!(%error, "an event could not be held against its schema");
        let detail = "this is a fault of the server; try again";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    })
}

/// The part of a source's spec that is about schemas; `None` where it has none.
pub(super) fn refine(spec: &Spec) -> Result<Option<Schemas>, Invalid> {
    let types: &BTreeMap<String, Value> = &spec.schemas;
    if spec.schema.is_none() && types.is_empty() {
        return match spec.on_invalid {
            Some(_) => Err(Invalid::at("/on_invalid", "there is no `schema` and no `schemas` that an event could fail")),
            None => Ok(None),
        };
    }
    let any = spec.schema.as_ref().map(|schema| compile::compiled(schema, "/schema")).transpose()?;
    let by_type = types.iter().map(|(name, schema)| {
        let at = format!("/schemas/{}", name.replace('~', "~0").replace('/', "~1"));
        Ok((name.clone(), Arc::new(compile::compiled(schema, &at)?)))
    });
    let on_invalid = spec.on_invalid.unwrap_or_default();
    Ok(Some(Schemas { any: any.map(Arc::new), by_type: by_type.collect::<Result<_, Invalid>>()?, on_invalid }))
}

impl Schemas {
    /// The event as it is to be stored.
    pub(super) fn admit(&self, arrival: Arrival) -> Result<Arrival, Problem> {
        match (self.misfit(&arrival.event), self.on_invalid) {
            (None, _) => Ok(arrival),
            (Some(misfit), OnInvalid::Refuse) => {
                let detail = format!("the event does not fit the schema of its source: {misfit}");
                Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "schema", detail).with("path", misfit.path.into()))
            }
            (Some(misfit), OnInvalid::DeadLetter) => {
                Ok(Arrival { given_up: Some(Failure::new("schema", misfit.to_string())), ..arrival })
            }
        }
    }

    fn misfit(&self, event: &Event) -> Option<Misfit> {
        let validator = self.by_type.get(&event.event_type).or(self.any.as_ref())?;
        let Ok(document) = serde_json::from_slice::<Value>(&event.body) else {
            return Some(Misfit { path: String::new(), message: "it is no JSON".to_owned() });
        };
        let error = validator.validate(&document).err()?;
        let message = error.masked().to_string().chars().take(MESSAGE_CHARS_MAX).collect();
        Some(Misfit { path: error.instance_path().to_string(), message })
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message } = self;
        let path: String = path.chars().take(MESSAGE_CHARS_MAX).collect();
        if path.is_empty() { write!(f, "the data: {message}") } else { write!(f, "`{path}`: {message}") }
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schemas")
            .field("types", &self.by_type.keys())
            .field("on_invalid", &self.on_invalid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas(more: &Value) -> Result<Option<Schemas>, Invalid> {
        let mut spec = json!({ "verify": { "scheme": "none" } });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        refine(&serde_json::from_value(spec).expect("a spec"))
    }

    fn arrival(event_type: &str, body: &str) -> Arrival {
        Arrival::of(Event::bare(event_type, body.to_owned()))
    }

    fn order() -> Value {
        json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "integer" } } })
    }

    #[test]
    fn a_type_has_its_own_schema_or_that_of_all() {
        let both =
            schemas(&json!({ "schema": { "type": "object" }, "schemas": { "order": order() } })).expect("good").expect("there");
        let fits = |schemas: &Schemas, event_type, body| schemas.admit(arrival(event_type, body)).is_ok();
        assert!(fits(&both, "order", r#"{"id":1}"#) && !fits(&both, "order", "{}"));
        assert!(fits(&both, "other", "{}") && !fits(&both, "other", "[]"));
        let one = schemas(&json!({ "schemas": { "order": order() } })).expect("good").expect("there");
        assert!(fits(&one, "other", "no JSON at all"), "it has no schema");
        assert!(!fits(&one, "order", "no JSON at all"));
    }

    #[test]
    fn a_misfit_is_told_by_its_place_and_without_its_value() {
        let refusing = schemas(&json!({ "schema": order() })).expect("good").expect("there");
        let problem = refusing.admit(arrival("", r#"{"id":"canary"}"#)).expect_err("no integer");
        assert_eq!((problem.status.as_u16(), problem.kind, &problem.members["path"]), (422, "schema", &json!("/id")));
        assert!(problem.detail.contains("\"integer\"") && !problem.detail.contains("canary"), "{}", problem.detail);
        let taking = schemas(&json!({ "schema": order(), "on_invalid": "dead-letter" })).expect("good").expect("there");
        let given_up = taking.admit(arrival("", "{}")).expect("it is taken").given_up.expect("and given up");
        assert_eq!(given_up.code, "schema");
        assert!(given_up.message.starts_with("the data: \"id\" is a required"), "{}", given_up.message);
        assert!(taking.admit(arrival("", r#"{"id":1}"#)).expect("it fits").given_up.is_none());
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (more, pointer) in [
            (json!({ "on_invalid": "refuse" }), "/on_invalid"),
            (json!({ "schema": "file:order.json" }), "/schema"),
            (json!({ "schemas": { "a/b": { "type": "strin" } } }), "/schemas/a~1b/type"),
        ] {
            assert_eq!(schemas(&more).expect_err("refused").pointer, pointer, "{more}");
        }
        assert!(schemas(&json!({})).expect("good").is_none());
    }
}
