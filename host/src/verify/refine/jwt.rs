//! What a spec says of JSON Web Tokens.

use std::{collections::HashSet, str::FromStr as _};

use http::Uri;
use jsonwebtoken::{Algorithm, AlgorithmFamily};

use super::{
    super::{
        Spec,
        jwt::{Jwt, KeySet, Keys},
        place::{Place, PlaceAt},
    },
    keys,
};
use crate::event::Invalid;

/// How far the issuer's clock may be from ours, unless told otherwise.
const LEEWAY_MS: u64 = 60_000;
/// More of it would make tokens good for long after their end.
const LEEWAY_MS_MAX: u64 = 10 * 60 * 1000;

/// Checks it.
pub(super) fn refine(spec: &Spec) -> Result<Jwt, Invalid> {
    let at = PlaceAt::Header(spec.header.as_deref().unwrap_or("authorization"));
    let leeway_ms = spec.tolerance.map_or(LEEWAY_MS, |tolerance| tolerance.ms);
    if leeway_ms > LEEWAY_MS_MAX {
        return Err(Invalid::at("/tolerance", "more than \"10m\", the most that clocks may be apart"));
    }
    let (keys, families) = keys_of(spec)?;
    Ok(Jwt {
        place: Place::of(at, None, "/header")?,
        is_bearer: spec.header.is_none(),
        keys,
        algorithms: algorithms(spec, &families)?,
        issuer: spec.issuer.clone(),
        audience: spec.audience.clone(),
        leeway_ms,
        body_hash_claim: spec.body_hash_claim.clone(),
    })
}

/// Keys of one kind, and of which families they can be.
fn keys_of(spec: &Spec) -> Result<(Keys, Vec<AlgorithmFamily>), Invalid> {
    let public = vec![AlgorithmFamily::Rsa, AlgorithmFamily::Ec, AlgorithmFamily::Ed];
    let given = keys::given(spec);
    match (&spec.jwks_url, given.first()) {
        (Some(_), Some(key)) => Err(Invalid::at(&key.pointer, "the keys are those at `jwks_url`; remove this, or that")),
        (None, None) => Err(Invalid::at("/jwks_url", "say who signs: `jwks_url`, a `public_key` in PEM, or a `secret`")),
        (Some(url), None) => Ok((Keys::At(url_of(url)?), public)),
        (None, Some(first)) if given.iter().any(|key| key.is_public != first.is_public) => {
            Err(Invalid::at("/secret", "public keys and secrets cannot both sign for one source: keep those of one kind"))
        }
        (None, Some(first)) if first.is_public => {
            let at = |index: usize| given.get(index).map_or("/public_key", |key| key.pointer.as_str());
            let set = KeySet::of_pems(given.iter().map(|key| key.text));
            let told = "this is no public key in PEM of RSA, P-256, P-384 or Ed25519 (`-----BEGIN PUBLIC KEY-----`)";
            Ok((Keys::Here(set.map_err(|index| Invalid::at(at(index), told))?), public))
        }
        (None, Some(_)) => {
            let secrets = keys::secrets(spec, super::KeyForm::Text)?;
            Ok((Keys::Here(KeySet::of_secrets(secrets.iter().map(|key| key.expose()))), vec![AlgorithmFamily::Hmac]))
        }
    }
}

fn url_of(text: &str) -> Result<Uri, Invalid> {
    let url = text.parse::<Uri>().ok().filter(|url| matches!(url.scheme_str(), Some("https" | "http")) && !text.contains('#'));
    url.ok_or_else(|| {
        Invalid::at("/jwks_url", "this is no URL; write it as in \"https://issuer.example.com/.well-known/jwks.json\"")
    })
}

fn algorithms(spec: &Spec, families: &[AlgorithmFamily]) -> Result<Vec<Algorithm>, Invalid> {
    let mut known = HashSet::new();
    let checked = spec.algorithms.iter().enumerate().map(|(index, name)| {
        let at = format!("/algorithms/{index}");
        let algorithm = Algorithm::from_str(name).map_err(|_| {
            let all = "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and EdDSA";
            Invalid::at(&at, format!("`{name}` is not an algorithm; there are {all}"))
        })?;
        if !families.contains(&algorithm.family()) {
            return Err(Invalid::at(at, format!("none of the keys here can sign by `{name}`")));
        }
        if !known.insert(algorithm) {
            return Err(Invalid::at(at, format!("`{name}` stands twice")));
        }
        Ok(algorithm)
    });
    checked.collect()
}
