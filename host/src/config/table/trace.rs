//! Settings of traces.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "trace":
    /// Where traces are sent to, as OTLP over HTTP: the collector's address, as in http://localhost:4318. Empty: nothing is traced.
    otlp_endpoint: optional_text(URL) => config.trace.endpoint;
    /// Which traces are recorded, by OpenTelemetry's names: `parentbased_traceidratio`, `parentbased_always_on`, `parentbased_always_off` follow
    /// the sender's word where it says one, `traceidratio`, `always_on`, `always_off` do not ask.
    trace_sampler: text(NAME) => config.trace.sampler;
    /// The part of the traces that are recorded of those that no sender has decided on: 0 none, 1 all.
    trace_sample_ratio: text(PART) => config.trace.sample_ratio;
    /// Whether deliveries tell their destinations of the trace (`traceparent`).
    trace_propagation: text(SWITCH) => config.trace.propagate;
    /// What this host is called in traces.
    trace_service_name: text(NAME) => config.trace.service_name;
    /// Spans that wait for the collector; those beyond are dropped, and counted.
    trace_queue_spans_max: number(COUNT, 1..) => config.trace.queue_spans_max;
    /// Spans are sent at the latest so long after they ended, where the collector answers.
    trace_flush_ms: number(MS, 1..) => config.trace.flush_ms;
    /// How long one request to the collector may take, and the end of the host waits for the last.
    trace_export_timeout_ms: number(MS, 1..) => config.trace.export_timeout_ms;
};
