//! Signatures of what goes out: Standard Webhooks 1.0.0, `v1` (HMAC-SHA256).
//!
//! Pure: the id, the time and the bytes are arguments. It assumes that `body` is exactly what is sent and that `id` holds no
//! dot, which [`MessageId`](crate::event::MessageId) promises: the dot separates the signed parts.
//! [`Key`] and [`TokenKey`], which makes tokens for others to hand back, are the only things here that hold a secret in clear; they are
//! wiped when dropped and cannot be printed.

mod token;

pub use token::TokenKey;

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What the text of a secret begins with.
const PREFIX: &str = "whsec_";

/// A signing key.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

/// Why a text is no key. It does not repeat the text, which may be a secret of another kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and the base64 of 24 to 64 bytes")]
pub struct KeyError;

impl Key {
    /// The fewest bytes that Standard Webhooks allows.
    const BYTES_MIN: usize = 24;
    /// The most bytes that Standard Webhooks allows.
    const BYTES_MAX: usize = 64;

    /// Reads `whsec_` and base64 (RFC 4648, padded).
    ///
    /// # Errors
    /// Where the text is anything else, or the key too short or too long.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(KeyError)?;
        let key = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| KeyError)?);
        if (Self::BYTES_MIN..=Self::BYTES_MAX).contains(&key.len()) { Ok(Self(key)) } else { Err(KeyError) }
    }

    /// The text of a new secret made of these random bytes.
    #[must_use]
    pub fn text_of(random: &[u8; 32]) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(random))
    }

    /// One entry of `webhook-signature`.
    fn entry(&self, id: &str, timestamp_secs: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{timestamp_secs}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The value of `webhook-signature`: one entry a key, so that during rotation the old and the new one both sign.
#[must_use]
pub fn standard_webhooks(keys: &[Key], id: &str, timestamp_secs: u64, body: &[u8]) -> String {
    let entries: Vec<_> = keys.iter().map(|key| key.entry(id, timestamp_secs, body)).collect();
    entries.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published vectors: secret, id, timestamp, body, signature.
    const VECTORS: [(&str, &str, u64, &str, &str); 2] = [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1_649_367_553,
            r#"{"email":"test@example.com","username":"test_user"}"#,
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ];

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a good key")
    }

    #[test]
    fn the_published_vectors_are_met() {
        for (secret, id, timestamp, body, signature) in VECTORS {
            assert_eq!(standard_webhooks(&[key(secret)], id, timestamp, body.as_bytes()), signature);
        }
    }

    #[test]
    fn every_key_signs_in_order() {
        let keys = [key(VECTORS[0].0), key(VECTORS[1].0)];
        let (_, id, timestamp, body, second) = VECTORS[1];
        let both = standard_webhooks(&keys, id, timestamp, body.as_bytes());
        let entries: Vec<_> = both.split(' ').collect();
        assert_eq!(entries.len(), 2);
        assert_ne!(entries[0], second);
        assert_eq!(entries[1], second);
        assert_eq!(standard_webhooks(&[], id, timestamp, b""), "");
    }

    #[test]
    fn a_body_need_not_be_text() {
        let keys = [key(VECTORS[0].0)];
        assert_ne!(standard_webhooks(&keys, "msg_1", 1, &[0xff, 0x00]), standard_webhooks(&keys, "msg_1", 1, &[0xfe, 0x00]));
    }

    #[test]
    fn a_new_secret_is_a_key() {
        let text = Key::text_of(&[7; 32]);
        assert_eq!(*key(&text).0, [7; 32]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let of_bytes = |count: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![1; count]));
        for good in [24, 64] {
            assert!(Key::parse(&of_bytes(good)).is_ok(), "{good} bytes");
        }
        for bad in [0, 23, 65] {
            assert_eq!(Key::parse(&of_bytes(bad)).err(), Some(KeyError), "{bad} bytes");
        }
        for bad in ["", "whsec_", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "WHSEC_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_ä"] {
            assert_eq!(Key::parse(bad).err(), Some(KeyError), "{bad}");
        }
    }

    #[test]
    fn a_key_cannot_be_printed() {
        assert_eq!(format!("{:?}", key(VECTORS[0].0)), "Key(..)");
    }
}
