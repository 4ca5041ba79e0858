//! A pair of keys for trying a source whose provider signs with a private one.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::event::Secret;

/// Both halves, as a source and [`Scheme::sign`](super::Scheme::sign) take them.
#[derive(Clone, Debug)]
pub struct Pair {
    /// For the source's `public_key`: hexadecimal digits or base64, as providers of this algorithm show theirs.
    pub public: String,
    /// For who signs.
    pub private: Secret,
}

/// A new pair; `None` for an algorithm without one, or where the system gives no random bytes.
#[must_use]
pub fn make_pair(algorithm: Algorithm) -> Option<Pair> {
    match algorithm {
        Algorithm::Ed25519 => {
            let mut seed = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *seed).ok()?;
            let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).ok()?;
            let private = Secret::new(format!("whsk_{}", BASE64_STANDARD.encode(*seed)));
            Some(Pair { public: hex::encode(pair.public_key().as_ref()), private })
        }
        Algorithm::EcdsaP256 => {
            let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).ok()?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).ok()?;
            let public: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
            let private = Secret::new(BASE64_STANDARD.encode(pkcs8.as_ref()));
            Some(Pair { public: BASE64_STANDARD.encode(public.as_ref()), private })
        }
        _ => None,
    }
}
