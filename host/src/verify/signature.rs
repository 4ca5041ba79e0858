//! The engine of every scheme that signs with an HMAC (RFC 2104): where the signature stands, how it is written, what is signed.
//!
//! A signature is accepted in exactly the form its provider writes: hexadecimal digits in lower case, base64 with its padding.
//! What is compared is the exact bytes received. Where several signatures or several keys are in play, one fit is enough; all
//! are tried, so that the time taken tells nothing.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use http::HeaderName;
use serde::Deserialize;
use sha2::{Sha256, Sha512};

use super::{
    Refusal, Request,
    key::Key,
    only,
    template::{Filling, Slot, Template},
};
use crate::event::Timestamp;

/// The most signatures that one header may list.
const SIGNATURES_MAX: usize = 16;

/// The hash beneath the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// The standard alphabet, padded (RFC 4648, section 4).
    Base64,
}

/// A scheme that signs, ready to check requests.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) algorithm: Algorithm,
    pub(super) encoding: Encoding,
    /// Where the signature stands.
    pub(super) header: HeaderName,
    /// `None`: the header is one signature. Else a list: entries with the prefix are signatures, others are ignored.
    pub(super) separator: Option<char>,
    /// What stands before each signature.
    pub(super) prefix: String,
    /// When it was signed, for schemes that tell.
    pub(super) time: Option<SignedTime>,
    /// The header with the message's id, where that is signed.
    pub(super) id_header: Option<HeaderName>,
    /// What is signed.
    pub(super) signed: Template,
    /// The URL that the sender signs, where it is not the one we see.
    pub(super) url: Option<String>,
    /// Any of them may have signed.
    pub(super) keys: Vec<Key>,
}

/// The time of signing: part of what is signed, and not too far from now.
#[derive(Clone, Debug)]
pub(super) struct SignedTime {
    pub(super) place: TimePlace,
    /// Accepted distance from now, either way.
    pub(super) tolerance_ms: u64,
}

/// Where the time of signing stands.
#[derive(Clone, Debug)]
pub(super) enum TimePlace {
    /// In a header of its own.
    Header(HeaderName),
    /// In the list of signatures, as the entry with this prefix.
    Entry(String),
}

impl Signature {
    /// Is the request signed by one of the keys, just now?
    pub(super) fn check(&self, request: Request<'_>, now: Timestamp) -> Result<(), Refusal> {
        let value = self.text(only(request.headers, &self.header)?)?;
        let signatures = self.signatures(value)?;
        let timestamp = match &self.time {
            Some(time) => time.read(self, value, request, now)?,
            None => "",
        };
        let id = self.id_header.as_ref().map_or(Ok(&b""[..]), |name| only(request.headers, name))?;
        let url = self.url.as_deref().unwrap_or(request.url).as_bytes();
        self.reads_one_way(id, url, request.body)?;
        let content = Filling { id, timestamp: timestamp.as_bytes(), url, body: request.body };
        let fits = self.keys.iter().fold(false, |fits, key| self.fits(key, content, &signatures) | fits);
        if fits { Ok(()) } else { Err(Refusal(format!("no signature in `{}` fits what was received", self.header))) }
    }

    /// Is it certain where the sender's parts of what is signed end? Else bytes could be moved between them under one signature.
    fn reads_one_way(&self, id: &[u8], url: &[u8], body: &[u8]) -> Result<(), Refusal> {
        let blurred = |what| Err(Refusal(format!("the {what} holds the text that separates it from what follows")));
        if self.signed.is_blurred_by(Slot::Id, id) {
            return blurred("id");
        }
        if self.url.is_some() {
            return Ok(());
        }
        if self.signed.is_blurred_by(Slot::Url, url) {
            return blurred("URL");
        }
        // A source's path is fixed, so the body can only take from the query and give to it.
        if self.signed.text_after(Slot::Url) == Some("") && (url.contains(&b'?') || body.starts_with(b"?")) {
            return Err(Refusal("the URL has a query, or the body reads like one: name the `url` that the sender signs".into()));
        }
        Ok(())
    }

