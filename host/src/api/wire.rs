//! The JSON shapes of the API. The command line reads the ones it needs from here.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    deliver::LaneStatus,
    dispatch::Repeated,
    event::{Attribute, Event, Failure, Header, Name, Stage, Timestamp},
    hub::{self, Kind, PluginHealth},
    journal::{
        AttemptRecord, BatchRecord, BatchState, Delivery, DeliveryRecord, DeliveryState, EventRecord, FlushReason, Page,
        RunRecord, RunState, Saw, SawState,
    },
    plugin::{BreakerStatus, Ended, Piece, Report},
};

/// What `POST /v1/apply` takes: the hub file's tables, its references resolved.
///
/// Its secrets are in clear, so it shows nothing but names.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// By name.
    #[serde(default)]
    pub sources: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    pub destinations: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    pub plugins: BTreeMap<Name, Map<String, Value>>,
    /// By name.
    #[serde(default)]
    pub rules: BTreeMap<Name, Map<String, Value>>,
}

impl fmt::Debug for ApplyRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("ApplyRequest");
        shown.field("sources", &self.sources.keys()).field("destinations", &self.destinations.keys());
        shown.field("plugins", &self.plugins.keys()).field("rules", &self.rules.keys()).finish()
    }
}

impl ApplyRequest {
    /// A request of these documents; what is no object is refused by the server as it stands.
    #[must_use]
    pub fn of(entries: &BTreeMap<(Kind, Name), Value>) -> Self {
        let table = |kind| {
            let of_kind = entries.iter().filter(move |((other, _), _)| *other == kind);
            of_kind.map(|((_, name), document)| (name.clone(), document.as_object().cloned().unwrap_or_default())).collect()
        };
        Self {
            sources: table(Kind::Source),
            destinations: table(Kind::Destination),
            plugins: table(Kind::Plugin),
            rules: table(Kind::Rule),
        }
    }

    /// All documents, by kind and name.
    pub(super) fn into_entries(self) -> impl Iterator<Item = ((Kind, Name), Value)> {
        let Self { sources, destinations, plugins, rules } = self;
        let tables = [(Kind::Source, sources), (Kind::Destination, destinations), (Kind::Plugin, plugins), (Kind::Rule, rules)];
        let entries = tables.map(|(kind, table)| table.into_iter().map(move |(name, document)| ((kind, name), document.into())));
        entries.into_iter().flatten()
    }
}

/// What `POST /v1/apply` and every `PUT` and `DELETE` of a document answer.
#[derive(Clone, Deserialize, Serialize)]
pub struct Applied {
    /// The revision in force now.
    pub revision: u64,
    /// `created source github`; empty where nothing was different.
    pub changes: Vec<String>,
    /// Secrets that were made, by destination; shown this once.
    pub generated_secrets: BTreeMap<Name, String>,
}

/// Without the secrets, but for whose they are.
impl fmt::Debug for Applied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Applied");
        shown.field("revision", &self.revision).field("changes", &self.changes);
        shown.field("generated_secrets", &self.generated_secrets.keys()).finish()
    }
}

/// What `POST /v1/components` answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ComponentStored {
    /// `sha256:...`
    pub digest: String,
    /// `filter`, `transform`, `batch`.
    pub exports: Vec<String>,
}

/// What `POST /v1/plugins/{name}/activate` takes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Activate {
    /// `sha256:` and at least 12 digits.
    pub digest: String,
}

/// What `PUT /v1/plugins/{name}/canary` takes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// `sha256:` and at least 12 digits.
    pub digest: String,
    /// Its share of the events: 1 to 99.
    pub percent: u8,
}

/// What `GET /v1/plugins/{name}/versions` answers.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct VersionsTold {
    /// Newest upload first.
    pub items: Vec<VersionTold>,
}

/// A version of a plugin: what an upload answers, and what is polled.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct VersionTold {
    /// The plugin's name.
    pub plugin: String,
    /// `sha256:...`
    pub digest: String,
    /// `queued`, `compiling`, `ready` or `failed`.
    pub state: String,
    /// Why it failed, or why it is ready and was not activated although that was asked for: `code` and `message`.
    pub problem: Option<Value>,
    /// The component's size.
    pub bytes: u64,
    /// `filter`, `transform`, `batch`, `verify`; empty until it is ready.
    pub exports: Vec<String>,
    /// When it was uploaded, or first active.
    pub uploaded_at: Value,
    /// Whether the plugin's name stands for it.
    pub active: bool,
    /// Whether a rollback would make it active.
    pub active_before: bool,
    /// Where it is the plugin's canary: its share of the events, in percent.
    pub canary_percent: Option<u8>,
    /// Whether it becomes active when it is ready.
    pub activate_when_ready: bool,
    /// The rules that run it.
    pub used_by: Vec<Name>,
}

