//! Cryptography with secrets that the host keeps: a plugin names one that its `grants.secrets` has, and never sees it.
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! fn signed(body: &[u8]) -> Result<Message> {
//!     let mac = crypto::hmac(crypto::Algorithm::Sha256, "shop", body)?;
//!     let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
//!     Ok(Message::bytes(body).with_header("x-shop-signature", hex))
//! }
//! # sluicebox_sdk::testing::grant_secret("shop", |_, data| data.to_vec());
//! # signed(b"{}").unwrap();
//! ```

use crate::{Error, Result, host};

/// What is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// `sha256`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// The HMAC (RFC 2104) of the data with the granted secret of this name, whose text as bytes is the key.
///
/// # Errors
/// Rejects with `not-granted` and the name of the missing grant.
pub fn hmac(algorithm: Algorithm, secret: &str, data: &[u8]) -> Result<Vec<u8>> {
    host::hmac(algorithm, secret, data).map_err(|message| Error::reject("not-granted", message))
}

/// Whether `mac` is that HMAC, compared in a time that does not tell where they differ; one that was cut short is not.
///
/// # Errors
/// As [`hmac`].
pub fn verify_hmac(algorithm: Algorithm, secret: &str, data: &[u8], mac: &[u8]) -> Result<bool> {
    host::verify_hmac(algorithm, secret, data, mac).map_err(|message| Error::reject("not-granted", message))
}

/// Whether this is the key's signature of the data (Ed25519, RFC 8032). The key has 32 bytes and is public: it needs no grant.
///
/// # Errors
/// Rejects with `invalid-key` a key that is none, and a signature that has not 64 bytes.
pub fn verify_ed25519(public_key: &[u8], data: &[u8], signature: &[u8]) -> Result<bool> {
    host::verify_ed25519(public_key, data, signature).map_err(|message| Error::reject("invalid-key", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn only_a_granted_secret_is_computed_with() {
        let error = hmac(Algorithm::Sha256, "shop", b"").unwrap_err();
        assert_eq!(error.code(), "not-granted");
        assert!(error.failure().message.contains("grants.secrets.shop"), "{error}");
        testing::grant_secret("shop", |algorithm, data| [algorithm.as_str().as_bytes(), data].concat());
        assert_eq!(hmac(Algorithm::Sha512, "shop", b" of this").unwrap(), b"sha512 of this");
    }
    #[test]
    fn a_mac_is_compared_whole() {
        testing::grant_secret("shop", |_, data| data.to_vec());
        assert!(verify_hmac(Algorithm::Sha256, "shop", b"mac", b"mac").unwrap());
        assert!(!verify_hmac(Algorithm::Sha256, "shop", b"mac", b"ma").unwrap());
        assert_eq!(verify_hmac(Algorithm::Sha256, "bank", b"", b"").unwrap_err().code(), "not-granted");
    }

    #[test]
    fn the_test_says_which_signatures_are_good() {
        assert_eq!(verify_ed25519(b"key", b"data", b"signature").unwrap_err().code(), "invalid-key");
        testing::set_ed25519(|key, data, signature| signature == [key, data].concat());
        assert!(verify_ed25519(b"key", b"data", b"keydata").unwrap());
        assert!(!verify_ed25519(b"key", b"data", b"key").unwrap());
    }
}
