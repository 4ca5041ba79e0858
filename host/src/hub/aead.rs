//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), and the only door to it: what is sealed opens under its key and for its context only.
//!
//! Nonces are 24 random bytes: so many can be drawn under one key that no count has to be kept.

use std::{fmt, io};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use super::keys::random;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// A key, wiped when it is dropped.
#[derive(Clone)]
pub(super) struct AeadKey(Zeroizing<[u8; KEY_BYTES]>);

impl AeadKey {
    pub(super) fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self(bytes)
    }

    /// A key that nobody can guess.
    pub(super) fn made() -> io::Result<Self> {
        random().map(Self)
    }

    /// The key in clear, to derive from it or to wrap it.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Base64 of the nonce and what is sealed.
    pub(super) fn seal(&self, context: &str, clear: &[u8]) -> io::Result<String> {
        let nonce = random::<NONCE_BYTES>()?;
        let payload = Payload { msg: clear, aad: context.as_bytes() };
        let sealed = self.cipher().encrypt(&XNonce::from(*nonce), payload);
        let sealed = sealed.map_err(|error| io::Error::other(error.to_string()))?;
        Ok(BASE64_STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    /// `None`: another key, another context, or changed bytes.
    pub(super) fn open(&self, context: &str, sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
        let bytes = BASE64_STANDARD.decode(sealed).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::from(<[u8; NONCE_BYTES]>::try_from(nonce).ok()?);
        let clear = self.cipher().decrypt(&nonce, Payload { msg: sealed, aad: context.as_bytes() });
        clear.ok().map(Zeroizing::new)
    }

    /// Made for each use: a cipher that is kept would be another copy of the key.
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> AeadKey {
        AeadKey::new(Zeroizing::new([byte; KEY_BYTES]))
    }

    #[test]
    fn only_the_key_and_the_context_open_what_is_sealed() {
        let sealed = key(1).seal("here", b"canary").expect("sealed");
        assert_eq!(key(1).open("here", &sealed).expect("opened").as_slice(), b"canary");
        assert!(key(1).open("there", &sealed).is_none() && key(2).open("here", &sealed).is_none());
        assert_ne!(key(1).seal("here", b"canary").expect("sealed"), sealed, "the nonce is drawn");
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let sealed = BASE64_STANDARD.decode(key(1).seal("", b"canary").expect("sealed")).expect("base64");
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(key(1).open("", &BASE64_STANDARD.encode(changed)).is_none(), "{at}");
            assert!(key(1).open("", &BASE64_STANDARD.encode(&sealed[..at])).is_none(), "{at}");
        }
        assert!(key(1).open("", "no base64").is_none());
    }
}
