//! What a source has of a key, and what that can do: check, and with the whole of it sign.

use hmac::{EagerHash, Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

use super::{
    Algorithm,
    key::Key,
    public_key::{self, PublicKey},
};

/// What a source has of a key.
#[derive(Clone, Debug)]
pub(super) enum Half {
    /// All of it.
    Shared(Key),
    /// What checks, and cannot sign.
    Public(Box<PublicKey>),
}

impl Half {
    /// A signature of this content, by the private half of a public key.
    pub(super) fn sign(&self, algorithm: Algorithm, content: &[u8], private: Option<&str>) -> Option<Vec<u8>> {
        match self {
            Self::Shared(key) => algorithm.mac(key, |sink| sink(content)),
            Self::Public(_) => public_key::sign(algorithm, private?, content),
        }
    }
}

impl Algorithm {
    /// The HMAC (RFC 2104) of what `fill` hands over piece by piece; `None` where this is none.
    pub(super) fn mac(self, key: &Key, fill: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Option<Vec<u8>> {
        match self {
            Self::Sha1 => Some(mac::<Sha1>(key, fill)),
            Self::Sha256 => Some(mac::<Sha256>(key, fill)),
            Self::Sha384 => Some(mac::<Sha384>(key, fill)),
            Self::Sha512 => Some(mac::<Sha512>(key, fill)),
            Self::Ed25519 | Self::EcdsaP256 => None,
        }
    }
}

fn mac<D: EagerHash>(key: &Key, fill: impl FnOnce(&mut dyn FnMut(&[u8]))) -> Vec<u8> {
    let mut mac = Hmac::<D>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
    fill(&mut |piece| mac.update(piece));
    mac.finalize().into_bytes().to_vec()
}
