//! The text of an API key: `slk_<id>_<secret><checksum>`, all of it in lower-case hexadecimal digits.
//!
//! The id is public and says which key it is. The secret is 256 random bits. The checksum is the CRC-32 of all before it, which finds
//! every change of a single letter and every one that stays within four: so a typing error is told from a wrong key without a look
//! into any store, and scanners for leaked secrets raise no false alarm.

use std::io;

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::hub::{access::ADMIN_KEY, keys::random};

/// How every key begins, so that scanners for leaked secrets know it.
const PREFIX: &str = "slk_";

const ID_DIGITS: usize = 12;
const SECRET_DIGITS: usize = 64;
const CHECKSUM_DIGITS: usize = 8;

/// The text of a key that is made: shown once, and then only its hash is left.
pub(super) struct Fresh {
    pub(super) text: Zeroizing<String>,
    pub(super) hash: SecretHash,
}

/// The SHA-256 of a key's text.
///
/// A hash that is slow by design is for what people think up, where guesses are few. Among 2^256 random secrets nobody guesses,
/// however fast the hash; and this one is made for every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretHash([u8; 32]);

impl SecretHash {
    /// Of what was presented.
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether both are the same; takes the same time whatever differs.
    pub(super) fn is(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl serde::Serialize for SecretHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> serde::Deserialize<'de> for SecretHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&text, &mut hash).map_err(serde::de::Error::custom)?;
        Ok(Self(hash))
    }
}

/// A public id that nobody was given yet, as far as chance goes.
pub(super) fn new_id() -> io::Result<String> {
    Ok(hex::encode(*random::<{ ID_DIGITS / 2 }>()?))
}

/// A new text for the key of this id.
pub(super) fn new_text(id: &str) -> io::Result<Fresh> {
    let secret = Zeroizing::new(hex::encode(*random::<{ SECRET_DIGITS / 2 }>()?));
    let text = Zeroizing::new(spelled(id, &secret));
    Ok(Fresh { hash: SecretHash::of(&text), text })
}

fn spelled(id: &str, secret: &str) -> String {
    let unsummed = format!("{PREFIX}{id}_{secret}");
    let checksum = crc32(unsummed.as_bytes());
    format!("{unsummed}{checksum:08x}")
}

/// The id of a key of this text; `None` where no key is spelled like this.
pub(super) fn id_of(text: &str) -> Option<&str> {
    let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let fits = id.len() == ID_DIGITS && rest.len() == SECRET_DIGITS + CHECKSUM_DIGITS && is_hex(id) && is_hex(rest);
    let (unsummed, checksum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_DIGITS)?)?;
    (fits && format!("{:08x}", crc32(unsummed.as_bytes())) == checksum).then_some(id)
}

/// The id that a text names a key by. Who gives the whole text of a key in the place of its id is understood, and no more of it goes on from here:
/// ids are told in answers and kept in the audit log.
#[must_use]
pub fn named_key(text: &str) -> &str {
    let Some(rest) = text.strip_prefix(PREFIX) else { return text };
    match rest.split_once('_') {
        Some((id, _)) if id.len() == ID_DIGITS => id,
        None if rest.len() >= SECRET_DIGITS => ADMIN_KEY,
        _ => PREFIX,
    }
}

/// CRC-32 as of ISO 3309, the one of zip and Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_everybody_has() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the check value of CRC-32/ISO-HDLC");
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_new_key_is_spelled_right_and_unlike_any_other() {
        let id = new_id().expect("random");
        let (one, other) = (new_text(&id).expect("random"), new_text(&id).expect("random"));
        assert_eq!((id_of(&one.text), id_of(&other.text)), (Some(id.as_str()), Some(id.as_str())));
        assert_ne!(one.text, other.text);
        assert!(bool::from(SecretHash::of(&one.text).is(&one.hash)) && !bool::from(one.hash.is(&other.hash)));
    }

    #[test]
    fn the_admin_key_is_none_of_them() {
        assert_eq!(id_of(&format!("slk_{}", "a".repeat(64))), None);
        for bad in ["", "slk_", "slk__", "slk_ä_", "Bearer slk_"] {
            assert_eq!(id_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_text_of_a_key_names_it_and_is_not_told() {
        let text = spelled("0123456789ab", &"c".repeat(SECRET_DIGITS));
        let admin = format!("slk_{}", "c".repeat(64));
        let (cut, long) = (&text[..40], format!("{text}ccc"));
        let told = [&text, cut, &long, &admin, &admin[..30], "0123456789ab", "admin", "ci"].map(named_key);
        assert_eq!(told, ["0123456789ab", "0123456789ab", "0123456789ab", "admin", "slk_", "0123456789ab", "admin", "ci"]);
    }

    proptest! {
        #[test]
        fn every_change_of_one_letter_is_found(id in "[0-9a-f]{12}", secret in "[0-9a-f]{64}") {
            let text = spelled(&id, &secret);
            prop_assert_eq!(id_of(&text), Some(id.as_str()));
            for at in 0..text.len() {
                for letter in (0x20..0x7f_u8).filter(|letter| *letter != text.as_bytes()[at]) {
                    let mut changed = text.clone().into_bytes();
                    changed[at] = letter;
                    let changed = String::from_utf8(changed).expect("ASCII");
                    prop_assert_eq!(id_of(&changed), None, "{} at {}", char::from(letter), at);
                }
                let cut = [&text[..at], &text[at + 1..]].concat();
                prop_assert_eq!(id_of(&cut), None, "without the letter at {}", at);
            }
            let longer = format!("{text}0");
            prop_assert_eq!(id_of(&longer), None);
        }

        #[test]
        fn two_neighbours_that_changed_places_are_found(id in "[0-9a-f]{12}", secret in "[0-9a-f]{64}") {
            let text = spelled(&id, &secret);
            for at in 0..text.len() - 1 {
                let mut changed = text.clone().into_bytes();
                changed.swap(at, at + 1);
                let changed = String::from_utf8(changed).expect("ASCII");
                prop_assert_eq!(id_of(&changed).is_some(), changed == text);
            }
        }
    }
}
