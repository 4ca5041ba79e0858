//! Flow 1: accept, verify, admit, append, 202.
//!
//! A sender is answered with 202 only after its event is on disk. Everything before that may refuse, and the refusal is a problem
//! (RFC 9457) that tells the sender what to do and nothing that would help an attacker; the log has the rest.

mod accept;
mod admission;
mod allow_from;
mod answer;
mod append;
mod body;
mod cloudevent;
mod custom_answer;
mod decode;
mod events;
mod extract;
mod handshake;
mod idempotency;
mod idle;
mod jwks;
mod methods;
mod moment;
mod peer;
mod place;
mod presets;
mod problem;
mod publish;
mod receive;
mod schema;
mod spec;
mod verifier;

pub use accept::serve;
pub use cloudevent::Format;
pub use custom_answer::AnswerSpec;
pub use decode::DecodeSpec;
pub use idempotency::IdempotencySpec;
pub use idle::{One, UnderWay};
pub use place::{ExtractSpec, PlaceSpec};
pub use problem::{Problem, method_not_allowed};
pub use publish::Publisher;
pub use receive::{Parts, router};
pub use schema::OnInvalid;
pub use spec::{Source, Spec};

use std::{collections::HashMap, sync::Arc};

use crate::event::Name;

/// This part's piece of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// By workspace and name.
    pub sources: HashMap<(Name, Name), Arc<Source>>,
}

/// Settings of what comes in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections held at once; a further one waits in the kernel's queue.
    pub connections_max: usize,
    /// Requests under way at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// From a connection's beginning to its first bytes, and from those (or the last answer's end) to the end of the next request's
    /// headers. An HTTP/2 connection is pinged as often instead, once it has begun.
    pub header_timeout_ms: u64,
    /// A connection without a request under way for so long is closed, whatever else it does. An answer that is not read by
    /// then has this time once more.
    pub idle_timeout_ms: u64,
    /// From the end of the headers to the last byte of the body.
    pub body_timeout_ms: u64,
    /// The bodies of all requests that are not stored yet, by the length they declare or, without one, by what their source allows. Less
    /// than a source's largest body keeps that one out for good.
    pub body_bytes_in_flight_max: usize,
    /// Events of one request: a batch of CloudEvents, or of what is published.
    pub events_per_request_max: usize,
    /// The body of a call that publishes, whatever it holds.
    pub publish_bytes_max: usize,
    /// The size of all headers of a request.
    pub header_bytes_max: usize,
    /// From the last byte of the body until a plugin has verified the request, where one does; longer is answered for with 503.
    pub verify_timeout_ms: u64,
    /// From then to the answer; a journal that is slower is answered for with 503.
    pub append_timeout_ms: u64,
    /// How long requests under way may take to finish when the host stops.
    pub drain_ms: u64,
    /// `https://hooks.example.com`, as senders call this host; some schemes sign it. `None`: `http://` and the `Host` header.
    pub public_url: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            http2_streams_max: 128,
            header_timeout_ms: 10_000,
            idle_timeout_ms: 60_000,
            body_timeout_ms: 30_000,
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            events_per_request_max: 1_000,
            publish_bytes_max: 16 * 1024 * 1024,
            header_bytes_max: 32 * 1024,
            verify_timeout_ms: 10_000,
            append_timeout_ms: 10_000,
            drain_ms: 10_000,
            public_url: None,
        }
    }
}
