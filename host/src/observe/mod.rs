//! What is seen of a running host from outside, as far as it is no flow's own: traces, what the process itself costs, and the bound that
//! keeps names from becoming time series without end.
//!
//! A leaf: the flows tell it what they do, and it tells nobody but the operator's collector. Nothing here changes what becomes of an event.

mod known;
mod process;
mod trace;

pub use known::Known;
pub use process::register;
pub use trace::{
    Begun, Export, Fact, Kind, Options, Ratio, Sampler, SamplerError, SpanId, StartError, Told, Trace, TraceId, Traced, Tracer,
    is_of_trace, is_traceparent,
};
