//! The keys that a source and a provider's package share, in the form in which the provider hands them out.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use base64::{Engine as _, prelude::BASE64_STANDARD};

/// The kind of a provider's keys.
#[derive(Clone, Copy)]
pub(super) enum Key {
    Text,
    Hex,
    Whsec,
    /// Of which the receiver has the public half, in hexadecimal digits.
    Ed25519,
    /// Of which the receiver has the public half, as base64 of its `SubjectPublicKeyInfo`.
    P256,
}

/// A key as both sides have it.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// What the receiver has.
    pub(super) receiver: String,
    /// What the sender has, where that is another half: PKCS #8 in base64.
    pub(super) private: Option<String>,
}

/// What stands before a P-256 key in its `SubjectPublicKeyInfo` (RFC 5480).
const P256_INFO: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

impl Key {
    /// Two keys of this kind.
    pub(super) fn two(self) -> [Pair; 2] {
        match self {
            Self::Text => ["the-secret-of-the-provider", "the-secret-of-the-forger"].map(Pair::shared),
            Self::Hex => ["44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056", "00"].map(Pair::shared),
            Self::Whsec => ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"].map(Pair::shared),
            Self::Ed25519 => [(), ()].map(|()| {
                let key = Ed25519KeyPair::generate().expect("a key");
                Pair::halves(hex::encode(key.public_key()), key.to_pkcs8v1().expect("PKCS #8").as_ref())
            }),
            Self::P256 => [(), ()].map(|()| {
                let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
                let public = [&P256_INFO, key.public_key().as_ref()].concat();
                Pair::halves(BASE64_STANDARD.encode(public), key.to_pkcs8v1().expect("PKCS #8").as_ref())
            }),
        }
    }

    /// The setting of a source that names the receiver's half.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Text | Self::Hex | Self::Whsec => "secret",
            Self::Ed25519 | Self::P256 => "public_key",
        }
    }
}

impl Pair {
    fn shared(text: &str) -> Self {
        Self { receiver: text.to_owned(), private: None }
    }

    fn halves(public: String, private: &[u8]) -> Self {
        Self { receiver: public, private: Some(BASE64_STANDARD.encode(private)) }
    }
}
