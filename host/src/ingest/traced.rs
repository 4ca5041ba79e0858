//! The first span of each event that came in: from its request's headers to the event on disk, as a child of the sender's span where it told of
//! one. Refusals have none: metrics and the log tell of those, and a sender that nobody knows writes no traces.

use std::time::SystemTime;

use http::HeaderMap;

use super::append::Stored;
use crate::{
    event::Header,
    journal::Arrival,
    observe::{Begun, Kind, SpanId, Told, Tracer, is_traceparent},
};

/// A request, where traces are on.
pub(super) struct Receiving<'t> {
    tracer: &'t Tracer,
    begun: Option<SystemTime>,
    /// What the request itself tells of a trace.
    carried: Vec<Header>,
}

/// A span for each event that is about to be stored.
pub(super) struct Storing(Vec<(Begun, Named)>);

/// What an event is called by.
struct Named {
    event: String,
    workspace: String,
    source: String,
    event_type: String,
}

impl<'t> Receiving<'t> {
    /// Its headers have come.
    pub(super) fn begin(tracer: &'t Tracer, headers: &HeaderMap) -> Self {
        Self { tracer, begun: tracer.now(), carried: tracer.carried(headers) }
    }

    /// These are about to be stored. One that tells of no trace itself is of the request's, from here on for good: the headers are stored.
    pub(super) fn storing<'a>(self, arrivals: impl Iterator<Item = &'a mut Arrival>) -> Storing {
        let Some(begun) = self.begun else { return Storing(Vec::new()) };
        let spans = arrivals.filter_map(|Arrival { event, .. }| {
            let told = event.headers.iter().any(|header| is_traceparent(&header.name));
            if !told {
                event.headers.extend(self.carried.iter().cloned());
            }
            let traced = self.tracer.event(event)?;
            let span =
                traced.begin(format!("receive {}", event.source), Kind::Server, SpanId::of_event(event.id), traced.trace.sender);
            let named = Named {
                event: event.id.to_string(),
                workspace: event.workspace.to_string(),
                source: event.source.to_string(),
                event_type: event.event_type.clone(),
            };
            Some((span.since(begun), named))
        });
        Storing(spans.collect())
    }
}

impl Storing {
    /// They are on disk, in their order. What is there already keeps the span that it had.
    pub(super) fn stored(self, stored: &[Stored]) {
        for ((span, named), stored) in self.0.into_iter().zip(stored) {
            if !stored.duplicate {
                span.end(|told| named.tell(told, stored.outcome()));
            }
        }
    }
}

impl Named {
    fn tell(self, told: &mut Told, outcome: &'static str) {
        told.fact("sluicebox.event.id", self.event).fact("sluicebox.workspace", self.workspace);
        told.fact("sluicebox.source", self.source).fact("sluicebox.event.type", self.event_type);
        told.fact("sluicebox.outcome", outcome);
    }
}
