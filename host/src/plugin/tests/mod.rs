//! The part as a whole, with the real engine: guests are written in WebAssembly text, since what they do wrong no compiler of a
//! guest language would let them do.

mod compiling;
mod documented;
mod fairness;
mod guest;
mod loading;
mod remembering;
mod running;
mod tripping;

use std::sync::Arc;

use bytes::Bytes;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::*;
use crate::event::{Event, EventId, Timestamp};
use guest::Guest;

/// A host for plugins, without the rest of the server.
struct World {
    plugins: Arc<Plugins>,
    registry: Registry,
}

impl World {
    fn new() -> Self {
        Self::with(&Options { workers: 1, queue_max: 2, ..Options::default() })
    }

    fn with(options: &Options) -> Self {
        let mut registry = Registry::default();
        let plugins = Plugins::start(options, &mut registry).expect("the engine starts");
        Self { plugins, registry }
    }

    /// Loads a guest and binds it under `name`, with these limits.
    async fn plugin(&self, name: &str, guest: &Guest, limits: serde_json::Value) -> Arc<Bound> {
        let (digest, _) = self.plugins.load(name, guest.component()).await.expect("loads");
        let spec = json!({ "digest": digest.to_string(), "limits": limits });
        let spec: Spec = serde_json::from_value(spec).expect("a spec");
        self.plugins.bind(&Name::default_workspace(), name.parse().expect("a name"), &spec).expect("binds")
    }

    /// Runs a chain of one guest with default limits.
    async fn run(&self, guest: &Guest) -> Report {
        self.run_limited(guest, json!({})).await
    }

    async fn run_limited(&self, guest: &Guest, limits: serde_json::Value) -> Report {
        let plugin = self.plugin("guest", guest, limits).await;
        self.chain(&[plugin]).await
    }

    async fn chain(&self, plugins: &[Arc<Bound>]) -> Report {
        self.plugins
            .run(plugins.into(), Call { event: event(), attempt: 1, now: Timestamp(1_790_000_000_500), state: None })
            .await
    }
}

fn event() -> Arc<Event> {
    Arc::new(Event {
        workspace: Name::default_workspace(),
        id: EventId::new(Timestamp(1_790_000_000_000), [7; 10]),
        source: "shop".parse().expect("a name"),
        event_type: "invoice.paid".into(),
        subject: Some("invoice/7".into()),
        received_at: Timestamp(1_790_000_000_000),
        time: None,
        external_id: None,
        content_type: Some("application/json".into()),
        headers: Vec::new(),
        body: Bytes::from_static(b"{}"),
        attributes: Vec::new(),
    })
}

fn messages(report: &Report) -> &[Piece] {
    match &report.result {
        Ok(Ended::Messages(pieces)) => pieces,
        other => panic!("no messages: {other:?}"),
    }
}

fn fault(report: &Report) -> (FaultKind, &str, &str) {
    match &report.result {
        Err(fault) => (fault.kind, &fault.failure.code, &fault.failure.message),
        other => panic!("no fault: {other:?}"),
    }
}
