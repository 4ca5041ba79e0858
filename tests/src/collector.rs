//! An OpenTelemetry collector on loopback: takes traces as OTLP over HTTP, decodes them, and remembers the spans.

use std::{collections::BTreeMap, sync::Arc, sync::Mutex, sync::PoisonError};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{KeyValue, any_value::Value},
    trace::v1,
};
use prost::Message as _;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::eventually;

/// A span as it came.
#[derive(Clone, Debug)]
pub struct Span {
    /// In hexadecimal digits, as the following ids.
    pub trace: String,
    /// Its own.
    pub id: String,
    /// Empty where it has none.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// `tracestate`, as it was carried.
    pub state: String,
    /// As OTLP numbers them: 1 internal, 2 server, 3 client.
    pub kind: i32,
    /// Attributes, numbers as text.
    pub facts: BTreeMap<String, String>,
    /// The spans that it links to, each as trace and span.
    pub links: Vec<(String, String)>,
    /// Whether it is told to have failed.
    pub failed: bool,
    /// In nanoseconds since the Unix epoch.
    pub started: u64,
    /// The same.
    pub ended: u64,
    /// The service's name.
    pub service: String,
}

/// A running collector.
#[derive(Debug)]
pub struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Span>>>,
    serving: JoinHandle<()>,
}

impl Collector {
    /// Takes whatever comes.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let router = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&spans));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { url, spans, serving }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What came so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans of this name, as soon as there are so many.
    pub async fn named(&self, name: &str, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans `{name}`"), async || {
            let found: Vec<Span> = self.spans().into_iter().filter(|span| span.name == name).collect();
            (found.len() >= count).then_some(found)
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(spans): State<Arc<Mutex<Vec<Span>>>>,
    headers: HeaderMap,
    body: Bytes,
) -> ([(&'static str, &'static str); 1], Vec<u8>) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).expect("an ExportTraceServiceRequest");
    let mut all = spans.lock().unwrap_or_else(PoisonError::into_inner);
    for resource in request.resource_spans {
        let facts = facts(&resource.resource.expect("a resource").attributes);
        let service = facts.get("service.name").expect("a service").clone();
        all.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| read(span, &service)));
    }
    ([("content-type", "application/x-protobuf")], ExportTraceServiceResponse::default().encode_to_vec())
}

fn read(span: v1::Span, service: &str) -> Span {
    let links = span.links.iter().map(|link| (hex::encode(&link.trace_id), hex::encode(&link.span_id)));
    Span {
        trace: hex::encode(&span.trace_id),
        id: hex::encode(&span.span_id),
        parent: hex::encode(&span.parent_span_id),
        links: links.collect(),
        facts: facts(&span.attributes),
        failed: span.status.is_some_and(|status| status.code() == v1::status::StatusCode::Error),
        name: span.name,
        state: span.trace_state,
        kind: span.kind,
        started: span.start_time_unix_nano,
        ended: span.end_time_unix_nano,
        service: service.to_owned(),
    }
}

fn facts(all: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    all.iter().map(|fact| (fact.key.clone(), text(fact))).collect()
}
