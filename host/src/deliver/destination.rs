//! A destination as it is used: everything parsed, bounded, and with a value. Made by [`super::Spec::refine`] only.

use std::fmt;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;

use super::confirm::Confirm;
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
    /// Whether it has to call back.
    pub(super) confirm: Option<Confirm>,
    pub(super) retry: Retry,
    pub(super) format: Format,
    pub(super) enabled: bool,
}

/// When a failed delivery is tried again, and when it is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    /// Tries, the first included.
    pub(super) attempts_max: u32,
    /// The longest wait after the first failure; it doubles with each further one.
    pub(super) first_ms: u64,
    /// No wait is longer, unless the destination asks for it.
    pub(super) max_ms: u64,
    /// Since the delivery was planned.
    pub(super) age_ms_max: u64,
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
            .field("confirm", &self.confirm)
            .field("retry", &self.retry)
            .field("format", &self.format)
            .field("enabled", &self.enabled)
            .finish()
    }
}
