//! A destination as it is used: everything parsed, bounded, and with a value. Made by [`super::Spec::refine`] only.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

use super::{
    pace::{BreakerPolicy, Policy, RatePolicy},
    retry::Retry,
};
use crate::sign;

/// A refined destination.
#[derive(Clone)]
pub struct Destination {
    /// `http` or `https`, with a host, without a user name.
    pub(super) url: Uri,
    pub(super) method: Method,
    /// None of the host's own; the values are marked sensitive.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Never empty. All sign, so that a receiver may know the old key or the new one.
    pub(super) keys: Vec<sign::Key>,
    pub(super) timeout_ms: u64,
    pub(super) concurrency: usize,
    pub(super) retry: Retry,
    pub(super) format: Format,
    pub(super) enabled: bool,
    /// `None`: it has none.
    pub(super) breaker: Option<BreakerPolicy>,
    pub(super) rate: RatePolicy,
}

/// What a destination is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// The bytes as they are.
    #[default]
    Raw,
    /// It also takes batched CloudEvents, which may be sent only to who asked for them (HTTP binding, section 3.3). Nothing is
    /// converted here: a batch's bytes are made when it is folded, and a retry sends the same.
    CloudeventsBatch,
}

impl Destination {
    /// What it wants to be sent.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What its settings say of its pace.
    pub(super) fn policy(&self) -> Policy {
        Policy { enabled: self.enabled, concurrency: self.concurrency, breaker: self.breaker, rate: self.rate }
    }

    /// Whether deliveries are made; while not, they wait.
    #[must_use]
    pub fn enabled(&self) -> bool {
        self.enabled
    }
}

/// Without keys, and without what may be as secret as they are: the path and query of the URL, and the headers' values.
impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("host", &self.url.host())
            .field("method", &self.method)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("keys", &self.keys.len())
            .field("timeout_ms", &self.timeout_ms)
            .field("concurrency", &self.concurrency)
            .field("retry", &self.retry)
            .field("format", &self.format)
            .field("breaker", &self.breaker)
            .field("rate", &self.rate)
            .field("enabled", &self.enabled)
            .finish()
    }
}