impl VersionTold {
    pub(super) fn of(status: &hub::VersionStatus) -> Self {
        let version = &status.version;
        let (state, exports) = match version.state {
            hub::State::Queued => ("queued", Vec::new()),
            hub::State::Compiling => ("compiling", Vec::new()),
            hub::State::Ready(exports) => ("ready", exports.names()),
            hub::State::Failed => ("failed", Vec::new()),
        };
        let problem = version.problem.as_ref().map(|flaw| json!({ "code": flaw.code, "message": flaw.message }));
        Self {
            plugin: status.plugin.to_string(),
            digest: version.digest.to_string(),
            state: state.to_owned(),
            problem,
            bytes: version.bytes,
            exports: exports.into_iter().map(str::to_owned).collect(),
            uploaded_at: time(version.uploaded_at),
            active: status.active,
            active_before: status.active_before,
            canary_percent: status.canary_percent,
            activate_when_ready: version.activate,
            used_by: status.used_by.clone(),
        }
    }
}

/// A refused value of a document, as a member of `problems` in the problem.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SpecProblem {
    /// `sources`, `destinations`, `plugins` or `rules`.
    pub kind: Kind,
    /// The document's name.
    pub name: String,
    /// A JSON pointer (RFC 6901) within the document.
    pub pointer: String,
    /// What is wrong, and how to mend it.
    pub message: String,
}

impl From<SpecProblem> for hub::Problem {
    fn from(SpecProblem { kind, name, pointer, message }: SpecProblem) -> Self {
        Self { kind, name, pointer, message }
    }
}

impl SpecProblem {
    pub(super) fn of(problem: &hub::Problem) -> Self {
        let hub::Problem { kind, name, pointer, message } = problem.clone();
        Self { kind, name, pointer, message }
    }
}

pub(super) fn time(at: Timestamp) -> Value {
    let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string().into()
}

fn failure(failure: &Failure) -> Value {
    json!({ "code": failure.code, "message": failure.message })
}

fn headers(headers: &[Header]) -> Value {
    headers.iter().map(|header| json!([header.name, header.value])).collect()
}

