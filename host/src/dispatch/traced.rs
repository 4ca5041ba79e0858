//! The spans of flow 2: an event's routing, each try of a run with the calls of its plugins, each fold of a batch, and the making of each message.
//!
//! A routing hangs on the event's receipt, a run on the routing, a message on the run that made it, or, where no plugin was asked, on the
//! routing. A batch has a trace of its own, which links to those of its members. What a call of a plugin took is known, and when the chain
//! ended; since the calls of a chain follow each other on one worker, what was waited for is what is left before them.

use std::time::Duration;

use super::metrics::name;
use crate::{
    event::Stage,
    journal::{Batch, BatchEnd, NewDelivery, Outcome, Routed, Run, RunEnd, Unrouted},
    observe::{Begun, Kind, SpanId, Told, Tracer},
};

/// A batch may have members of so many traces; the first of them are linked to.
const LINKS_MAX: usize = 128;

/// An event's rules are about to be found.
pub(super) fn routing(tracer: &Tracer, Unrouted { event, generation, .. }: &Unrouted) -> Option<Begun> {
    let traced = tracer.event(event)?;
    let parent = Some(SpanId::of_event(event.id));
    Some(traced.begin("route", Kind::Internal, SpanId::of_route(event.id, *generation), parent))
}

/// They are found.
pub(super) fn routed(begun: Option<Begun>, unrouted: &Unrouted, routed: &Routed) {
    let Some(begun) = begun else { return };
    for run in &routed.runs {
        made(&begun, run.outcome.as_ref());
    }
    begun.end(|told| {
        told.fact("sluicebox.event.id", unrouted.event.id.to_string()).fact("sluicebox.revision", routed.revision);
        told.fact("sluicebox.rules.matched", routed.runs.len() as u64);
    });
}

/// A run is about to be tried.
pub(super) fn running(tracer: &Tracer, run: &Run) -> Option<Begun> {
    let parent = SpanId::of_route(run.event.id, run.generation);
    Some(tracer.event(&run.event)?.begin(format!("run {}", run.lane.name), Kind::Internal, SpanId::new(), Some(parent)))
}

/// It has ended so.
pub(super) fn ran(begun: Option<Begun>, run: &Run, end: &RunEnd) {
    let Some(begun) = begun else { return };
    called(&begun, &end.stages);
    made(&begun, Some(&end.outcome));
    begun.end(|told| {
        told.fact("sluicebox.event.id", run.event.id.to_string()).fact("sluicebox.run.id", run.id.to_string());
        told.fact("sluicebox.rule", run.lane.name.as_str()).fact("sluicebox.attempt", run.attempt);
        told.fact("sluicebox.revision", end.revision);
        became(told, &end.outcome);
    });
}

/// A batch is about to be folded.
pub(super) fn folding(tracer: &Tracer, batch: &Batch) -> Option<Begun> {
    Some(tracer.batch(batch.id)?.begin(format!("fold {}", batch.lane.name), Kind::Internal, SpanId::new(), None))
}

/// It has ended so.
pub(super) fn folded(tracer: &Tracer, begun: Option<Begun>, batch: &Batch, end: &BatchEnd) {
    let Some(begun) = begun else { return };
    called(&begun, &end.stages);
    made(&begun, Some(&end.outcome));
    begun.end(|told| {
        for member in batch.members.iter().take(LINKS_MAX) {
            if let Some(traced) = tracer.event(&member.event) {
                told.link(&traced.trace, SpanId::of_event(member.event.id));
            }
        }
        told.fact("sluicebox.batch.id", batch.id.to_string()).fact("sluicebox.rule", batch.lane.name.as_str());
        told.fact("sluicebox.batch.members", batch.members.len() as u64).fact("sluicebox.attempt", batch.attempt);
        told.fact("sluicebox.revision", end.revision);
        became(told, &end.outcome);
    });
}

/// The calls of plugins, one after the other up to now.
fn called(begun: &Begun, stages: &[Stage]) {
    let traced = begun.traced();
    if !traced.trace.is_sampled() {
        return;
    }
    let took = |stage: &Stage| Duration::from_micros(stage.elapsed_us);
    let mut at = std::time::SystemTime::now() - stages.iter().map(took).sum::<Duration>();
    for stage in stages {
        let name = format!("{} {}", stage.export, stage.plugin);
        let call = traced.begin(name, Kind::Internal, SpanId::new(), Some(begun.id())).since(at);
        at += took(stage);
        call.end_after(took(stage), |told| {
            told.fact("sluicebox.plugin", stage.plugin.as_str()).fact("sluicebox.plugin.digest", stage.digest.to_string());
            told.fact("sluicebox.plugin.export", stage.export).fact("sluicebox.plugin.result", stage.result.as_str());
            told.fact("sluicebox.plugin.fuel", stage.fuel).fact("sluicebox.plugin.memory_bytes", stage.memory_bytes);
            told.fact("sluicebox.plugin.messages", stage.messages);
        });
    }
}

/// The messages that were made.
fn made(begun: &Begun, outcome: Option<&Outcome>) {
    let planned = match outcome {
        Some(Outcome::Planned(planned)) => planned,
        Some(Outcome::Joined { alone, .. }) => alone,
        _ => return,
    };
    for NewDelivery { id, destination, .. } in planned {
        let message =
            begun.traced().begin(format!("plan {destination}"), Kind::Internal, SpanId::of_message(*id), Some(begun.id()));
        message.end(|told| {
            told.fact("sluicebox.delivery.id", id.to_string()).fact("sluicebox.destination", destination.as_str());
        });
    }
}

fn became(told: &mut Told, outcome: &Outcome) {
    told.fact("sluicebox.outcome", name(outcome));
    if let Outcome::Retry { failure, .. } | Outcome::Dead(failure) = outcome {
        told.fact("error.type", failure.code.as_str()).failed(&failure.code);
    }
}
