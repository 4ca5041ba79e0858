//! Public keys: the door to the library that checks what was signed with the private half.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, ParsedPublicKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::Algorithm;
use crate::event::Invalid;

/// A key that checks signatures and can make none.
#[derive(Clone)]
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// The key of a text, found at `pointer`: the bytes of the key or its `SubjectPublicKeyInfo`, in hexadecimal digits, in base64, as PEM, or behind
    /// `whpk_`.
    pub(super) fn of(text: &str, algorithm: Algorithm, pointer: &str) -> Result<Self, Invalid> {
        let parsed = bytes(text).and_then(|bytes| match algorithm {
            Algorithm::Ed25519 => ParsedPublicKey::new(&ED25519, bytes).ok(),
            Algorithm::EcdsaP256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, bytes).ok(),
            _ => None,
        });
        parsed.map(Self).ok_or_else(|| {
            let kind = if algorithm == Algorithm::Ed25519 { "Ed25519" } else { "P-256" };
            Invalid::at(
                pointer,
                format!("this is no public key for {kind}; copy it whole from the provider: hexadecimal, base64 or PEM"),
            )
        })
    }

    /// Whether this signature is of this content.
    pub(super) fn fits(&self, content: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(content, signature).is_ok()
    }
}

/// Signs by the text of a private key, as trials and tests do: PKCS #8 in base64 or PEM, or `whsk_` and the base64 of a seed, with or
/// without the public key behind it. `None` where it is no key for this algorithm.
pub(super) fn sign(algorithm: Algorithm, private: &str, content: &[u8]) -> Option<Vec<u8>> {
    let bytes = Zeroizing::new(match private.strip_prefix("whsk_") {
        Some(encoded) => BASE64_STANDARD.decode(encoded).ok()?,
        None => bytes(private)?,
    });
    match algorithm {
        Algorithm::Ed25519 => {
            let key = match bytes.len() {
                32 | 64 => Ed25519KeyPair::from_seed_unchecked(&bytes[..32]),
                _ => Ed25519KeyPair::from_pkcs8_maybe_unchecked(&bytes),
            };
            Some(key.ok()?.sign(content).as_ref().to_vec())
        }
        Algorithm::EcdsaP256 => {
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &bytes).ok()?;
            Some(key.sign(&SystemRandom::new(), content).ok()?.as_ref().to_vec())
        }
        _ => None,
    }
}

/// What a text stands for: hexadecimal digits, base64, PEM, or base64 behind `whpk_`.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim();
    if text.starts_with("-----BEGIN ") {
        let base64: String =
            text.lines().filter(|line| !line.starts_with("-----")).flat_map(str::split_ascii_whitespace).collect();
        return BASE64_STANDARD.decode(base64).ok();
    }
    let encoded = text.strip_prefix("whpk_").unwrap_or(text);
    hex::decode(encoded).or_else(|_| BASE64_STANDARD.decode(encoded)).ok()
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}
