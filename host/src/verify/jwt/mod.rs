//! JSON Web Tokens (RFC 7519): who sends shows one, signed (JWS, RFC 7515) by a key that is known here.
//!
//! The key never comes from the token: what its header says of keys but a `kid` is not looked at. Which algorithms a key is good for
//! follows from the key, so a public key is never taken for the secret of an HMAC. A token proves who sends and covers no body, unless one of
//! its claims is the body's hash.

mod keys;

pub use keys::{KeySet, KeySetError};

use std::borrow::Cow;

use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Reason, Refusal, Request, place::Place};
use crate::event::Timestamp;

/// Longer ones are refused unread; those with many claims are a few kilobytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What a token has to be.
#[derive(Clone, Debug)]
pub(super) struct Jwt {
    /// Where it stands.
    pub(super) place: Place,
    /// Whether `Bearer` stands before it.
    pub(super) is_bearer: bool,
    pub(super) keys: Keys,
    /// Those of a key's algorithms that are accepted; none: all of them.
    pub(super) algorithms: Vec<Algorithm>,
    /// The `iss` accepted; none: any.
    pub(super) issuer: Option<String>,
    /// The `aud` accepted; none: any.
    pub(super) audience: Option<String>,
    /// How far the sender's clock may be from ours.
    pub(super) leeway_ms: u64,
    /// The claim that holds the SHA-256 of the body, in hexadecimal digits.
    pub(super) body_hash_claim: Option<String>,
}

/// Where the keys are.
#[derive(Clone, Debug)]
pub(super) enum Keys {
    /// Here.
    Here(KeySet),
    /// In a key set (RFC 7517) at this URL, which whoever asks has fetched.
    At(http::Uri),
}

impl Jwt {
    /// The key that the request's token names, where it names one.
    pub(super) fn key_id(&self, request: Request<'_>) -> Result<Option<String>, Refusal> {
        Ok(header_of(&self.token(request)?)?.kid)
    }

    /// Is the token good at `now`? `fetched` are the keys at the URL, where the keys are not here.
    pub(super) fn check(&self, request: Request<'_>, fetched: Option<&KeySet>, now: Timestamp) -> Result<(), Refusal> {
        let keys = match (&self.keys, fetched) {
            (Keys::Here(keys), _) | (Keys::At(_), Some(keys)) => keys,
            (Keys::At(_), None) => return Err(Refusal::new(Reason::Mismatch, "the keys at `jwks_url` are not to be had")),
        };
        let token = &*self.token(request)?;
        let header = header_of(token)?;
        let claims = self.claims(token, &header, keys)?;
        self.check_times(&claims, now)?;
        has(&claims, "iss", self.issuer.as_deref())?;
        has(&claims, "aud", self.audience.as_deref())?;
        self.check_body(&claims, request.body)
    }

    fn token<'a>(&self, request: Request<'a>) -> Result<Cow<'a, str>, Refusal> {
        let value = self.place.find(request)?;
        let token = match self.is_bearer {
            true => after_bearer(&value).map(|token| Cow::Owned(token.to_owned())),
            false => Some(value),
        };
        let token = token.ok_or_else(|| malformed("`Bearer` does not stand before it"))?;
        if token.len() > TOKEN_BYTES_MAX { Err(malformed("it is longer than 16 KiB")) } else { Ok(token) }
    }

    /// What the token says, once one of the keys has signed it.
    fn claims(&self, token: &str, header: &Header, keys: &KeySet) -> Result<Map<String, Value>, Refusal> {
        if !self.algorithms.is_empty() && !self.algorithms.contains(&header.alg) {
            return Err(Refusal::new(
                Reason::Mismatch,
                format!("the token is signed by {:?}, which is not accepted", header.alg),
            ));
        }
        let mut validation = Validation::new(header.alg);
        // Times, issuer and audience are judged here: the library asks the system for the time.
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let mut tried = false;
        for key in keys.candidates(header.kid.as_deref(), header.alg) {
            tried = true;
            if let Ok(data) = decode::<Map<String, Value>>(token, key, &validation) {
                return Ok(data.claims);
            }
        }
        let told = if tried {
            "no key that it may be of has signed the token"
        } else {
            "there is no key that the token may be signed by"
        };
        Err(Refusal::new(Reason::Mismatch, told))
    }

    /// `exp` has to be there: a token without an end is a password.
    fn check_times(&self, claims: &Map<String, Value>, now: Timestamp) -> Result<(), Refusal> {
        let time = |name: &str| claims.get(name).map(|value| ms_of(value).ok_or_else(|| malformed_claim(name))).transpose();
        let (now_ms, leeway_ms) = (i128::from(now.0), i128::from(self.leeway_ms));
        let expires_at = time("exp")?.ok_or_else(|| malformed("it has no `exp`"))?;
        if now_ms - leeway_ms >= expires_at {
            return Err(Refusal::new(Reason::Time, "the token has expired"));
        }
        for name in ["nbf", "iat"] {
            if time(name)?.is_some_and(|from| from > now_ms + leeway_ms) {
                return Err(Refusal::new(Reason::Time, format!("the token's `{name}` is in the future")));
            }
        }
        Ok(())
    }

    fn check_body(&self, claims: &Map<String, Value>, body: &[u8]) -> Result<(), Refusal> {
        let Some(name) = &self.body_hash_claim else { return Ok(()) };
        let told = claims.get(name).and_then(Value::as_str).ok_or_else(|| malformed_claim(name))?;
        let hash = hex::encode(Sha256::digest(body));
        if bool::from(hash.as_bytes().ct_eq(told.as_bytes())) {
            Ok(())
        } else {
            Err(Refusal::new(Reason::Mismatch, format!("the claim `{name}` is not the SHA-256 of the body, in lower-case hex")))
        }
    }
}

/// Whether a claim, a text or a list of texts, has what is asked of it.
fn has(claims: &Map<String, Value>, name: &str, asked: Option<&str>) -> Result<(), Refusal> {
    let Some(asked) = asked else { return Ok(()) };
    let fits = match claims.get(name) {
        Some(Value::Array(values)) => values.iter().any(|value| value == asked),
        Some(value) => value == asked,
        None => false,
    };
    if fits { Ok(()) } else { Err(Refusal::new(Reason::Claim, format!("the token's `{name}` is not the source's"))) }
}

/// A `NumericDate` (RFC 7519, section 2): seconds, perhaps with a fraction.
fn ms_of(value: &Value) -> Option<i128> {
    if let Some(whole) = value.as_i64() {
        return Some(i128::from(whole) * 1000);
    }
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite())?;
    #[expect(clippy::cast_possible_truncation, reason = "a float's cast saturates")]
    Some((seconds * 1000.0) as i128)
}

/// RFC 6750, section 2.1; the scheme's name has no case.
fn after_bearer(value: &str) -> Option<&str> {
    let (name, token) = value.split_at_checked("bearer ".len())?;
    name.eq_ignore_ascii_case("bearer ").then(|| token.trim_ascii_start())
}

fn header_of(token: &str) -> Result<Header, Refusal> {
    let header = decode_header(token).map_err(|_| malformed("its header is not one of a JWS with an algorithm that is known"))?;
    if header.crit.is_some() {
        return Err(malformed("its header says `crit`, and no extension is known here"));
    }
    Ok(header)
}

fn malformed(told: &str) -> Refusal {
    Refusal::new(Reason::Malformed, format!("the token cannot be read: {told}"))
}

fn malformed_claim(name: &str) -> Refusal {
    malformed(&format!("its `{name}` is missing or of another type"))
}

#[cfg(test)]
mod tests;