    fn text<'a>(&self, value: &'a [u8]) -> Result<&'a str, Refusal> {
        std::str::from_utf8(value).map_err(|_| Refusal(format!("`{}` is not text", self.header)))
    }

    /// The header's signatures as bytes: at least one.
    fn signatures(&self, value: &str) -> Result<Vec<Vec<u8>>, Refusal> {
        let written: Vec<_> = self.entries(value, &self.prefix).take(SIGNATURES_MAX + 1).collect();
        if written.is_empty() {
            return Err(Refusal(format!("`{}` holds no signature that begins with `{}`", self.header, self.prefix)));
        }
        if written.len() > SIGNATURES_MAX {
            return Err(Refusal(format!("`{}` holds more than {SIGNATURES_MAX} signatures", self.header)));
        }
        let decoded: Vec<_> = written.into_iter().filter_map(|text| self.encoding.decode(text)).collect();
        if decoded.is_empty() {
            return Err(Refusal(format!("the signature in `{}` is not {}", self.header, self.encoding.told())));
        }
        Ok(decoded)
    }

    /// The header's entries that begin with `prefix`, without it.
    fn entries<'a>(&self, value: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let (whole, list) = match self.separator {
            None => (Some(value), None),
            Some(separator) => (None, Some(value.split(separator).map(str::trim_ascii))),
        };
        whole.into_iter().chain(list.into_iter().flatten()).filter_map(move |entry| entry.strip_prefix(prefix))
    }

    fn fits(&self, key: &Key, content: Filling<'_>, signatures: &[Vec<u8>]) -> bool {
        match self.algorithm {
            Algorithm::Sha256 => self.fits_hash::<Sha256>(key, content, signatures),
            Algorithm::Sha512 => self.fits_hash::<Sha512>(key, content, signatures),
        }
    }

    fn fits_hash<D: EagerHash>(&self, key: &Key, content: Filling<'_>, signatures: &[Vec<u8>]) -> bool {
        let mut mac = Hmac::<D>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
        self.signed.fill(content, |piece| mac.update(piece));
        signatures.iter().fold(false, |fits, signature| mac.clone().verify_slice(signature).is_ok() | fits)
    }
}

impl SignedTime {
    /// The time's exact text, once it is known to be near `now`.
    fn read<'a>(
        &'a self,
        scheme: &'a Signature,
        value: &'a str,
        request: Request<'a>,
        now: Timestamp,
    ) -> Result<&'a str, Refusal> {
        let text = match &self.place {
            TimePlace::Header(name) => scheme.text(only(request.headers, name)?)?,
            TimePlace::Entry(prefix) => {
                let mut times = scheme.entries(value, prefix);
                times.next().filter(|_| times.next().is_none()).ok_or_else(|| {
                    Refusal(format!("`{}` does not hold exactly one time that begins with `{prefix}`", scheme.header))
                })?
            }
        };
        let secs = seconds(text).ok_or_else(|| Refusal("the time of signing is not a number of seconds".into()))?;
        let distance_ms = now.0.abs_diff(secs.saturating_mul(1000));
        if distance_ms > self.tolerance_ms {
            let (off, allowed) = (distance_ms / 1000, self.tolerance_ms / 1000);
            return Err(Refusal(format!("the time of signing is {off} s from now, more than the {allowed} s allowed")));
        }
        Ok(text)
    }
}

impl Encoding {
    fn told(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal digits in lower case",
            Self::Base64 => "padded base64",
        }
    }

    /// The bytes written, where they are written in exactly the one way that this encoding has.
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex if text.bytes().any(|b| b.is_ascii_uppercase()) => None,
            Self::Hex => hex::decode(text).ok(),
            Self::Base64 => BASE64_STANDARD.decode(text).ok(),
        }
    }
}

/// A count of seconds in decimal digits and nothing else: `u64::from_str` would take a sign.
fn seconds(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}
