//! The engine of every scheme that signs: where the signature stands, how it is written, what is signed.
//!
//! A signature is accepted in exactly the form its provider writes: hexadecimal digits in one case, base64 with its padding.
//! What is compared is the exact bytes received. Where several signatures or several keys are in play, one fit is enough; all
//! are tried, so that the time taken tells nothing.

use std::borrow::Cow;

use subtle::{Choice, ConstantTimeEq as _};

use super::{
    Algorithm, Encoding, Reason, Refusal, ReplayKey, Request,
    form::{self, Form},
    half::Half,
    handshake,
    place::Place,
    template::{Filling, Slot, Template},
    time::SignedTime,
    url,
};
use crate::event::Timestamp;

/// The most signatures that one request may list.
pub(super) const SIGNATURES_MAX: usize = 16;

/// How much longer than it could be accepted a message is known whose body is not signed: clocks are set, and commits wait.
const REPLAY_MARGIN_MS: u64 = 300_000;

/// A scheme that signs, ready to check requests.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    /// Where the signature stands.
    pub(super) place: Place,
    /// `None`: there stands one signature. Else a list: entries with a version's prefix are signatures, others are ignored.
    pub(super) separator: Option<char>,
    pub(super) encoding: Encoding,
    /// The ways to sign that are accepted; at least one.
    pub(super) versions: Vec<Version>,
    /// When it was signed, for schemes that tell.
    pub(super) time: Option<SignedTime>,
    /// Where the message's id stands, where that is signed.
    pub(super) id: Option<Place>,
    /// What is signed.
    pub(super) signed: Template,
    /// The parameter of the URL that may hold a hash of the body instead of a form.
    pub(super) body_hash: Option<String>,
    /// The URL that the sender signs, where it is not the one we see.
    pub(super) url: Option<String>,
}

/// A way to sign, with what checks it.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// What stands before each signature.
    pub(super) prefix: String,
    pub(super) algorithm: Algorithm,
    /// Any of them may have signed.
    pub(super) keys: Vec<Half>,
}

/// What is known of a request that is signed.
#[derive(Clone, Debug)]
pub(super) struct Proven<'a> {
    /// By what.
    pub(super) key: &'a Half,
    /// Present where the body is not signed, so that the same proof must not be good for a second one.
    pub(super) replay: Option<ReplayKey>,
}