/// `{ "text": ... }` where the bytes are UTF-8, else `{ "base64": ... }`.
fn bytes(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

pub(super) fn page<T>(page: &Page<T>, item: impl Fn(&T) -> Value) -> Value {
    json!({ "items": page.items.iter().map(item).collect::<Value>(), "next": page.next })
}

/// An event without its headers and body.
pub(super) fn event(record: &EventRecord) -> Value {
    let Event { id, source, event_type, subject, received_at, external_id, content_type, .. } = &*record.event;
    json!({
        "id": id.to_string(),
        "source": source,
        "type": event_type,
        "subject": subject,
        "received_at": time(*received_at),
        "external_id": external_id,
        "content_type": content_type,
        "body_bytes": record.body_bytes,
        "generation": record.generation,
        "routed": record.routed,
    })
}

/// An event with everything.
pub(super) fn whole_event(record: &EventRecord, runs: &[RunRecord], deliveries: &[DeliveryRecord]) -> Value {
    let mut whole = event(record);
    whole["headers"] = headers(&record.event.headers);
    whole["attributes"] = attributes(&record.event.attributes);
    whole["body"] = bytes(&record.event.body);
    whole["runs"] = runs.iter().map(run).collect();
    whole["deliveries"] = deliveries.iter().map(delivery).collect();
    whole
}

/// What a chain made of an event, to be compared: as it is shown, and the bytes to be sent, which may differ where it shows the same.
#[derive(PartialEq)]
pub(super) struct Outcome {
    pub(super) shown: Value,
    bodies: Vec<Bytes>,
}

/// How a chain ended on this event.
pub(super) fn outcome(event: &Event, report: &Report) -> Outcome {
    let pieces = match &report.result {
        Ok(Ended::Messages(pieces)) => pieces,
        Ok(Ended::Dropped { reason }) => {
            return Outcome { shown: json!({ "outcome": "dropped", "reason": reason }), bodies: Vec::new() };
        }
        Err(fault) => {
            let shown = json!({ "outcome": "failed", "plugin": fault.plugin, "failure": failure(&fault.failure) });
            return Outcome { shown, bodies: Vec::new() };
        }
    };
    let body = |piece: &Piece| piece.message.body.clone().unwrap_or_else(|| event.body.clone());
    let messages: Value = pieces.iter().map(|piece| message(piece, &body(piece))).collect();
    Outcome { shown: json!({ "outcome": "messages", "messages": messages }), bodies: pieces.iter().map(body).collect() }
}

fn message(Piece { message, batch_key }: &Piece, body: &Bytes) -> Value {
    let body = serde_json::from_slice::<Value>(body).map_or_else(|_| bytes(body), |json| json!({ "json": json }));
    json!({
        "type": message.event_type,
        "content_type": message.content_type,
        "headers": headers(&message.headers),
        "attributes": attributes(&message.attributes),
        "route": message.route,
        "batch_key": batch_key,
        "body": body,
    })
}

fn attributes(attributes: &[Attribute]) -> Value {
    attributes.iter().map(|a| (a.key.clone(), Value::from(a.value.clone()))).collect::<Map<_, _>>().into()
}

pub(super) fn run(record: &RunRecord) -> Value {
    json!({
        "id": record.id.to_string(),
        "event": record.event.to_string(),
        "rule": record.rule,
        "revision": record.revision,
        "state": name_of(&RUN_STATES, &record.state),
        "attempts": record.attempts,
        "due_at": record.due_at.map(time),
        "failure": record.failure.as_ref().map(failure),
        "stages": record.stages,
    })
}

/// What came of a run once more: how it ended, as the versions of a plugin are compared by, and what its plugins did.
pub(super) fn repeated(event: &Event, run: &RunRecord, repeated: &Repeated) -> Value {
    let mut told = outcome(event, &repeated.report).shown;
    told["event"] = event.id.to_string().into();
    told["rule"] = run.rule.as_str().into();
    told["revision"] = run.revision.into();
    told["saw"] = repeated.saw.into();
    told["cut"] = repeated.cut.into();
    told["now_ms"] = repeated.now.0.into();
    told["attempt"] = repeated.attempt.into();
    told["stages"] = repeated.report.stages.iter().map(stage).collect();
    told
}

/// A call of a plugin, as runs on record tell theirs.
fn stage(stage: &Stage) -> Value {
    json!({
        "plugin": stage.plugin,
        "digest": stage.digest.to_string(),
        "export": stage.export,
        "result": stage.result,
        "messages": stage.messages,
        "fuel": stage.fuel,
        "memory_bytes": stage.memory_bytes,
        "elapsed_us": stage.elapsed_us,
        "instantiate_us": stage.instantiate_us,
        "logs": stage.logs,
    })
}

/// What the plugins of a failed run were told beside its event. Times are as plugins see them; `entry` is null where nothing was stored.
pub(super) fn saw(saw: &Saw) -> Value {
    let of_key = |SawState { plugin, key, entry }: &SawState| {
        let entry = entry.as_ref().map(|entry| {
            let expires_at_ms = entry.expires_at.map(|at| at.0);
            // As text: numbers of this size are not what JavaScript takes them for.
            let version = entry.version.to_string();
            json!({ "value_base64": STANDARD.encode(&entry.value), "version": version, "expires_at_ms": expires_at_ms })
        });
        json!({ "plugin": plugin, "key": key, "entry": entry })
    };
    let state: Value = saw.state.iter().map(of_key).collect();
    json!({ "now_ms": saw.now.0, "attempt": saw.attempt, "state": state, "cut": saw.cut })
}

pub(super) fn batch(record: &BatchRecord) -> Value {
    json!({
        "id": record.id.map(|id| id.to_string()),
        "rule": record.rule,
        "key": record.key,
        "state": name_of(&BATCH_STATES, &record.state),
        "reason": record.reason.map(flush_reason),
        "revision": record.revision,
        "events": record.events,
        "bytes": record.bytes,
        "opened_at": time(record.opened_at),
        "due_at": record.due_at.map(time),
        "attempts": record.attempts,
        "failure": record.failure.as_ref().map(failure),
        "stages": record.stages,
    })
}

fn flush_reason(reason: FlushReason) -> &'static str {
    match reason {
        FlushReason::Size => "size",
        FlushReason::Bytes => "bytes",
        FlushReason::Age => "age",
        FlushReason::RuleChanged => "rule-changed",
        FlushReason::Manual => "manual",
    }
}

pub(super) fn delivery(record: &DeliveryRecord) -> Value {
    json!({
        "id": record.id.to_string(),
        "event": record.event.map(|id| id.to_string()),
        "batch": record.batch.map(|id| id.to_string()),
        "rule": record.rule,
        "destination": record.destination,
        "state": name_of(&DELIVERY_STATES, &record.state),
        "attempts": record.attempts,
        "created_at": time(record.created_at),
        "due_at": record.due_at.map(time),
        "settled_at": record.settled_at.map(time),
        "failure": record.failure.as_ref().map(failure),
        "last_status": record.last_status,
    })
}

