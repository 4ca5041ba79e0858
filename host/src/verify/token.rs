//! Schemes that show the secret itself: bearer, basic, API keys, GitLab's token.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::{Reason, Refusal, Request, key::Key, place::Place};

/// A secret that the sender shows.
#[derive(Clone, Debug)]
pub(super) struct Token {
    /// Where it stands.
    pub(super) place: Place,
    /// How it is wrapped.
    pub(super) wrapping: Wrapping,
    /// What is accepted, in the form in which it is shown once unwrapped (`user:password` for basic).
    pub(super) expected: Vec<Key>,
}

/// How a header carries a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// As it is.
    Plain,
    /// `Bearer TOKEN` (RFC 6750).
    Bearer,
    /// `Basic` and the base64 of `user:password` (RFC 7617).
    Basic,
}

impl Token {
    /// Does the request show one of the tokens expected?
    pub(super) fn check(&self, request: Request<'_>) -> Result<(), Refusal> {
        let shown = self.wrapping.unwrap(self.place.find(request)?.as_bytes(), &self.place)?;
        // Every key is tried, so that the time does not tell which one fits.
        let fits = self.expected.iter().fold(Choice::from(0), |fits, key| fits | same(&shown, key.expose()));
        if fits.into() {
            Ok(())
        } else {
            Err(Refusal::new(Reason::Mismatch, format!("the secret in {} is not the source's", self.place)))
        }
    }
}

impl Wrapping {
    fn unwrap(self, value: &[u8], place: &Place) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let token = match self {
            Self::Plain => Some(value.to_vec()),
            Self::Bearer => after_scheme(value, b"bearer").map(<[u8]>::to_vec),
            Self::Basic => after_scheme(value, b"basic").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()),
        };
        token.map(Zeroizing::new).ok_or_else(|| Refusal::malformed(format!("{place} holds no {self:?} credentials")))
    }
}

/// What follows the name of the HTTP authentication scheme, which has no case (RFC 9110, 11.1).
fn after_scheme<'a>(value: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (name, rest) = value.split_at_checked(scheme.len())?;
    let rest = rest.strip_prefix(b" ").filter(|_| name.eq_ignore_ascii_case(scheme))?;
    Some(rest.trim_ascii_start())
}

/// Equality whose time depends on nothing but the lengths; the digests keep even the length of the secret from showing.
pub(super) fn same(shown: &[u8], expected: &[u8]) -> Choice {
    Sha256::digest(shown)[..].ct_eq(&Sha256::digest(expected)[..])
}
