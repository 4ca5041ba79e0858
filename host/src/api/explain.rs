//! Why a rule matches an event, or not. Nothing is stored, and no plugin runs.

use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    Parts,
    access::Workspace,
    events,
    openapi::{Document, Json, Routes, post},
    parsed,
    wire::ExplanationTold,
};
use crate::{
    event::{Clock, Event, EventId, Header, Name},
    hub::{Kind, Scope},
    ingest::Problem,
    route::{Pattern, explain},
};

pub(super) fn routes() -> Routes {
    let explain = post("/v1/explain", Scope::Read, answer)
        .named("explain", "Tell why a rule matches an event, or not")
        .told("Nothing is stored, and no plugin runs.")
        .refuses(&["invalid", "storage-unavailable", "unknown-event", "unknown-name"]);
    Routes::tagged("Documents").add(explain)
}

/// What is to be explained: a rule that stands, or a pattern; on an event that is stored, or one that is given.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The name of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Name>,
    /// Instead: a pattern, as a rule has it.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Pattern>")]
    pub pattern: Option<Value>,
    /// The id of an event, or an event: `source`, `type`, `subject`, `headers`, and `data` (JSON) or `body` (a text).
    #[schemars(with = "ExplainedEvent")]
    pub event: Value,
}

/// An event that is explained.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum ExplainedEvent {
    Stored(EventId),
    Given(GivenEvent),
}

/// An event that nobody has sent.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct GivenEvent {
    /// The source that it would come in by.
    source: Name,
    #[serde(default, rename = "type")]
    event_type: String,
    subject: Option<String>,
    /// In lower case, each once.
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    /// The JSON body.
    data: Option<Value>,
    /// Instead: any other.
    body: Option<String>,
}

async fn answer(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Document(request): Document<Explain>,
) -> Result<Json<ExplanationTold>, Problem> {
    let pattern = pattern(&parts, &workspace, &request)?;
    let event = match &request.event {
        Value::String(id) => Arc::clone(&events::find(&parts, &workspace, parsed("event", id)?).await?.0.event),
        Value::Object(given) => Arc::new(given_event(given, workspace, &parts.clock)?),
        _ => return Err(refused("event: neither the id of an event nor an event")),
    };
    // A body may be large, and other requests wait on this thread.
    let explained = tokio::task::spawn_blocking(move || explain(&pattern, &event)).await;
    let explained = explained.map_err(|error| Problem::of_fault(&error))?;
    let explanation = explained.map_err(|invalid| refused(&format!("match{}: {}", invalid.pointer, invalid.message)))?;
    Ok(Json(ExplanationTold::of(explanation, request.rule)))
}

fn pattern(parts: &Parts, workspace: &Name, request: &Explain) -> Result<Value, Problem> {
    match (&request.rule, &request.pattern) {
        (None, Some(pattern)) => Ok(pattern.clone()),
        (Some(rule), None) => match parts.hub.get(workspace, Kind::Rule, rule) {
            Some(document) => Ok(document["match"].clone()),
            None => Err(Problem::new(StatusCode::NOT_FOUND, "unknown-name", format!("no rule is called `{rule}`"))),
        },
        _ => Err(refused("name either a `rule`, or a pattern as `match`")),
    }
}

fn given_event(given: &Map<String, Value>, workspace: Name, clock: &Clock) -> Result<Event, Problem> {
    let GivenEvent { source, event_type, subject, headers, data, body } = typed(given)?;
    let body = match (data, body) {
        (Some(_), Some(_)) => return Err(refused("event: it has either `data`, which is JSON, or a `body`")),
        (Some(data), None) => Bytes::from(data.to_string()),
        (None, body) => Bytes::from(body.unwrap_or_default()),
    };
    let header = |(name, value): (String, String)| Header { name: name.to_ascii_lowercase(), value };
    let now = clock();
    let headers = headers.into_iter().map(header).collect();
    let id = EventId::new(now, [0; 10]);
    let (time, external_id, content_type, attributes) = (None, None, None, Vec::new());
    Ok(Event {
        workspace,
        id,
        source,
        event_type,
        subject,
        received_at: now,
        time,
        external_id,
        content_type,
        headers,
        body,
        attributes,
    })
}

fn typed<T: DeserializeOwned>(members: &Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(members).map_err(|error| refused(&format!("event: {}: {}", error.path(), error.inner())))
}

fn refused(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
}
