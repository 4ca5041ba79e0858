//! Sealing: XChaCha20-Poly1305 over each secret of a document, bound to its place, so that a sealed secret that is moved to another
//! entry does not open. Only here does a secret change between clear and sealed.
//!
//! A secret has three forms: clear `{ "value", "ref"? }`, sealed `{ "sealed", "ref"? }`, and shown `{ "ref" }` or `{ "set": true }`. One that
//! nobody declares, which the hub made or kept, is also `"own": true` in the first two.

use std::io;

use base64::{Engine, prelude::BASE64_STANDARD};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use serde_json::{Value, json};

use super::{entry::Entry, keys::random, spec::secret_pointers};

const NONCE_BYTES: usize = 24;

/// Why a secret was not sealed or did not open.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Another key, another place, or changed bytes.
    #[error("the secret at {place} does not open: is main.key the one it was sealed with?")]
    DoesNotOpen {
        /// Workspace, kind, name and pointer.
        place: String,
    },
    /// The system gave no random bytes, or the cipher refused.
    #[error("cannot seal a secret")]
    CannotSeal(#[source] io::Error),
}

/// The main key at work.
pub(super) struct Seal {
    cipher: XChaCha20Poly1305,
}

impl Seal {
    pub(super) fn new(main: &[u8; 32]) -> Self {
        Self { cipher: XChaCha20Poly1305::new(main.into()) }
    }

    /// The document with its clear secrets sealed.
    pub(super) fn seal(&self, entry: &Entry, mut clear: Value) -> Result<Value, SealError> {
        for pointer in secret_pointers(entry.kind, &clear) {
            let Some(secret) = clear.pointer_mut(&pointer) else { continue };
            if let Some(text) = secret.get("value").and_then(Value::as_str) {
                let sealed = self.seal_text(&place(entry, &pointer), text)?;
                *secret = with_ref(json!({ "sealed": sealed }), secret);
            }
        }
        Ok(clear)
    }

    /// The document with its sealed secrets in clear.
    pub(super) fn unseal(&self, entry: &Entry, mut sealed: Value) -> Result<Value, SealError> {
        for pointer in secret_pointers(entry.kind, &sealed) {
            let Some(secret) = sealed.pointer_mut(&pointer) else { continue };
            if let Some(text) = secret.get("sealed").and_then(Value::as_str) {
                let place = place(entry, &pointer);
                let value = self.unseal_text(&place, text).ok_or(SealError::DoesNotOpen { place })?;
                *secret = with_ref(json!({ "value": value }), secret);
            }
        }
        Ok(sealed)
    }

    fn seal_text(&self, place: &str, text: &str) -> Result<String, SealError> {
        let nonce = random::<NONCE_BYTES>().map_err(SealError::CannotSeal)?;
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = self.cipher.encrypt(&XNonce::from(*nonce), payload);
        let sealed = sealed.map_err(|error| SealError::CannotSeal(io::Error::other(error.to_string())))?;
        Ok(BASE64_STANDARD.encode([&nonce[..], &sealed].concat()))
    }

    fn unseal_text(&self, place: &str, text: &str) -> Option<String> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::from(<[u8; NONCE_BYTES]>::try_from(nonce).ok()?);
        let clear = self.cipher.decrypt(&nonce, Payload { msg: sealed, aad: place.as_bytes() }).ok()?;
        String::from_utf8(clear).ok()
    }
}

/// The stored document as people may see it.
pub(super) fn shown(entry: &Entry, sealed: &Value) -> Value {
    let mut shown = sealed.clone();
    for pointer in secret_pointers(entry.kind, sealed) {
        if let Some(secret) = shown.pointer_mut(&pointer).filter(|secret| secret.get("sealed").is_some()) {
            *secret = match secret.get("ref") {
                Some(reference) => json!({ "ref": reference }),
                None => json!({ "set": true }),
            };
        }
    }
    shown
}

/// What the ciphertext is bound to.
fn place(entry: &Entry, pointer: &str) -> String {
    format!("{entry}{pointer}")
}

fn with_ref(mut form: Value, before: &Value) -> Value {
    if let Some(reference) = before.get("ref").filter(|reference| reference.is_string()) {
        form["ref"] = reference.clone();
    }
    if before["own"] == true {
        form["own"] = true.into();
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Name, hub::Kind};

    fn entry(name: &str) -> Entry {
        Entry::new(&Name::default_workspace(), &(Kind::Source, name.parse().expect("a name")))
    }

    fn document() -> Value {
        let secrets = json!([{ "value": "canary-2", "ref": "${OLD}" }, { "value": "canary-3" }]);
        json!({ "verify": { "scheme": "github", "secret": { "value": "canary-1", "ref": "${X}" }, "secrets": secrets } })
    }

    #[test]
    fn what_is_sealed_opens_and_shows_nothing() {
        let seal = Seal::new(&[7; 32]);
        let sealed = seal.seal(&entry("a"), document()).expect("sealed");
        assert!(!sealed.to_string().contains("canary"), "{sealed}");
        assert_eq!(seal.unseal(&entry("a"), sealed.clone()).expect("opened"), document());

        let shown = shown(&entry("a"), &sealed);
        assert_eq!(shown["verify"]["secret"], json!({ "ref": "${X}" }));
        assert_eq!(shown["verify"]["secrets"], json!([{ "ref": "${OLD}" }, { "set": true }]));
    }

    #[test]
    fn neither_another_place_nor_another_key_opens_it() {
        let sealed = Seal::new(&[7; 32]).seal(&entry("a"), document()).expect("sealed");
        assert!(Seal::new(&[7; 32]).unseal(&entry("b"), sealed.clone()).is_err());
        assert!(Seal::new(&[8; 32]).unseal(&entry("a"), sealed.clone()).is_err());

        let mut swapped = sealed;
        swapped["verify"]["secret"] = swapped["verify"]["secrets"][0].clone();
        assert!(Seal::new(&[7; 32]).unseal(&entry("a"), swapped).is_err());
    }
}
