//! The spans of flow 3: each attempt, as a child of the making of its message. The request tells the destination of it (`traceparent`), after it is
//! signed: signatures are of the id, the time and the body, and an attempt's span is another each time.

use std::time::SystemTime;

use super::{Destination, metrics::class_of};
use crate::{
    event::Event,
    journal::{Attempt, Delivery, Origin, Verdict},
    observe::{Begun, Kind, SpanId, Told, Traced, Tracer, is_of_trace},
};

/// An attempt begins.
pub(super) fn begin(tracer: &Tracer, delivery: &Delivery) -> Option<Begun> {
    let traced = of(tracer, delivery)?;
    let parent = Some(SpanId::of_message(delivery.id));
    Some(traced.begin(format!("deliver {}", delivery.lane.name), Kind::Client, SpanId::new(), parent))
}

/// It has come to this.
pub(super) fn ended(begun: Option<Begun>, delivery: &Delivery, destination: &Destination, attempt: &Attempt, verdict: &Verdict) {
    let Some(begun) = begun else { return };
    begun.end(|told| {
        told_of(told, delivery);
        told.fact("http.request.method", destination.method.as_str()).fact("sluicebox.attempt.class", class_of(attempt));
        if let Some(status) = attempt.status {
            told.fact("http.response.status_code", u32::from(status));
        }
        if let Some(failure) = &attempt.failure {
            told.fact("error.type", failure.code.as_str()).failed(&failure.code);
        }
        told.fact("sluicebox.outcome", super::metrics::outcome_of(verdict));
    });
}

/// It becomes an event of this hub again, which goes on from here as one that was sent would; the events of a hub are received as they are
/// settled, so their receipt has no length.
pub(super) fn pass_on(tracer: &Tracer, delivery: &Delivery, event: &mut Event) {
    let Some(begun) = begin(tracer, delivery) else { return };
    event.headers.retain(|header| !is_of_trace(&header.name));
    event.headers.extend(begun.carried());
    let now = SystemTime::now();
    if let Some(next) = tracer.event(event) {
        let name = format!("receive {}", event.source);
        next.begin(name, Kind::Internal, SpanId::of_event(event.id), next.trace.sender).since(now).end(|told| {
            told.fact("sluicebox.event.id", event.id.to_string()).fact("sluicebox.source", event.source.as_str());
        });
    }
    begun.end(|told| told_of(told, delivery));
}

/// The trace of a delivery: its event's, or its batch's.
pub(super) fn of(tracer: &Tracer, delivery: &Delivery) -> Option<Traced> {
    match &delivery.origin {
        Origin::Event(event) => tracer.event(event),
        Origin::Batch { id, .. } => tracer.batch(*id),
    }
}

fn told_of(told: &mut Told, delivery: &Delivery) {
    match &delivery.origin {
        Origin::Event(event) => told.fact("sluicebox.event.id", event.id.to_string()),
        Origin::Batch { id, .. } => told.fact("sluicebox.batch.id", id.to_string()),
    };
    told.fact("sluicebox.delivery.id", delivery.id.to_string()).fact("sluicebox.destination", delivery.lane.name.as_str());
    told.fact("sluicebox.workspace", delivery.lane.workspace.as_str()).fact("sluicebox.rule", delivery.rule.as_str());
    told.fact("sluicebox.attempt", delivery.number);
}
