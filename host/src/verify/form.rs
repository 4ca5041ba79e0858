//! Twilio's way to sign a form: its keys in order, each with its value behind it and nothing between.

use std::collections::BTreeSet;

use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Reason, Refusal, Request, place::parameters};

/// What is signed of a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The sorted content of a form.
    Sorted(Vec<u8>),
    /// Nothing: this hash of it ends the URL, as its last parameter.
    Hashed(String),
}

/// What is signed of a request's body; `hash` is the query's parameter that may hold a hash of it.
pub(super) fn of(request: Request<'_>, hash: Option<&str>) -> Result<Form, Refusal> {
    if let Some(name) = hash {
        let mut hashes = parameters(request.url).filter(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        match (hashes.next(), hashes.next()) {
            (None, _) => {}
            (Some(told), None) => return hashed(request.body, told, name),
            (Some(_), Some(_)) => return Err(Refusal::repeated(format!("the query's `{name}`"))),
        }
    }
    if !is_form(request.headers) {
        return Err(Refusal::malformed("the body is no form, and the URL has no hash of it"));
    }
    let pairs: BTreeSet<_> = form_urlencoded::parse(request.body).collect();
    let sorted: Vec<u8> =
        pairs.into_iter().flat_map(|(key, value)| [key, value]).flat_map(|text| text.into_owned().into_bytes()).collect();
    if sorted.starts_with(b"?") || sorted.starts_with(b"&") {
        return Err(Refusal::ambiguous("the form reads like a part of the URL"));
    }
    Ok(Form::Sorted(sorted))
}

fn hashed(body: &[u8], told: String, name: &str) -> Result<Form, Refusal> {
    let own = hex::encode(Sha256::digest(body));
    if bool::from(own.as_bytes().ct_eq(told.as_bytes())) {
        Ok(Form::Hashed(told))
    } else {
        Err(Refusal::new(Reason::Mismatch, format!("the query's `{name}` is not the hash of the body")))
    }
}

/// Whether the headers say, once, that the body is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let essence =
        |value: &http::HeaderValue| value.to_str().ok().map(|text| text.split(';').next().unwrap_or(text).trim().to_owned());
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    match (types.next().and_then(essence), types.next()) {
        (Some(one), None) => one.eq_ignore_ascii_case("application/x-www-form-urlencoded"),
        _ => false,
    }
}
