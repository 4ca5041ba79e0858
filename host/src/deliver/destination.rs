//! A destination as it is used: everything parsed, bounded, and with a value. Made by [`super::Spec::refine`] only.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::{HeaderName, Method};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    confirm::Confirm,
    header::HeaderText,
    pace::{BreakerPolicy, Policy, RatePolicy},
    retry::Retry,
    target::Target,
};
use crate::{
    event::{Order, Timestamp},
    net::{Client, Tls, TokenSource},
    sign,
};

/// A refined destination.
#[derive(Clone)]
pub struct Destination {
    /// `http` or `https`, with a host, without a user name.
    pub(super) url: Target,
    pub(super) method: Method,
    /// None of the host's own.
    pub(super) headers: Vec<(HeaderName, HeaderText)>,
    /// Where the token for `authorization` comes from, where one is asked for.
    pub(super) tokens: Option<Arc<TokenSource>>,
    /// Where TLS is spoken in a way of its own.
    pub(super) tls: Option<OwnClient>,
    pub(super) signing: Signing,
    pub(super) timeout_ms: u64,
    pub(super) concurrency: usize,
    /// Whether it has to call back.
    pub(super) confirm: Option<Confirm>,
    pub(super) retry: Retry,
    pub(super) format: Format,
    pub(super) order: Option<Order>,
    pub(super) compression: Option<Compression>,
    pub(super) enabled: bool,
    /// `None`: it has none.
    pub(super) breaker: Option<BreakerPolicy>,
    pub(super) rate: RatePolicy,
}

/// A client that only this destination uses, made when it is first sent to.
#[derive(Clone, Debug)]
pub(super) struct OwnClient {
    tls: Tls,
    client: Arc<OnceLock<Client>>,
}

impl OwnClient {
    pub(super) fn new(tls: Tls) -> Self {
        Self { tls, client: Arc::default() }
    }
}

/// What signs for a destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Signing {
    /// All that have not ended sign, so that a receiver may know the old key or the new one. The first has no end.
    pub(super) keys: Vec<TimedKey>,
    pub(super) other: Option<sign::Scheme>,
}

/// A key, and when it ceases to sign.
#[derive(Clone, Debug)]
pub(super) struct TimedKey {
    pub(super) key: sign::Key,
    pub(super) until: Option<Timestamp>,
}

impl Signing {
    /// The keys that sign at `now`.
    pub(super) fn keys_at(&self, now: Timestamp) -> impl Iterator<Item = &sign::Key> {
        self.keys.iter().filter(move |timed| timed.until.is_none_or(|until| now < until)).map(|timed| &timed.key)
    }
}

/// What a destination is sent. `encode::format` converts; each is a pure function of the message, so that a retry sends the same bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Format")]
pub enum Format {
    /// The bytes as they are.
    #[default]
    Raw,
    /// JSON: as it is, or what is none as a JSON string.
    Json,
    /// The members of a JSON object, form-urlencoded.
    Form,
    /// The bytes as they are, and the context of a CloudEvent in headers.
    CloudeventsBinary,
    /// A CloudEvent in the JSON format.
    CloudeventsStructured,
    /// A list of CloudEvents in the JSON format, which may be sent only to who asked for it (HTTP binding, section 3.3). Batches are made
    /// into one when they are folded.
    CloudeventsBatch,
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// RFC 1952.
    Gzip,
}

/// Whether a request of this method carries no body: what it would mean is not defined (RFC 9110, sections 9.3.1 and 9.3.5).
pub(super) fn carries_no_body(method: &Method) -> bool {
    *method == Method::GET || *method == Method::DELETE
}

impl Destination {
    /// What it wants to be sent.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What it wants to have in order.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The client to send with: its own, or the one that is shared.
    pub(super) fn client<'a>(&'a self, shared: &'a Client) -> &'a Client {
        match &self.tls {
            Some(own) => own.client.get_or_init(|| shared.with_tls(&own.tls)),
            None => shared,
        }
    }

    /// What receivers verify with, of the keys for which that is no secret: `whpk_...`.
    #[must_use]
    pub fn public_keys(&self, now: Timestamp) -> Vec<String> {
        self.signing.keys_at(now).filter_map(sign::Key::public).collect()
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
            .field("signing", &self.signing)
            .field("tokens", &self.tokens)
            .field("tls", &self.tls.is_some())
            .field("timeout_ms", &self.timeout_ms)
            .field("concurrency", &self.concurrency)
            .field("confirm", &self.confirm)
            .field("retry", &self.retry)
            .field("format", &self.format)
            .field("order", &self.order)
            .field("breaker", &self.breaker)
            .field("rate", &self.rate)
            .field("enabled", &self.enabled)
            .finish()
    }
}
