//! Traces: what became of an event, step by step, in OpenTelemetry's terms, from the sender's own span to the request that goes out.
//!
//! A flow asks for the [`Traced`] of what it works on, begins a span of it and ends it. Switched off, which is the default, a [`Tracer`] holds
//! nothing, answers `None` to the first question, and no clock is read and nothing made for it. `context` has the ids, `sampler` says which
//! traces are recorded, `export` sends them away. Who sends spans faster than the collector takes them loses spans, never time.

mod context;
mod export;
mod http;
mod sampler;
mod span;

pub use context::{SpanId, Trace, TraceId, is_of_trace, is_traceparent};
pub use export::{Export, StartError};
pub use sampler::{Ratio, Sampler, SamplerError};
pub use span::{Fact, Kind};

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, SystemTime},
};

use ::http::{HeaderMap, HeaderName, HeaderValue};
use prometheus_client::registry::Registry;
use tokio::sync::mpsc;

use self::{export::Counts, span::Span};
use crate::event::{BatchId, Event, Header};

/// Settings of traces.
#[derive(Clone, Debug)]
pub struct Options {
    /// The collector's address (OTLP over HTTP), without the path of traces: `http://localhost:4318`. `None`: nothing is traced.
    pub endpoint: Option<String>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// Of those that nobody has decided on, this part.
    pub sample_ratio: Ratio,
    /// Whether deliveries tell their destinations of the trace.
    pub propagate: bool,
    /// What this host is called among others.
    pub service_name: String,
    /// Spans that wait for the collector; those beyond are dropped, and counted.
    pub queue_spans_max: usize,
    /// Spans are sent at the latest so long after they ended, where the collector answers.
    pub flush_ms: u64,
    /// One request to the collector, and what the end of the host waits for it.
    pub export_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            endpoint: None,
            sampler: Sampler::default(),
            sample_ratio: Ratio::ALL,
            propagate: true,
            service_name: "sluicebox".to_owned(),
            queue_spans_max: 4_096,
            flush_ms: 1_000,
            export_timeout_ms: 10_000,
        }
    }
}

/// What flows tell of their work; clones tell the same. Off by default.
#[derive(Clone, Debug, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

#[derive(Debug)]
struct Recorder {
    sampler: Sampler,
    sample_ratio: Ratio,
    propagate: bool,
    queue: mpsc::Sender<Span>,
    counts: Counts,
}

/// The trace of a piece of work, where there are traces at all.
#[derive(Clone, Debug)]
pub struct Traced {
    recorder: Arc<Recorder>,
    /// Which.
    pub trace: Trace,
}

/// A span that has begun. Dropped, it is forgotten.
#[derive(Debug)]
pub struct Begun {
    traced: Traced,
    id: SpanId,
    parent: Option<SpanId>,
    kind: Kind,
    name: Cow<'static, str>,
    started: SystemTime,
}

/// What is told of a span at its end.
#[derive(Debug, Default)]
pub struct Told {
    facts: Vec<(&'static str, Fact)>,
    links: Vec<(TraceId, SpanId)>,
    failure: Option<String>,
}

impl Tracer {
    /// By these settings; off, and without anything to export, where they name no collector.
    ///
    /// # Errors
    ///
    /// Where the collector's address is none.
    pub fn start(options: &Options, registry: &mut Registry) -> Result<(Self, Option<Export>), StartError> {
        let Some(endpoint) = &options.endpoint else { return Ok((Self::default(), None)) };
        let (queue, spans) = mpsc::channel(options.queue_spans_max.max(1));
        let counts = Counts::register(registry);
        let export = Export::start(endpoint, options, spans, counts.clone())?;
        let Options { sampler, sample_ratio, propagate, .. } = *options;
        let recorder = Recorder { sampler, sample_ratio, propagate, queue, counts };
        Ok((Self(Some(Arc::new(recorder))), Some(export)))
    }

    /// The trace of an event.
    #[must_use]
    pub fn event(&self, event: &Event) -> Option<Traced> {
        let recorder = self.0.as_ref()?;
        let trace = Trace::of_event(event, |id, told| recorder.samples(id, told));
        Some(Traced { recorder: Arc::clone(recorder), trace })
    }

    /// The trace of a batch.
    #[must_use]
    pub fn batch(&self, id: BatchId) -> Option<Traced> {
        let recorder = self.0.as_ref()?;
        let trace = Trace::of_batch(id, |id, told| recorder.samples(id, told));
        Some(Traced { recorder: Arc::clone(recorder), trace })
    }

    /// The time, where anybody wants to know it.
    #[must_use]
    pub fn now(&self) -> Option<SystemTime> {
        self.0.as_ref().map(|_| SystemTime::now())
    }

