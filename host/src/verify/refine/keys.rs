//! The keys that a spec names: secrets and public keys, each with the place that an error points at.

use super::super::{
    Algorithm, Spec,
    half::Half,
    key::{Key, KeyForm},
    public_key::PublicKey,
    signature::Version,
    table::Layout,
};
use crate::event::Invalid;

/// The most secrets that may be valid at a time, and the most public keys; each costs a hash over the body.
const KEYS_MAX: usize = 8;

/// How a secret of Standard Webhooks begins.
const WHSEC: &str = "whsec_";

/// A key as it is written.
pub(super) struct Given<'a> {
    pub(super) pointer: String,
    pub(super) text: &'a str,
    pub(super) is_public: bool,
}

/// All keys: secrets first.
pub(super) fn given(spec: &Spec) -> Vec<Given<'_>> {
    let key = |pointer: &str, text, is_public| Given { pointer: pointer.to_owned(), text, is_public };
    let secret = spec.secret.iter().map(|secret| key("/secret", secret.expose(), false));
    let secrets = spec.secrets.iter().enumerate().map(|(at, secret)| key(&format!("/secrets/{at}"), secret.expose(), false));
    let public = spec.public_key.iter().map(|text| key("/public_key", text, true));
    let several = spec.public_keys.iter().enumerate().map(|(at, text)| key(&format!("/public_keys/{at}"), text, true));
    secret.chain(secrets).chain(public).chain(several).collect()
}

/// Whether the secrets are signing keys of Standard Webhooks, all of them.
pub(super) fn are_signing(spec: &Spec) -> Result<bool, Invalid> {
    let given = given(spec);
    let (signing, shown): (Vec<_>, Vec<_>) = given.iter().partition(|key| key.text.starts_with(WHSEC));
    match (signing.first(), shown.first()) {
        (Some(_), Some(shown)) => {
            let told = "one secret is a signing token (`whsec_`) and this one is shown as it is: keep those of one kind";
            Err(Invalid::at(&shown.pointer, told))
        }
        (signing, _) => Ok(signing.is_some()),
    }
}

/// The secrets of a scheme that needs at least one and has no public keys.
pub(super) fn secrets(spec: &Spec, form: KeyForm) -> Result<Vec<Key>, Invalid> {
    let secret = |key: Given<'_>| if key.is_public { Err(not_public(&key)) } else { Key::of(key.text, form, &key.pointer) };
    enough(spec, "/secret")?.into_iter().map(secret).collect()
}

/// The ways to sign that a source accepts, each with its keys: at least one.
pub(super) fn versions(spec: &Spec, layout: Layout<'_>) -> Result<Vec<Version>, Invalid> {
    let is_public = layout.algorithm.is_public();
    let mut shared = Version { prefix: layout.prefix.to_owned(), algorithm: layout.algorithm, keys: Vec::new() };
    let mut public = match layout.public_prefix {
        Some(prefix) if !is_public => Version { prefix: prefix.to_owned(), algorithm: Algorithm::Ed25519, keys: Vec::new() },
        _ => Version { keys: Vec::new(), ..shared.clone() },
    };
    for key in enough(spec, if is_public { "/public_key" } else { "/secret" })? {
        match key.is_public {
            true if is_public || layout.public_prefix.is_some() => {
                public.keys.push(Half::Public(Box::new(PublicKey::of(key.text, public.algorithm, &key.pointer)?)));
            }
            true => return Err(not_public(&key)),
            false if is_public => {
                let told = "this scheme checks by the provider's public key, which is no secret: write it as `public_key`";
                return Err(Invalid::at(&key.pointer, told));
            }
            false => shared.keys.push(Half::Shared(Key::of(key.text, layout.key, &key.pointer)?)),
        }
    }
    Ok([shared, public].into_iter().filter(|version| !version.keys.is_empty()).collect())
}

fn not_public(key: &Given<'_>) -> Invalid {
    Invalid::at(&key.pointer, "this scheme has no public key; write the secret that the provider has as `secret`")
}

fn enough<'a>(spec: &'a Spec, field: &str) -> Result<Vec<Given<'a>>, Invalid> {
    let given = given(spec);
    if given.is_empty() {
        let what = if field == "/secret" { "a secret, the one that the provider has" } else { "a `public_key`, the provider's" };
        return Err(Invalid::at(field, format!("the scheme `{}` needs {what}", spec.scheme)));
    }
    for (is_public, field, what) in [(false, "/secrets", "secrets"), (true, "/public_keys", "public keys")] {
        if given.iter().filter(|key| key.is_public == is_public).count() > KEYS_MAX {
            return Err(Invalid::at(field, format!("more than {KEYS_MAX} {what}; remove those no longer in use")));
        }
    }
    Ok(given)
}
