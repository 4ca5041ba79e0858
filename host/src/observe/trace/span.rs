//! One span as a flow tells it: plain data, which `export` makes OpenTelemetry's.

use std::{borrow::Cow, time::SystemTime};

use super::{SpanId, Trace, TraceId};

/// What a span is to the other side, as OpenTelemetry has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It answers a request.
    Server,
    /// It sends one.
    Client,
    /// Work of this host.
    Internal,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A span that has ended. Made by [`super::Begun`] only, and so only where its trace is recorded.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: Trace,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) kind: Kind,
    pub(super) name: Cow<'static, str>,
    pub(super) started: SystemTime,
    pub(super) ended: SystemTime,
    pub(super) facts: Vec<(&'static str, Fact)>,
    pub(super) links: Vec<(TraceId, SpanId)>,
    /// The code of what went wrong.
    pub(super) failure: Option<String>,
}

impl From<String> for Fact {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Fact {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Fact {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<u32> for Fact {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}
