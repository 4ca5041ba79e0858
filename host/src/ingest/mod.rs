//! Flow 1: accept, verify, admit, append, 202.
//!
//! A sender is answered with 202 only after its event is on disk. Everything before that may refuse, and the refusal is a problem
//! (RFC 9457) that tells the sender what to do and nothing that would help an attacker; the log has the rest.

mod accept;
mod activity;
mod admission;
mod allow_from;
mod answer;
mod append;
mod begin;
mod body;
mod body_rate;
mod closed;
mod cloudevent;
mod coding;
mod connections;
mod custom_answer;
mod decode;
mod events;
mod exchange;
mod extract;
mod forwarded;
mod gate;
mod handshake;
mod idempotency;
mod jwks;
mod limits;
mod methods;
mod moment;
mod options;
mod peer;
mod place;
mod presets;
mod problem;
mod problem_types;
mod proxy_protocol;
mod publish;
mod rate;
mod receive;
mod rewound;
mod schema;
mod spec;
mod tls;
mod verifier;
mod wire;

pub use accept::Door;
pub use cloudevent::Format;
pub use coding::Coding;
pub use custom_answer::AnswerSpec;
pub use decode::DecodeSpec;
pub use forwarded::ForwardedHeader;
pub use idempotency::IdempotencySpec;
pub use options::{CertificateFiles, Current, Options};
pub use peer::Peer;
pub use place::{ExtractSpec, PlaceSpec};
pub use problem::{Problem, method_not_allowed};
pub use problem_types::{PROBLEM_TYPES, ProblemType};
pub use publish::Publisher;
pub use rate::RateSpec;
pub use receive::{Parts, router};
pub use schema::OnInvalid;
pub use spec::{Source, Spec};
pub use tls::TlsError;

use std::{collections::HashMap, sync::Arc};

use crate::event::Name;

/// This part's piece of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// By workspace and name.
    pub sources: HashMap<(Name, Name), Arc<Source>>,
}
