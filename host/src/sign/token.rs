//! Tokens: a few bytes that others are given to hand back, and a MAC by which they are known again. They are no secret in themselves, but
//! nobody else can make one; and whether one is ours is known without asking any store.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HMAC-SHA256, cut to 128 bits (RFC 2104, section 5).
const MAC_BYTES: usize = 16;
/// Longer than any token that is made; what is longer is not even decoded.
const TOKEN_BYTES_MAX: usize = 256;

/// The key of tokens: one for all purposes, which the MAC tells apart.
#[derive(Clone)]
pub struct TokenKey(Zeroizing<[u8; 32]>);

impl TokenKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// A token of this content, good for this purpose and context only; it can stand in a URL.
    #[must_use]
    pub fn token(&self, purpose: &str, context: &[&str], content: &[u8]) -> String {
        let mac = self.mac(purpose, context, content).finalize().into_bytes();
        BASE64_URL_SAFE_NO_PAD.encode([content, &mac[..MAC_BYTES]].concat())
    }

    /// The content of a token; `None` where it was not made here, or for something else.
    #[must_use]
    pub fn content(&self, purpose: &str, context: &[&str], token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?;
        let mac = bytes.split_off(bytes.len().checked_sub(MAC_BYTES)?);
        self.mac(purpose, context, &bytes).verify_truncated_left(&mac).ok()?;
        Some(bytes)
    }

    fn mac(&self, purpose: &str, context: &[&str], content: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&*self.0).expect("HMAC takes a key of any length");
        // Each part with its length, so that no two lists of parts are the same bytes.
        for part in std::iter::once(&purpose).chain(context).map(|text| text.as_bytes()).chain([content]) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(Zeroizing::new([byte; 32]))
    }

    #[test]
    fn a_token_is_known_again_for_what_it_was_made_for_only() {
        let token = key(1).token("receipt", &["default", "jobs"], b"content");
        let read = |key: &TokenKey, purpose, context: &[&str]| key.content(purpose, context, &token);
        assert_eq!(read(&key(1), "receipt", &["default", "jobs"]).as_deref(), Some(&b"content"[..]));
        assert_eq!(read(&key(2), "receipt", &["default", "jobs"]), None);
        assert_eq!(read(&key(1), "confirm", &["default", "jobs"]), None);
        assert_eq!(read(&key(1), "receipt", &["default", "other"]), None);
        assert_eq!(read(&key(1), "receipt", &["defaultj", "obs"]), None);
    }

    #[test]
    fn what_was_changed_or_cut_is_no_token() {
        let token = key(1).token("confirm", &[], b"content");
        for at in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(key(1).content("confirm", &[], &String::from_utf8(bytes).expect("ASCII")), None, "{at}");
            assert_eq!(key(1).content("confirm", &[], &token[..at]), None, "{at}");
        }
        assert_eq!(key(1).content("confirm", &[], &"A".repeat(TOKEN_BYTES_MAX + 1)), None);
        assert_eq!(format!("{:?}", key(1)), "TokenKey(..)");
    }
}
