//! Is this request from its source? A pure answer from the request's bytes, the source's scheme and the time.
//!
//! A [`Spec`] is what the hub file says; [`Spec::refine`] makes the [`Scheme`] that [`Scheme::verify`] asks. Providers that sign
//! with an HMAC are rows of data in `scheme.rs`, all read by the one engine in `signature.rs`; what merely shows a secret is
//! compared in `token.rs`. Every comparison that touches a secret takes the same time whatever the sender wrote.
//!
//! A scheme of a plugin's own is only a name here: whoever asks runs the plugin.
//!
//! Absent: a clock, I/O, replies. A [`Refusal`] is for the operator's log; the sender learns that it was refused, not why.
//! No type here prints a secret.

mod key;
mod refine;
mod scheme;
mod signature;
mod template;
#[cfg(test)]
mod tests;
mod token;

use http::HeaderName;
use serde::Deserialize;

use crate::event::{Attribute, Duration, Invalid, Name, Secret, Timestamp};

pub use signature::{Algorithm, Encoding};

use signature::Signature;
use token::Token;

/// How a source verifies, as the hub file declares it.
///
/// The fields below `secrets` belong to single schemes and are refused with any other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The scheme's name.
    pub scheme: String,
    /// The shared secret.
    pub secret: Option<Secret>,
    /// Several, during rotation.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// The header with the signature (`hmac`) or the key (`api-key`).
    pub header: Option<String>,
    /// `hmac`: `sha256` unless told otherwise.
    pub algorithm: Option<Algorithm>,
    /// `hmac`: how the signature is written; `hex` unless told otherwise.
    pub encoding: Option<Encoding>,
    /// `hmac`: what stands before the signature, as in `sha256=`.
    pub prefix: Option<String>,
    /// `hmac`: what is signed, as text around `{id}`, `{timestamp}`, `{url}` and `{body}`; `{body}` unless told otherwise. It must be
    /// certain where the id and a URL that is not configured end: text stands behind them, and the body last.
    pub signed: Option<String>,
    /// `hmac`: the header with the time of signing, in seconds since the Unix epoch.
    pub timestamp_header: Option<String>,
    /// `hmac`: the header with the message's id.
    pub id_header: Option<String>,
    /// `hmac`: how far the time of signing may be from now, either way; five minutes unless told otherwise.
    pub tolerance: Option<Duration>,
    /// `hmac`, `square`: the URL that the sender signs, where a proxy hides it from us.
    pub url: Option<String>,
    /// `basic`: the user's name; the secret is the password.
    pub username: Option<String>,
    /// `plugin`: the plugin's name.
    pub plugin: Option<Name>,
    /// `plugin`: headers that carry credentials beside the usual ones; they are not kept.
    #[serde(default)]
    pub credential_headers: Vec<String>,
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
pub struct Scheme {
    proof: Proof,
    credential_headers: Vec<HeaderName>,
}

/// What a request has to bring.
#[derive(Clone, Debug)]
enum Proof {
    /// Nothing: anybody may send.
    Nothing,
    /// The secret itself.
    Token(Token),
    /// A signature made with the secret.
    Signature(Signature),
    /// Whatever this plugin asks for.
    Plugin(Name),
}

/// What a request that is its source's tells.
#[derive(Clone, Debug, Default)]
pub struct Verified {
    /// Facts for the event's attributes.
    pub attributes: Vec<Attribute>,
}

/// Why a request is not its source's: the step that failed. For the log, never for the sender; holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The names of all schemes.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    scheme::SCHEMES.iter().map(|row| row.name)
}

impl Spec {
    /// Checks the spec.
    ///
    /// # Errors
    /// Where the scheme is unknown, a secret is missing or malformed, or a field belongs to another scheme.
    pub fn refine(&self) -> Result<Scheme, Invalid> {
        refine::refine(self)
    }
}

impl Scheme {
    /// Is this request from its source? Where a [plugin](Self::plugin) decides, this answers no.
    ///
    /// # Errors
    /// Where it is not, or does not prove it.
    pub fn verify(&self, request: Request<'_>, now: Timestamp) -> Result<Verified, Refusal> {
        match &self.proof {
            Proof::Nothing => {}
            Proof::Token(token) => token.check(request.headers)?,
            Proof::Signature(signature) => signature.check(request, now)?,
            Proof::Plugin(name) => return Err(Refusal(format!("only the plugin `{name}` can tell"))),
        }
        Ok(Verified::default())
    }

    /// The plugin that decides instead of [`verify`](Self::verify).
    #[must_use]
    pub fn plugin(&self) -> Option<&Name> {
        match &self.proof {
            Proof::Plugin(name) => Some(name),
            _ => None,
        }
    }

    /// The headers that may hold credentials and must not reach the journal. Signatures are none: they cannot be used again for
    /// other bytes.
    #[must_use]
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.credential_headers
    }
}

/// The one value of a header that must stand exactly once: of two, the sender's proxy and we might believe different ones.
fn only<'a>(headers: &'a http::HeaderMap, name: &HeaderName) -> Result<&'a [u8], Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value.as_bytes()),
        (None, _) => Err(Refusal(format!("the header `{name}` is missing"))),
        (Some(_), Some(_)) => Err(Refusal(format!("the header `{name}` stands more than once"))),
    }
}
