//! The keys that tokens may be signed with: a key set (RFC 7517), public keys in PEM, or secrets of an HMAC.

use std::fmt;

use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};

/// A set with more keys is refused: a token without a `kid` is tried with each.
const KEYS_MAX: usize = 100;

/// Keys, each with the algorithms that it is good for.
#[derive(Clone, Default)]
pub struct KeySet(Vec<KnownKey>);

#[derive(Clone)]
struct KnownKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// Why a key set is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// It is no JSON Web Key Set.
    #[error("it is no JSON Web Key Set (RFC 7517)")]
    NoSet,
    /// It has too many keys.
    #[error("it has {0} keys, the limit is {KEYS_MAX}")]
    TooMany(usize),
    /// None of its keys is for signatures that are known here.
    #[error("none of its keys is a public key for RS, PS, ES256, ES384 or EdDSA signatures")]
    NoKey,
}

impl KeySet {
    /// The keys of a JSON Web Key Set, but for those that are not for signatures, or of a kind not known here. Symmetric keys are none of
    /// those: whoever can read the set could sign.
    ///
    /// # Errors
    /// Where there is no key left.
    pub fn of_jwks(document: &[u8]) -> Result<Self, KeySetError> {
        let set: serde_json::Value = serde_json::from_slice(document).map_err(|_| KeySetError::NoSet)?;
        let keys = set["keys"].as_array().ok_or(KeySetError::NoSet)?;
        if keys.len() > KEYS_MAX {
            return Err(KeySetError::TooMany(keys.len()));
        }
        // One by one: a key of a kind that is not known is no reason to lose the others.
        let known: Vec<_> = keys.iter().filter_map(|key| KnownKey::of(&serde_json::from_value(key.clone()).ok()?)).collect();
        if known.is_empty() { Err(KeySetError::NoKey) } else { Ok(Self(known)) }
    }

    /// Public keys in PEM (SPKI), one text each; the error is the index of one that is none.
    pub(in crate::verify) fn of_pems<'a>(pems: impl Iterator<Item = &'a str>) -> Result<Self, usize> {
        let keys = pems.enumerate().map(|(at, pem)| KnownKey::of_pem(pem).ok_or(at));
        Ok(Self(keys.collect::<Result<_, _>>()?))
    }

    /// Secrets of an HMAC.
    pub(in crate::verify) fn of_secrets<'a>(secrets: impl Iterator<Item = &'a [u8]>) -> Self {
        let known = |secret: &[u8]| KnownKey {
            id: None,
            algorithms: AlgorithmFamily::Hmac.algorithms().to_vec(),
            key: DecodingKey::from_secret(secret),
        };
        Self(secrets.map(known).collect())
    }

    /// Whether a key of this id is in the set; a set none of whose keys has an id may have any.
    #[must_use]
    pub fn knows(&self, id: &str) -> bool {
        let mut ids = self.0.iter().filter_map(|key| key.id.as_deref()).peekable();
        ids.peek().is_none() || ids.any(|known| known == id)
    }

    /// What a token may be signed by that names this key and algorithm.
    pub(super) fn candidates(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&KnownKey| {
            let is_named = id.zip(key.id.as_deref()).is_none_or(|(asked, known)| asked == known);
            is_named && key.algorithms.contains(&algorithm)
        };
        self.0.iter().filter(fits).map(|key| &key.key)
    }
}

impl KnownKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|used| *used != PublicKeyUse::Signature) {
            return None;
        }
        let of_kind = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => AlgorithmFamily::Rsa.algorithms().to_vec(),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => vec![Algorithm::ES256],
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => vec![Algorithm::ES384],
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => vec![Algorithm::EdDSA],
            _ => return None,
        };
        let said = jwk.common.key_algorithm.map(Algorithm::try_from);
        let algorithms = match said {
            None => of_kind,
            Some(Ok(algorithm)) if of_kind.contains(&algorithm) => vec![algorithm],
            Some(_) => return None,
        };
        Some(Self { id: jwk.common.key_id.clone(), algorithms, key: DecodingKey::from_jwk(jwk).ok()? })
    }

    /// What a PEM holds only its reader can tell, so each is tried.
    fn of_pem(pem: &str) -> Option<Self> {
        let bytes = pem.as_bytes();
        let rsa = || DecodingKey::from_rsa_pem(bytes).ok().map(|key| (key, AlgorithmFamily::Rsa));
        let ec = || DecodingKey::from_ec_pem(bytes).ok().map(|key| (key, AlgorithmFamily::Ec));
        let ed = || DecodingKey::from_ed_pem(bytes).ok().map(|key| (key, AlgorithmFamily::Ed));
        let (key, family) = rsa().or_else(ec).or_else(ed)?;
        Some(Self { id: None, algorithms: family.algorithms().to_vec(), key })
    }
}

/// The ids only.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}