    /// The headers of a call that tell of its trace; none where nothing is traced.
    #[must_use]
    pub fn carried(&self, headers: &HeaderMap) -> Vec<Header> {
        if self.0.is_some() { context::carried(headers) } else { Vec::new() }
    }
}

impl Traced {
    /// A span begins, now.
    #[must_use]
    pub fn begin(&self, name: impl Into<Cow<'static, str>>, kind: Kind, id: SpanId, parent: Option<SpanId>) -> Begun {
        Begun { traced: self.clone(), id, parent, kind, name: name.into(), started: SystemTime::now() }
    }
}

impl Begun {
    /// It began at that time.
    #[must_use]
    pub fn since(self, started: SystemTime) -> Self {
        Self { started, ..self }
    }

    /// Its id, for what hangs on it.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// Its trace.
    #[must_use]
    pub fn traced(&self) -> &Traced {
        &self.traced
    }

    /// The headers by which the next host goes on from this span.
    #[must_use]
    pub fn carried(&self) -> Vec<Header> {
        self.traced.trace.headers(self.id)
    }

    /// Tells the receiver of a request, in place of whatever told it before, unless that is switched off.
    pub fn put_headers(&self, headers: &mut HeaderMap) {
        if !self.traced.recorder.propagate {
            return;
        }
        for Header { name, value } in self.carried() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value)) {
                headers.insert(name, value);
            }
        }
    }

    /// It ends, now; `tell` is only asked where the trace is recorded.
    pub fn end(self, tell: impl FnOnce(&mut Told)) {
        if self.traced.trace.is_sampled() {
            let ended = SystemTime::now();
            self.end_at(ended, tell);
        }
    }

    /// It ended after so long.
    pub fn end_after(self, took: Duration, tell: impl FnOnce(&mut Told)) {
        let ended = self.started + took;
        self.end_at(ended, tell);
    }

    fn end_at(self, ended: SystemTime, tell: impl FnOnce(&mut Told)) {
        let Self { traced: Traced { recorder, trace }, id, parent, kind, name, started } = self;
        if !trace.is_sampled() {
            return;
        }
        let mut told = Told::default();
        tell(&mut told);
        let Told { facts, links, failure } = told;
        let ended = ended.max(started);
        recorder.take(Span { trace, id, parent, kind, name, started, ended, facts, links, failure });
    }
}

impl Told {
    /// An attribute.
    pub fn fact(&mut self, name: &'static str, value: impl Into<Fact>) -> &mut Self {
        self.facts.push((name, value.into()));
        self
    }

    /// It is about this span of another trace as well.
    pub fn link(&mut self, trace: &Trace, span: SpanId) -> &mut Self {
        self.links.push((trace.id, span));
        self
    }

    /// It failed by this code.
    pub fn failed(&mut self, code: &str) -> &mut Self {
        self.failure = Some(code.to_owned());
        self
    }
}

impl Recorder {
    fn samples(&self, id: TraceId, told: Option<bool>) -> bool {
        self.sampler.samples(self.sample_ratio, id, told)
    }

    /// Nobody waits for a collector: what there is no room for is dropped.
    fn take(&self, span: Span) {
        if self.queue.try_send(span).is_err() {
            self.counts.dropped(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(sampler: Sampler, queue_spans_max: usize) -> (Tracer, mpsc::Receiver<Span>, Registry) {
        let (queue, spans) = mpsc::channel(queue_spans_max);
        let mut registry = Registry::default();
        let counts = Counts::register(&mut registry);
        (Tracer(Some(Arc::new(Recorder { sampler, sample_ratio: Ratio::ALL, propagate: true, queue, counts }))), spans, registry)
    }

    #[test]
    fn switched_off_nothing_is_asked_and_nothing_made() {
        let tracer = Tracer::default();
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"));
        assert!(tracer.event(&Event::bare("", "")).is_none() && tracer.now().is_none());
        let carried = tracer.carried(&headers);
        assert_eq!((carried.len(), carried.capacity()), (0, 0), "nothing is allocated");
        assert_eq!(size_of::<Tracer>(), size_of::<usize>(), "what each flow carries is one pointer");
    }

    #[test]
    fn of_what_is_not_recorded_nothing_is_told_and_the_next_host_knows_it() {
        let (tracer, mut spans, _registry) = recorder(Sampler::AlwaysOff, 8);
        let begun = tracer.event(&Event::bare("", "")).expect("it is on").begin("x", Kind::Client, SpanId([1; 8]), None);
        let mut headers = HeaderMap::new();
        begun.put_headers(&mut headers);
        assert!(headers["traceparent"].to_str().is_ok_and(|text| text.ends_with("-0101010101010101-00")), "{headers:?}");
        begun.end(|_| panic!("nobody wants to know"));
        assert!(spans.try_recv().is_err());
    }

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_counted() {
        let (tracer, mut spans, registry) = recorder(Sampler::default(), 1);
        let traced = tracer.event(&Event::bare("", "")).expect("it is on");
        for _ in 0..3 {
            traced.begin("x", Kind::Internal, SpanId::new(), None).end(|told| {
                told.fact("n", 1_u32);
            });
        }
        assert!(spans.try_recv().is_ok() && spans.try_recv().is_err());
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("it encodes");
        assert!(page.contains("sluicebox_trace_spans_total{outcome=\"dropped\"} 2"), "{page}");
    }
}