/// A delivery with what is sent and what was tried.
pub(super) fn whole_delivery(sent: &Delivery, record: &DeliveryRecord, attempts: &[AttemptRecord]) -> Value {
    let mut whole = delivery(record);
    whole["type"] = sent.message.event_type.as_str().into();
    whole["content_type"] = sent.message.content_type.as_deref().into();
    whole["headers"] = headers(&sent.message.headers);
    whole["body"] = bytes(&sent.body);
    whole["attempt_records"] = attempts.iter().map(attempt).collect();
    whole
}

fn attempt(record: &AttemptRecord) -> Value {
    let attempt = &record.attempt;
    json!({
        "number": record.number,
        "started_at": time(attempt.started_at),
        "duration_ms": attempt.duration_ms,
        "status": attempt.status,
        "failure": attempt.failure.as_ref().map(failure),
        "response_headers": headers(&attempt.response_headers),
        "response_body": bytes(&attempt.response_body),
    })
}

/// A plugin's breaker, and those of its other versions in use that are not closed.
pub(super) fn health(health: &PluginHealth) -> Value {
    let mut shown = breaker(&health.active);
    if !health.tripped.is_empty() {
        let tripped = health.tripped.iter().map(|(digest, status)| (digest.to_string(), breaker(status)));
        shown["other_versions"] = tripped.collect::<Map<_, _>>().into();
    }
    shown
}

fn breaker(breaker: &BreakerStatus) -> Value {
    json!({
        "state": breaker.state,
        "since": breaker.since.map(time),
        "probe_at": breaker.probe_at.map(time),
        "calls": breaker.calls,
        "faults": breaker.faults,
    })
}

/// How a destination does.
pub(super) fn lane_status(status: &LaneStatus) -> Value {
    let (state, opened) = match (status.opened, status.probing) {
        (None, _) => ("closed", None),
        (Some(opened), false) => ("open", Some(opened)),
        (Some(opened), true) => ("probing", Some(opened)),
    };
    let disabled = status.disabled.as_ref().map(|disabled| {
        let Failure { code, message } = &disabled.failure;
        json!({ "at": time(disabled.at), "code": code, "message": message })
    });
    json!({
        "disabled": disabled,
        "held_until": status.held_until.map(time),
        "breaker": {
            "state": state,
            "since": opened.map(|opened| time(opened.since)),
            "probe_at": opened.map(|opened| time(opened.until)),
            "probes_failed": opened.map_or(0, |opened| opened.probes),
            "failures": status.failures,
        },
        "concurrency": status.concurrency,
    })
}

const RUN_STATES: [(RunState, &str); 6] = [
    (RunState::Pending, "pending"),
    (RunState::Held, "held"),
    (RunState::Batched, "batched"),
    (RunState::Planned, "planned"),
    (RunState::Dropped, "dropped"),
    (RunState::Dead, "dead"),
];

const BATCH_STATES: [(BatchState, &str); 5] = [
    (BatchState::Open, "open"),
    (BatchState::Closed, "closed"),
    (BatchState::Planned, "planned"),
    (BatchState::Dropped, "dropped"),
    (BatchState::Dead, "dead"),
];

const DELIVERY_STATES: [(DeliveryState, &str); 3] =
    [(DeliveryState::Waiting, "waiting"), (DeliveryState::Delivered, "delivered"), (DeliveryState::Dead, "dead")];

fn name_of<S: PartialEq>(states: &[(S, &'static str)], state: &S) -> &'static str {
    states.iter().find(|(candidate, _)| candidate == state).map_or("", |(_, name)| name)
}

/// A state by its name in queries; the error names all of them.
pub(super) trait StateName: Copy + 'static {
    fn read(text: &str) -> Result<Self, String>;
}

impl StateName for RunState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&RUN_STATES, text)
    }
}

impl StateName for BatchState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&BATCH_STATES, text)
    }
}

impl StateName for DeliveryState {
    fn read(text: &str) -> Result<Self, String> {
        by_name(&DELIVERY_STATES, text)
    }
}

fn by_name<S: Copy>(states: &[(S, &str)], text: &str) -> Result<S, String> {
    let found = states.iter().find(|(_, name)| *name == text).map(|(state, _)| *state);
    found.ok_or_else(|| {
        let names: Vec<&str> = states.iter().map(|(_, name)| *name).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_secrets_prints_none() {
        let name: Name = "crm".parse().expect("a name");
        let document = json!({ "secret": { "value": "canary" } });
        let request = ApplyRequest::of(&BTreeMap::from([((Kind::Destination, name.clone()), document)]));
        let generated_secrets = BTreeMap::from([(name, "canary".to_owned())]);
        let applied = Applied { revision: 1, changes: vec![], generated_secrets };
        let printed = format!("{request:?} {applied:?}");
        assert!(printed.contains("crm") && !printed.contains("canary"), "{printed}");
    }
}
