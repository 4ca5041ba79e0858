//! Is this request from its source? A pure answer from the request's bytes, the source's scheme and the time.
//!
//! A [`Spec`] is what the hub file says; [`Spec::refine`] makes the [`Scheme`] that [`Scheme::verify`] asks. Providers that sign
//! are rows of data in `table`, all read by the one engine in `signature.rs`; what merely shows a secret is compared in `token.rs`, and
//! the requests by which providers try an address are rows in `handshake.rs`. Every comparison that touches a secret takes the same time
//! whatever the sender wrote.
//!
//! A scheme of a plugin's own is only a name here: whoever asks runs the plugin.
//!
//! Absent: a clock, I/O. A [`Refusal`] is for the operator's log; the sender learns that it was refused, not why.
//! No type here prints a secret.

mod algorithm;
mod form;
mod half;
mod handshake;
mod json;
mod jwt;
mod key;
mod pair;
mod place;
mod public_key;
mod refine;
mod refusal;
mod sample;
mod signature;
mod spec;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod url;

use http::HeaderName;

use crate::event::{Attribute, Name, Timestamp};

pub use algorithm::{Algorithm, Encoding};
pub use jwt::{KeySet, KeySetError};
pub use key::KeyForm;
pub use pair::{Pair, make_pair};
pub use refusal::{Reason, Refusal};
pub use sample::{Sample, Unsigned};
pub use spec::{SECRETS, Spec};
pub use table::{Evidence, Preset, presets};
pub use time::TimeUnit;

use handshake::Handshake;
use jwt::{Jwt, Keys};
use signature::Signature;
use token::Token;

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
    handshake: Option<Handshake>,
    credential_headers: Vec<HeaderName>,
}

/// What a request has to bring.
#[derive(Clone, Debug)]
enum Proof {
    /// Nothing: anybody may send.
    Nothing,
    /// The secret itself.
    Token(Token),
    /// A signature made with the secret, or with the private half of a public key.
    Signature(Box<Signature>),
    /// A token that the holder of a key has signed.
    Jwt(Box<Jwt>),
    /// Whatever this plugin asks for.
    Plugin(Name),
}

/// What a request is that is its source's.
#[derive(Clone, Debug)]
pub enum Verified {
    /// One that tells of an event.
    Event(Facts),
    /// One that tries the address, to be answered so.
    Handshake(Response),
}

/// What verifying an event told of it.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// For the event's attributes.
    pub attributes: Vec<Attribute>,
    /// By what the proof is known again, where it would be good for another body too.
    pub replay: Option<ReplayKey>,
}

/// What must be accepted once, and how long it has to be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayKey {
    /// The sender's word, unique for each event.
    pub key: String,
    /// From then on the time of signing alone refuses it.
    pub until: Timestamp,
}

/// The answer to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// The names of all schemes.
pub fn schemes() -> impl Iterator<Item = &'static str> {
    table::schemes().map(|row| row.name)
}

impl Scheme {
    /// Is this request from its source? Where a [plugin](Self::plugin) decides, or [keys from elsewhere](Self::key_set_url), this answers no.
    ///
    /// # Errors
    /// Where it is not, or does not prove it.
    pub fn verify(&self, request: Request<'_>, now: Timestamp) -> Result<Verified, Refusal> {
        self.verify_by(None, request, now)
    }

    /// The same with the key set that [`key_set_url`](Self::key_set_url) leads to.
    ///
    /// # Errors
    /// Where it is not its source's, or does not prove it.
    pub fn verify_by(&self, keys: Option<&KeySet>, request: Request<'_>, now: Timestamp) -> Result<Verified, Refusal> {
        if let Some(answer) = self.handshake.as_ref().and_then(|handshake| handshake.asked(request)) {
            return answer.map(Verified::Handshake);
        }
        let (mut facts, mut key) = (Facts::default(), None);
        match &self.proof {
            Proof::Nothing => {}
            Proof::Token(token) => token.check(request)?,
            Proof::Signature(signature) => {
                let proven =
                    signature.check(request, now, self.handshake.as_ref().is_some_and(Handshake::signs_for_strangers))?;
                (facts.replay, key) = (proven.replay, Some(proven.key));
            }
            Proof::Jwt(jwt) => jwt.check(request, keys, now)?,
            Proof::Plugin(name) => return Err(Refusal::new(Reason::Plugin, format!("only the plugin `{name}` can tell"))),
        }
        match self.handshake.as_ref().and_then(|handshake| handshake.signed(request, key)) {
            Some(answer) => answer.map(Verified::Handshake),
            None => Ok(Verified::Event(facts)),
        }
    }

    /// The plugin that decides instead of [`verify`](Self::verify).
    #[must_use]
    pub fn plugin(&self) -> Option<&Name> {
        match &self.proof {
            Proof::Plugin(name) => Some(name),
            _ => None,
        }
    }

    /// Where the keys are that tokens are signed with, where they are not here.
    #[must_use]
    pub fn key_set_url(&self) -> Option<&http::Uri> {
        match &self.proof {
            Proof::Jwt(jwt) => match &jwt.keys {
                Keys::At(url) => Some(url),
                Keys::Here(_) => None,
            },
            _ => None,
        }
    }

    /// Which of those keys the request names, where it names one.
    ///
    /// # Errors
    /// Where it is none of its source's whatever the keys are.
    pub fn key_id(&self, request: Request<'_>) -> Result<Option<String>, Refusal> {
        match &self.proof {
            Proof::Jwt(jwt) => jwt.key_id(request),
            _ => Ok(None),
        }
    }

    /// Whether a `GET` may be a handshake.
    #[must_use]
    pub fn answers_get(&self) -> bool {
        self.handshake.as_ref().is_some_and(Handshake::uses_get)
    }

    /// Whether what it proves is good once only, so that events have a [`ReplayKey`].
    #[must_use]
    pub fn is_good_once(&self) -> bool {
        matches!(&self.proof, Proof::Signature(signature) if !signature.signed.covers_body())
    }

    /// The headers that may hold credentials and must not reach the journal. Signatures are none: they cannot be used again for
    /// other bytes.
    #[must_use]
    pub fn credential_headers(&self) -> &[HeaderName] {
        &self.credential_headers
    }
}
