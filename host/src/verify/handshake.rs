//! Requests by which a provider tries whether an address is its user's: each kind is a row of data that says how such a request is known, where
//! its challenge stands and how it is answered.
//!
//! Those that nothing signs are answered to anybody, so an answer must be of no use to a stranger. It repeats what was sent, or it is a MAC of
//! characters of which no event consists: see [`is_token`].

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::{
    Reason, Refusal, Request, Response,
    half::Half,
    key::Key,
    place::{Place, PlaceAt},
    token::same,
};
use crate::event::Invalid;

/// The longest challenge that is repeated.
const CHALLENGE_BYTES_MAX: usize = 4096;
/// The longest text that is answered with its MAC.
const TOKEN_BYTES_MAX: usize = 256;

/// How one kind of request is known and answered.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    method: &'static str,
    /// Whether such a request is signed as events are.
    signed: bool,
    /// What stands where.
    when: &'static [(PlaceAt<'static>, &'static str)],
    /// Where the operator's word stands that has to be right.
    verify_token: Option<PlaceAt<'static>>,
    challenge: PlaceAt<'static>,
    answer: Answer,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    /// The challenge as plain text.
    Text,
    /// The challenge as this field of JSON.
    Json(&'static str),
    /// This JSON, whatever the challenge.
    Always(u16, &'static str),
    /// The challenge and its MAC in hexadecimal, as these fields of JSON.
    HexMac(&'static str, &'static str),
    /// Its MAC in base64, behind `sha256=`, as this field of JSON.
    Base64Mac(&'static str),
}

/// All kinds; of one name any may match.
const ROWS: &[Row] = &[
    Row {
        when: &[(PlaceAt::Json("type"), "url_verification")],
        ..SIGNED.named("slack", PlaceAt::Json("challenge"), Answer::Text)
    },
    Row {
        when: &[(PlaceAt::Json("event"), "endpoint.url_validation")],
        ..SIGNED.named("zoom", PlaceAt::Json("payload.plainToken"), Answer::HexMac("plainToken", "encryptedToken"))
    },
    // Of an address for events, and of one for interactions, which alone have a token.
    Row {
        when: &[(PlaceAt::Json("type"), "0")],
        ..SIGNED.named("discord", PlaceAt::Json("application_id"), Answer::Always(204, ""))
    },
    Row {
        when: &[(PlaceAt::Json("type"), "1")],
        ..SIGNED.named("discord", PlaceAt::Json("token"), Answer::Always(200, r#"{"type":1}"#))
    },
    Row {
        when: &[(PlaceAt::Query("hub.mode"), "subscribe")],
        verify_token: Some(PlaceAt::Query("hub.verify_token")),
        ..ASKED.named("meta", PlaceAt::Query("hub.challenge"), Answer::Text)
    },
    ASKED.named("x", PlaceAt::Query("crc_token"), Answer::Base64Mac("response_token")),
    ASKED.named("okta", PlaceAt::Header("x-okta-verification-challenge"), Answer::Json("verification")),
    ASKED.named("dropbox", PlaceAt::Query("challenge"), Answer::Text),
    Row { method: "POST", ..ASKED.named("microsoft-graph", PlaceAt::Query("validationToken"), Answer::Text) },
];

/// What is signed as events are.
const SIGNED: Row = Row { method: "POST", signed: true, ..ASKED };
/// What anybody may ask.
const ASKED: Row = Row {
    name: "",
    method: "GET",
    signed: false,
    when: &[],
    verify_token: None,
    challenge: PlaceAt::Query(""),
    answer: Answer::Text,
};

impl Row {
    const fn named(self, name: &'static str, challenge: PlaceAt<'static>, answer: Answer) -> Self {
        Self { name, challenge, answer, ..self }
    }
}

/// A kind of handshake with what it needs.
#[derive(Clone, Debug)]
pub(super) struct Handshake {
    steps: Vec<Step>,
    verify_token: Option<Key>,
    /// What answers where nothing is signed.
    key: Option<Key>,
}

#[derive(Clone, Debug)]
struct Step {
    row: &'static Row,
    when: Vec<(Place, &'static str)>,
    verify_token: Option<Place>,
    challenge: Place,
}

/// The names of all kinds.
pub(super) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    names.dedup();
    names
}

impl Handshake {
    /// The kind of this name. `key` is the source's first that is shared with the provider.
    pub(super) fn of(name: &str, verify_token: Option<Key>, key: Option<&Key>) -> Result<Self, Invalid> {
        let rows: Vec<_> = ROWS.iter().filter(|row| row.name == name).collect();
        if rows.is_empty() {
            let told = format!("`{name}` is not a handshake; there are {}", names().join(", "));
            return Err(Invalid::at("/handshake", told));
        }
        match (rows.iter().any(|row| row.verify_token.is_some()), &verify_token) {
            (true, None) => {
                let told = format!("the handshake `{name}` needs a `verify_token`, the word that you told the provider");
                return Err(Invalid::at("/verify_token", told));
            }
            (false, Some(_)) => {
                return Err(Invalid::at(
                    "/verify_token",
                    format!("the handshake `{name}` looks at no `verify_token`; remove it"),
                ));
            }
            _ => {}
        }
        if rows.iter().any(|row| row.answer.is_mac()) && key.is_none() {
            return Err(Invalid::at(
                "/handshake",
                format!("the handshake `{name}` is answered by an HMAC; name it with a scheme of one"),
            ));
        }
        let steps = rows.into_iter().map(Step::of).collect::<Result<_, _>>()?;
        Ok(Self { steps, verify_token, key: key.cloned() })
    }

    /// Whether a `GET` may be one.
    pub(super) fn uses_get(&self) -> bool {
        self.steps.iter().any(|step| step.row.method == "GET")
    }

    /// Whether anybody can have a text signed.
    pub(super) fn signs_for_strangers(&self) -> bool {
        self.steps.iter().any(|step| !step.row.signed && step.row.answer.is_mac())
    }

    /// The answer to a request that nothing signs, where it is a handshake.
    pub(super) fn asked(&self, request: Request<'_>) -> Option<Result<Response, Refusal>> {
        let step = self.steps.iter().find(|step| !step.row.signed && step.is(request))?;
        Some(self.knows_the_word(step, request).and_then(|()| step.answer(request, self.key.as_ref())))
    }

    /// The answer to a request that is its source's, where it is a handshake.
    pub(super) fn signed(&self, request: Request<'_>, key: Option<&Half>) -> Option<Result<Response, Refusal>> {
        let step = self.steps.iter().find(|step| step.row.signed && step.is(request))?;
        let key = key.and_then(|key| if let Half::Shared(key) = key { Some(key) } else { None });
        Some(step.answer(request, key))
    }

    fn knows_the_word(&self, step: &Step, request: Request<'_>) -> Result<(), Refusal> {
        let (Some(place), Some(word)) = (&step.verify_token, &self.verify_token) else { return Ok(()) };
        if same(place.find(request)?.as_bytes(), word.expose()).into() {
            Ok(())
        } else {
            Err(Refusal::new(Reason::Mismatch, format!("{place} is not the source's `verify_token`")))
        }
    }
}

impl Step {
    fn of(row: &'static Row) -> Result<Self, Invalid> {
        let place = |at| Place::of(at, None, "/handshake");
        Ok(Self {
            row,
            when: row.when.iter().map(|(at, value)| Ok((place(*at)?, *value))).collect::<Result<_, Invalid>>()?,
            verify_token: row.verify_token.map(place).transpose()?,
            challenge: place(row.challenge)?,
        })
    }

    /// Whether a request is of this kind. What cannot be read is not.
    fn is(&self, request: Request<'_>) -> bool {
        let stands = |place: &Place| place.look(request).ok().flatten();
        let fits = |(place, value): &(Place, &str)| stands(place).is_some_and(|found| found == *value);
        request.method == self.row.method && self.when.iter().all(fits) && stands(&self.challenge).is_some()
    }

    fn answer(&self, request: Request<'_>, key: Option<&Key>) -> Result<Response, Refusal> {
        let challenge = self.challenge.find(request)?;
        let fits = match self.row.answer.is_mac() {
            true => is_token(challenge.as_bytes()) && challenge.len() <= TOKEN_BYTES_MAX,
            false => challenge.len() <= CHALLENGE_BYTES_MAX && !challenge.chars().any(char::is_control),
        };
        if !fits {
            return Err(Refusal::malformed(format!("{} is no challenge", self.challenge)));
        }
        let mac = || {
            let key = key.ok_or_else(|| Refusal::missing("a shared secret"))?;
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
            mac.update(challenge.as_bytes());
            Ok(mac.finalize().into_bytes())
        };
        let json = |body: serde_json::Value| Response { status: 200, content_type: "application/json", body: body.to_string() };
        Ok(match self.row.answer {
            Answer::Text => Response { status: 200, content_type: "text/plain; charset=utf-8", body: challenge.into_owned() },
            Answer::Json(field) => json(json!({ field: challenge })),
            Answer::Always(status, body) => Response { status, content_type: "application/json", body: body.to_owned() },
            Answer::HexMac(plain, field) => json(json!({ plain: challenge, field: hex::encode(mac()?) })),
            Answer::Base64Mac(field) => json(json!({ field: format!("sha256={}", BASE64_STANDARD.encode(mac()?)) })),
        })
    }
}

impl Answer {
    fn is_mac(self) -> bool {
        matches!(self, Self::HexMac(..) | Self::Base64Mac(_))
    }
}

/// Whether a text consists of what tokens consist of: letters, digits and what base64 has beside them. What is answered with a MAC is such a
/// text and what an event's signature is of is not, so no answer is a signature.
pub(super) fn is_token(text: &[u8]) -> bool {
    text.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-".contains(b))
}
