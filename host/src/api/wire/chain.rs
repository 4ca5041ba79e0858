//! What plugins did: what a chain made of an event, what each call cost and saw, and how the breakers stand.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{attributes, bytes, failure, headers, time};
use crate::{
    dispatch::Repeated,
    event::{Event, Stage},
    hub::PluginHealth,
    journal::{RunRecord, Saw, SawState},
    plugin::{BreakerStatus, Ended, Piece, Report},
};

/// What a chain made of an event, to be compared: as it is shown, and the bytes to be sent, which may differ where it shows the same.
#[derive(PartialEq)]
pub(in crate::api) struct Outcome {
    pub(in crate::api) shown: Value,
    bodies: Vec<Bytes>,
}

/// How a chain ended on this event.
pub(in crate::api) fn outcome(event: &Event, report: &Report) -> Outcome {
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

/// What came of a run once more: how it ended, as the versions of a plugin are compared by, and what its plugins did.
pub(in crate::api) fn repeated(event: &Event, run: &RunRecord, repeated: &Repeated) -> Value {
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
pub(in crate::api) fn saw(saw: &Saw) -> Value {
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

/// A plugin's breaker, and those of its other versions in use that are not closed.
pub(in crate::api) fn health(health: &PluginHealth) -> Value {
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
