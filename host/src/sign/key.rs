//! Signing keys of Standard Webhooks: `whsec_` for `v1` (HMAC-SHA256), `whsk_` for `v1a` (Ed25519).
//!
//! [`Key`] is wiped when dropped and cannot be printed.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{SigningKey, ed25519::signature::MultipartSigner as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use zeroize::Zeroizing;

/// What the text of a symmetric secret begins with.
const SYMMETRIC: &str = "whsec_";
/// What the text of a private key begins with.
const PRIVATE: &str = "whsk_";
/// What the text of a public key begins with.
const PUBLIC: &str = "whpk_";

/// A signing key.
#[derive(Clone)]
pub struct Key(Form);

#[derive(Clone)]
enum Form {
    Symmetric(Zeroizing<Vec<u8>>),
    /// Boxed, so that moving a key leaves no copies behind.
    Private(Box<SigningKey>),
}

/// Why a text is no key. It does not repeat the text, which may be a secret of another kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a signing secret is `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and the base64 of an Ed25519 key: its seed (32 bytes), \
     or seed and public key (64)"
)]
pub struct KeyError;

/// What a new secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// HMAC-SHA256: who verifies could also sign.
    V1,
    /// Ed25519: who verifies has the public key only.
    V1a,
}

impl Key {
    /// The fewest bytes of a symmetric key that Standard Webhooks allows.
    const BYTES_MIN: usize = 24;
    /// The most bytes of a symmetric key that Standard Webhooks allows.
    const BYTES_MAX: usize = 64;

    /// Reads a prefix and base64 (RFC 4648, padded).
    ///
    /// # Errors
    /// Where the text is anything else, the key too short or too long, or its public half another's.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let decode = |encoded: &str| BASE64_STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| KeyError);
        if let Some(encoded) = text.strip_prefix(PRIVATE) {
            return private(&decode(encoded)?).map(|key| Self(Form::Private(Box::new(key))));
        }
        let key = decode(text.strip_prefix(SYMMETRIC).ok_or(KeyError)?)?;
        if (Self::BYTES_MIN..=Self::BYTES_MAX).contains(&key.len()) { Ok(Self(Form::Symmetric(key))) } else { Err(KeyError) }
    }

    /// The text of a new secret made of these random bytes.
    #[must_use]
    pub fn text_of(version: Version, random: &[u8; 32]) -> String {
        match version {
            Version::V1 => format!("{SYMMETRIC}{}", BASE64_STANDARD.encode(random)),
            Version::V1a => {
                let pair = Zeroizing::new(SigningKey::from_bytes(random).to_keypair_bytes());
                format!("{PRIVATE}{}", BASE64_STANDARD.encode(&pair[..]))
            }
        }
    }

    /// What a receiver verifies with, where that is no secret: `whpk_...`.
    #[must_use]
    pub fn public(&self) -> Option<String> {
        match &self.0 {
            Form::Symmetric(_) => None,
            Form::Private(key) => Some(format!("{PUBLIC}{}", BASE64_STANDARD.encode(key.verifying_key().as_bytes()))),
        }
    }

    /// One entry of `webhook-signature`.
    pub(super) fn entry(&self, id: &str, timestamp_secs: u64, body: &[u8]) -> String {
        let head = format!("{id}.{timestamp_secs}.");
        match &self.0 {
            Form::Symmetric(key) => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
                mac.update(head.as_bytes());
                mac.update(body);
                format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
            }
            Form::Private(key) => {
                let signature = key.multipart_sign(&[head.as_bytes(), body]);
                format!("v1a,{}", BASE64_STANDARD.encode(signature.to_bytes()))
            }
        }
    }
}

/// The key of a seed, or of a seed and the public key that it has.
fn private(bytes: &[u8]) -> Result<SigningKey, KeyError> {
    if let Ok(seed) = <&[u8; 32]>::try_from(bytes) {
        return Ok(SigningKey::from_bytes(seed));
    }
    let pair = <&[u8; 64]>::try_from(bytes).map_err(|_| KeyError)?;
    SigningKey::from_keypair_bytes(pair).map_err(|_| KeyError)
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_secret_is_a_key() {
        for version in [Version::V1, Version::V1a] {
            let text = Key::text_of(version, &[7; 32]);
            assert_eq!(Key::parse(&text).expect("a key").public().is_some(), version == Version::V1a, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let of_bytes = |prefix: &str, count: usize| format!("{prefix}{}", BASE64_STANDARD.encode(vec![1; count]));
        for good in [24, 64] {
            assert!(Key::parse(&of_bytes("whsec_", good)).is_ok(), "{good} bytes");
        }
        for bad in [0, 23, 65] {
            assert_eq!(Key::parse(&of_bytes("whsec_", bad)).err(), Some(KeyError), "{bad} bytes");
        }
        assert!(Key::parse(&of_bytes("whsk_", 32)).is_ok(), "a seed");
        for bad in [0, 31, 33, 63, 65] {
            assert_eq!(Key::parse(&of_bytes("whsk_", bad)).err(), Some(KeyError), "{bad} bytes");
        }
        assert_eq!(Key::parse(&of_bytes("whsk_", 64)).err(), Some(KeyError), "the public key is another's");
        let bad =
            ["", "whsec_", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "WHSEC_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_ä", "whpk_"];
        for bad in bad {
            assert_eq!(Key::parse(bad).err(), Some(KeyError), "{bad}");
        }
    }

    #[test]
    fn a_key_cannot_be_printed() {
        for version in [Version::V1, Version::V1a] {
            assert_eq!(format!("{:?}", Key::parse(&Key::text_of(version, &[7; 32]))), "Ok(Key(..))");
        }
    }
}
