//! What is on record: events, runs, batches, and deliveries with their attempts.

use serde_json::{Value, json};

use super::{
    attributes, bytes, failure, headers,
    states::{BATCH_STATES, DELIVERY_STATES, RUN_STATES, name_of},
    time,
};
use crate::{
    event::Event,
    journal::{AttemptRecord, BatchRecord, Delivery, DeliveryRecord, EventRecord, FlushReason, RunRecord},
};

/// An event without its headers and body.
pub(in crate::api) fn event(record: &EventRecord) -> Value {
    let Event { id, source, event_type, subject, received_at, time: happened_at, external_id, content_type, .. } = &*record.event;
    json!({
        "id": id.to_string(),
        "source": source,
        "type": event_type,
        "subject": subject,
        "received_at": time(*received_at),
        "time": happened_at.map(time),
        "external_id": external_id,
        "content_type": content_type,
        "body_bytes": record.body_bytes,
        "generation": record.generation,
        "routed": record.routed,
        "dead_at": record.dead.as_ref().map(|(at, _)| time(*at)),
        "failure": record.dead.as_ref().map(|(_, why)| failure(why)),
    })
}

/// An event as it came, with its headers and body.
pub(in crate::api) fn event_as_it_came(record: &EventRecord) -> Value {
    let mut came = event(record);
    came["headers"] = headers(&record.event.headers);
    came["attributes"] = attributes(&record.event.attributes);
    came["body"] = bytes(&record.event.body);
    came
}

/// An event with everything.
pub(in crate::api) fn whole_event(record: &EventRecord, runs: &[RunRecord], deliveries: &[DeliveryRecord]) -> Value {
    let mut whole = event_as_it_came(record);
    whole["runs"] = runs.iter().map(run).collect();
    whole["deliveries"] = deliveries.iter().map(delivery).collect();
    whole
}

pub(in crate::api) fn run(record: &RunRecord) -> Value {
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

pub(in crate::api) fn batch(record: &BatchRecord) -> Value {
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

pub(in crate::api) fn delivery(record: &DeliveryRecord) -> Value {
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
        "received_at": record.received_at.map(time),
        "settled_at": record.settled_at.map(time),
        "failure": record.failure.as_ref().map(failure),
        "last_status": record.last_status,
        "order_key": record.order_key,
        "blocked": record.blocked,
        "last_code": record.last_code,
        "retried_at": record.retried_at.map(time),
    })
}

/// A delivery with what is sent and what was tried.
pub(in crate::api) fn whole_delivery(sent: &Delivery, record: &DeliveryRecord, attempts: &[AttemptRecord]) -> Value {
    let mut whole = delivery(record);
    whole["type"] = sent.message.event_type.as_str().into();
    whole["content_type"] = sent.message.content_type.as_deref().into();
    whole["headers"] = headers(&sent.message.headers);
    whole["body"] = bytes(&sent.body);
    whole["attempt_records"] = attempts.iter().map(attempt).collect();
    whole
}

pub(super) fn attempt(record: &AttemptRecord) -> Value {
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
