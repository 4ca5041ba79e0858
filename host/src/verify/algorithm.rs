//! By what a signature is made, and how its bytes are written.

use base64::{Engine as _, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Deserialize;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SignatureAlgorithm")]
pub enum Algorithm {
    /// HMAC with SHA-1: an HMAC does not rest on what is broken of it (RFC 6194, section 3.3).
    Sha1,
    /// HMAC with SHA-256.
    Sha256,
    /// HMAC with SHA-384.
    Sha384,
    /// HMAC with SHA-512.
    Sha512,
    /// Ed25519 (RFC 8032); the source has the public key.
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature in DER; the source has the public key.
    EcdsaP256,
}

/// How the bytes of a signature or of a key are written. Each has exactly one way to write them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SignatureEncoding")]
pub enum Encoding {
    /// Hexadecimal digits in lower case.
    Hex,
    /// Hexadecimal digits in upper case.
    HexUpper,
    /// The standard alphabet, padded (RFC 4648, section 4).
    Base64,
    /// The alphabet for URLs, not padded (RFC 4648, section 5).
    Base64url,
}

impl Algorithm {
    /// Whether who verifies has a public key only.
    pub(super) fn is_public(self) -> bool {
        matches!(self, Self::Ed25519 | Self::EcdsaP256)
    }
}

impl Encoding {
    /// For people.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Hex => "hexadecimal digits in lower case",
            Self::HexUpper => "hexadecimal digits in upper case",
            Self::Base64 => "padded base64",
            Self::Base64url => "base64url without padding",
        }
    }

    /// The bytes written, where they are written in the one way that this encoding has.
    pub(super) fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex if text.bytes().any(|b| b.is_ascii_uppercase()) => None,
            Self::HexUpper if text.bytes().any(|b| b.is_ascii_lowercase()) => None,
            Self::Hex | Self::HexUpper => hex::decode(text).ok(),
            Self::Base64 => BASE64_STANDARD.decode(text).ok(),
            Self::Base64url => BASE64_URL_SAFE_NO_PAD.decode(text).ok(),
        }
    }

    /// The one way to write these bytes.
    pub(super) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::HexUpper => hex::encode_upper(bytes),
            Self::Base64 => BASE64_STANDARD.encode(bytes),
            Self::Base64url => BASE64_URL_SAFE_NO_PAD.encode(bytes),
        }
    }
}
