//! stub of the verify part
use serde::Deserialize;

use crate::event::{Attribute, Invalid, Secret, Timestamp};

/// How a source verifies, as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The scheme's name.
    pub scheme: String,
    /// The shared secret.
    pub secret: Option<Secret>,
    /// Several, during rotation.
    #[serde(default)]
    pub secrets: Vec<Secret>,
}

/// Where `Spec` holds secrets: JSON pointers, `*` for each item of a list.
pub const SECRETS: &[&str] = &["/secret", "/secrets/*"];

/// A request to verify.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Upper case.
    pub method: &'a str,
    /// As the sender called it, with scheme and host.
    pub url: &'a str,
    /// As received.
    pub headers: &'a http::HeaderMap,
    /// As received.
    pub body: &'a [u8],
}

/// A refined scheme with its keys.
#[derive(Clone, Debug)]
pub struct Scheme {}

/// What a request that is its source's tells.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Facts for the event's attributes.
    pub attributes: Vec<Attribute>,
}

/// Why a request is not its source's; for the log, never for the sender.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Where a provider puts an event's facts, unless the source says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// The header with the type.
    pub type_header: Option<&'static str>,
    /// The header with the provider's id.
    pub id_header: Option<&'static str>,
}

impl Spec {
    /// Checks the spec.
    pub fn refine(&self) -> Result<Scheme, Invalid> {
        Ok(Scheme {})
    }
}

impl Scheme {
    /// Is this request from its source?
    pub fn verify(&self, _request: Request<'_>, _now: Timestamp) -> Result<Verified, Refusal> {
        Ok(Verified::default())
    }

    /// Stub.
    #[must_use]
    pub fn credential_headers(&self) -> &[String] {
        &[]
    }

    /// Where the provider puts facts; also the headers that hold credentials are listed here.
    #[must_use]
    pub fn hints(&self) -> Hints {
        Hints::default()
    }
}