impl Signature {
    /// Is the request signed by one of the keys, just now?
    /// What consists of what tokens consist of is refused where `no_tokens`: anybody can have that signed.
    pub(super) fn check(&self, request: Request<'_>, now: Timestamp, no_tokens: bool) -> Result<Proven<'_>, Refusal> {
        let value = self.place.find(request)?;
        let signatures = self.signatures(&value)?;
        let time = self.time.as_ref().map(|time| time.read(request, |prefix| self.times(&value, prefix), now)).transpose()?;
        let id = self.id.as_ref().map_or(Ok(Cow::Borrowed("")), |place| place.find(request))?;
        let form = if self.signed.has(Slot::Form) { Some(form::of(request, self.body_hash.as_deref())?) } else { None };
        let url = self.signed_url(request, form.as_ref())?;
        let is_hashed = matches!(form, Some(Form::Hashed(_)));
        let form = if let Some(Form::Sorted(sorted)) = &form { sorted.as_slice() } else { &[] };
        let timestamp = time.as_ref().map_or("", |(text, _)| text);
        self.reads_one_way(&id, &url, is_hashed, request.body)?;
        let content = Filling {
            id: id.as_bytes(),
            timestamp: timestamp.as_bytes(),
            method: request.method.as_bytes(),
            url: url.as_bytes(),
            form,
            body: request.body,
        };
        if no_tokens && self.is_token(content) {
            return Err(Refusal::ambiguous("what is signed reads like the challenge of a handshake"));
        }
        let key = self
            .fitting(content, &signatures)
            .ok_or_else(|| Refusal::new(Reason::Mismatch, format!("no signature in {} fits what was received", self.place)))?;
        let replay = time.filter(|_| !self.signed.covers_body()).zip(self.time.as_ref()).map(|((_, at), time)| ReplayKey {
            key: id.into_owned(),
            until: at.plus_ms(time.tolerance_ms).plus_ms(REPLAY_MARGIN_MS),
        });
        Ok(Proven { key, replay })
    }

    /// The content that a signature is of.
    pub(super) fn content(&self, content: Filling<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.signed.fill(content, |piece| bytes.extend_from_slice(piece));
        bytes
    }

    fn is_token(&self, content: Filling<'_>) -> bool {
        let mut is_token = true;
        self.signed.fill(content, |piece| is_token &= handshake::is_token(piece));
        is_token
    }

    /// The URL that the sender signed, as it seems; empty where none is.
    pub(super) fn signed_url<'a>(&'a self, request: Request<'a>, form: Option<&Form>) -> Result<Cow<'a, str>, Refusal> {
        if !self.signed.has(Slot::Url) {
            return Ok("".into());
        }
        let hash = match (form, &self.body_hash) {
            (Some(Form::Hashed(hash)), Some(name)) => Some(format!("{name}={hash}")),
            _ => None,
        };
        let Some(hash) = hash else { return Ok(self.url.as_deref().unwrap_or(request.url).into()) };
        match &self.url {
            Some(url) => Ok(format!("{url}{}{hash}", if url.contains('?') { '&' } else { '?' }).into()),
            None if request.url.ends_with(&hash) => Ok(request.url.into()),
            None => Err(Refusal::ambiguous("the hash of the body is not the URL's last parameter")),
        }
    }

    /// Is it certain where the sender's parts of what is signed end? Else bytes could be moved between them under one signature.
    fn reads_one_way(&self, id: &str, url: &str, is_hashed: bool, body: &[u8]) -> Result<(), Refusal> {
        let blurred = |what| Err(Refusal::ambiguous(format!("the {what} holds the text that separates it from what follows")));
        if self.signed.is_blurred_by(Slot::Id, id.as_bytes()) {
            return blurred("id");
        }
        if self.url.is_some() {
            return Ok(());
        }
        if self.signed.is_blurred_by(Slot::Url, url.as_bytes()) {
            return blurred("URL");
        }
        // A source's path is fixed, so the body can only take from the query and give to it.
        let gives_and_takes = self.signed.text_after(Slot::Url) == Some("") && !self.signed.ends_with(Slot::Url);
        if gives_and_takes && !is_hashed && (url.contains('?') || body.starts_with(b"?")) {
            let told = "the URL has a query, or the body reads like one: name the `url` that the sender signs";
            return Err(Refusal::ambiguous(told));
        }
        Ok(())
    }

    /// The signatures, for each version those that it could have made: at least one in all.
    fn signatures(&self, value: &str) -> Result<Vec<Vec<Vec<u8>>>, Refusal> {
        let written: Vec<Vec<_>> = self.versions.iter().map(|version| self.entries(value, &version.prefix).collect()).collect();
        let count = written.iter().map(Vec::len).sum::<usize>();
        if count == 0 {
            let told = format!("{} holds no signature that begins with `{}`", self.place, self.versions[0].prefix);
            return Err(Refusal::malformed(told));
        }
        if count > SIGNATURES_MAX {
            return Err(Refusal::malformed(format!("{} holds more than {SIGNATURES_MAX} signatures", self.place)));
        }
        let decode = |texts: Vec<&str>| texts.into_iter().filter_map(|text| self.encoding.decode(text)).collect::<Vec<_>>();
        let decoded: Vec<_> = written.into_iter().map(decode).collect();
        if decoded.iter().all(Vec::is_empty) {
            return Err(Refusal::malformed(format!("the signature in {} is not {}", self.place, self.encoding.told())));
        }
        Ok(decoded)
    }

    fn times(&self, value: &str, prefix: &str) -> Vec<String> {
        self.entries(value, prefix).map(str::to_owned).take(2).collect()
    }

    /// The entries that begin with `prefix`, without it.
    fn entries<'a>(&self, value: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        let (whole, list) = match self.separator {
            None => (Some(value), None),
            Some(separator) => (None, Some(value.split(separator).map(str::trim_ascii))),
        };
        whole.into_iter().chain(list.into_iter().flatten()).filter_map(move |entry| entry.strip_prefix(prefix))
    }

    /// The key by which one of the signatures was made, in any reading of the URL.
    fn fitting(&self, content: Filling<'_>, signatures: &[Vec<Vec<u8>>]) -> Option<&Half> {
        let url = String::from_utf8_lossy(content.url);
        let readings = if self.signed.has(Slot::Url) { url::readings(&url) } else { vec![String::new()] };
        let mut fitting = None;
        for url in &readings {
            let content = Filling { url: url.as_bytes(), ..content };
            for (version, signatures) in self.versions.iter().zip(signatures) {
                for key in &version.keys {
                    if self.fits(version.algorithm, key, content, signatures) {
                        fitting = Some(key);
                    }
                }
            }
        }
        fitting
    }

    fn fits(&self, algorithm: Algorithm, key: &Half, content: Filling<'_>, signatures: &[Vec<u8>]) -> bool {
        match key {
            Half::Public(_) if signatures.is_empty() => false,
            Half::Public(key) => {
                let content = self.content(content);
                signatures.iter().any(|signature| key.fits(&content, signature))
            }
            Half::Shared(key) => {
                let mac = algorithm.mac(key, |sink| self.signed.fill(content, sink));
                mac.is_some_and(|mac| {
                    signatures.iter().fold(Choice::from(0), |fits, signature| fits | mac.ct_eq(signature)).into()
                })
            }
        }
    }
}
