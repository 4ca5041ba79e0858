//! Sends spans to the operator's collector: OTLP over HTTP, as protobuf. One task, which waits for nobody and whom nobody waits for, but the
//! end of the host for so long as one request may take.

use std::time::Duration;

use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{Link, SpanContext, SpanKind, Status, TraceFlags, TraceState},
};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{
    Options, SpanId, TraceId,
    http::Collector,
    span::{Fact, Kind, Span},
};
use crate::net;

/// Spans of one request.
const SPANS_PER_REQUEST_MAX: usize = 512;
/// Where collectors take traces, below their address (OTLP 1.x).
const PATH: &str = "/v1/traces";

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its address is none.
    #[error("`{endpoint}` is no address of a collector: write it as in http://localhost:4318")]
    Endpoint {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        #[source]
        source: ExporterBuildError,
    },
    /// There is no HTTP client.
    #[error("the client of the collector could not be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What became of spans.
#[derive(Clone, Debug)]
pub(super) struct Counts(Family<Labels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// `exported`, `failed` or `dropped`.
    outcome: &'static str,
}

impl Counts {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let counts = Self(Family::default());
        registry.register("sluicebox_trace_spans", "Spans of traces, by what became of them", counts.0.clone());
        ["exported", "failed", "dropped"].into_iter().for_each(|outcome| counts.count(outcome, 0));
        counts
    }

    pub(super) fn dropped(&self, spans: u64) {
        self.count("dropped", spans);
    }

    fn count(&self, outcome: &'static str, spans: u64) {
        self.0.get_or_create(&Labels { outcome }).inc_by(spans);
    }
}

/// The task that sends.
#[derive(Debug)]
pub struct Export {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    timeout: Duration,
}

impl Export {
    pub(super) fn start(
        endpoint: &str,
        options: &Options,
        spans: mpsc::Receiver<Span>,
        counts: Counts,
    ) -> Result<Self, StartError> {
        let timeout = Duration::from_millis(options.export_timeout_ms);
        let client = net::side_client().map_err(|error| StartError::Client(error.into()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector { client, timeout })
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{}{PATH}", endpoint.trim_end_matches('/')))
            .build();
        let mut exporter = exporter.map_err(|source| StartError::Endpoint { endpoint: endpoint.to_owned(), source })?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        exporter
            .set_resource(&Resource::builder().with_service_name(options.service_name.clone()).with_attribute(version).build());
        let (stop, stopped) = oneshot::channel();
        let sender = Sender { exporter, counts, scope: InstrumentationScope::builder("sluicebox").build(), failing: false };
        let task = tokio::spawn(sender.work(spans, Duration::from_millis(options.flush_ms), stopped));
        Ok(Self { stop, task, timeout })
    }

    /// Sends what is left, as far as the collector takes it in time.
    pub async fn close(self) {
        // It ends only then, or has panicked.
        let _ = self.stop.send(());
        if timeout(self.timeout, self.task).await.is_err() {
            tracing::warn!("the collector of traces did not take the last spans in time");
        }
    }
}

struct Sender {
    exporter: SpanExporter,
    counts: Counts,
    scope: InstrumentationScope,
    /// The last request failed: the log has said so.
    failing: bool,
}

impl Sender {
    /// Until it is stopped, or nobody is left who could tell it anything; then what was told before.
    async fn work(mut self, mut spans: mpsc::Receiver<Span>, flush: Duration, mut stopped: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(SPANS_PER_REQUEST_MAX);
        let mut running = true;
        while running {
            tokio::select! {
                biased;
                _ = &mut stopped => running = false,
                more = gather(&mut spans, &mut batch, flush) => running = more,
            }
            self.send(&mut batch).await;
        }
        spans.close();
        while spans.recv_many(&mut batch, SPANS_PER_REQUEST_MAX).await > 0 {
            self.send(&mut batch).await;
        }
    }

    /// Sends what has gathered. What the collector does not take is lost: it may be gone for long.
    async fn send(&mut self, batch: &mut Vec<Span>) {
        let spans = batch.len() as u64;
        if spans == 0 {
            return;
        }
        let written = batch.drain(..).map(|span| self.written(span)).collect();
        match self.exporter.export(written).await {
            Ok(()) => {
                self.counts.count("exported", spans);
                self.failing = false;
            }
            Err(error) => {
                self.counts.count("failed", spans);
                if !self.failing {
                    tracing::warn!(error = &error as &dyn std::error::Error, "spans could not be sent to the collector");
                }
                self.failing = true;
            }
        }
    }

    fn written(&self, span: Span) -> SpanData {
        let Span { trace, id, parent, kind, name, started, ended, facts, links, failure } = span;
        let state = trace.state.as_deref().and_then(|state| state.parse().ok()).unwrap_or_default();
        let attributes = facts.into_iter().map(|(name, fact)| KeyValue::new(name, Value::from(fact)));
        let mut all = SpanLinks::default();
        all.links = links.into_iter().map(|(trace, span)| linked(trace, span)).collect();
        SpanData {
            span_context: SpanContext::new(trace_id(trace.id), span_id(id), TraceFlags::new(trace.flags), false, state),
            parent_span_is_remote: parent.is_some() && parent == trace.sender,
            parent_span_id: parent.map_or(opentelemetry::trace::SpanId::INVALID, span_id),
            span_kind: match kind {
                Kind::Server => SpanKind::Server,
                Kind::Client => SpanKind::Client,
                Kind::Internal => SpanKind::Internal,
            },
            name,
            start_time: started,
            end_time: ended,
            attributes: attributes.collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: all,
            status: failure.map_or(Status::Unset, Status::error),
            instrumentation_scope: self.scope.clone(),
        }
    }
}

/// The first that come, up to a request's, or those that came within `flush`; `false` where nobody is left who could tell of any. Called
/// off, it leaves what it has in `batch`.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>, flush: Duration) -> bool {
    if spans.recv_many(batch, SPANS_PER_REQUEST_MAX).await == 0 {
        return false;
    }
    let filling = async {
        while batch.len() < SPANS_PER_REQUEST_MAX {
            let room = SPANS_PER_REQUEST_MAX - batch.len();
            if spans.recv_many(batch, room).await == 0 {
                return;
            }
        }
    };
    // What has come by then is sent.
    let _ = timeout(flush, filling).await;
    true
}

fn linked(trace: TraceId, span: SpanId) -> Link {
    let context = SpanContext::new(trace_id(trace), span_id(span), TraceFlags::default(), false, TraceState::NONE);
    Link::new(context, Vec::new(), 0)
}

fn trace_id(TraceId(id): TraceId) -> opentelemetry::trace::TraceId {
    opentelemetry::trace::TraceId::from_bytes(id)
}

fn span_id(SpanId(id): SpanId) -> opentelemetry::trace::SpanId {
    opentelemetry::trace::SpanId::from_bytes(id)
}

impl From<Fact> for Value {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Text(text) => text.into(),
            Fact::Number(number) => number.into(),
        }
    }
}
