//! Signatures by Ed25519 (RFC 8032), checked for guests: in WebAssembly it would cost most of a call's fuel. No secret is involved.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether this is the key's signature of the data; an error where the key or the signature has not the form of one. Strict: what
/// several keys could have signed is nobody's.
pub(super) fn verify(public_key: &[u8], data: &[u8], signature: &[u8]) -> Result<bool, String> {
    let key: &[u8; 32] = public_key.try_into().map_err(|_| format!("a public key has 32 bytes, not {}", public_key.len()))?;
    let signature: &[u8; 64] = signature.try_into().map_err(|_| format!("a signature has 64 bytes, not {}", signature.len()))?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| "these 32 bytes are no public key of Ed25519".to_owned())?;
    Ok(key.verify_strict(data, &Signature::from_bytes(signature)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::verify;

    /// RFC 8032, 7.1, test 2.
    const KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    #[test]
    fn a_signature_is_the_keys_or_it_is_not() {
        let (key, signature) = (hex::decode(KEY).expect("hex"), hex::decode(SIGNATURE).expect("hex"));
        assert_eq!(verify(&key, &[0x72], &signature), Ok(true));
        assert_eq!(verify(&key, &[0x73], &signature), Ok(false));
    }

    #[test]
    fn what_is_no_key_or_signature_is_said() {
        let key = hex::decode(KEY).expect("hex");
        assert!(verify(&key[1..], b"", &[0; 64]).expect_err("short").contains("32 bytes, not 31"));
        assert!(verify(&key, b"", &[0; 63]).expect_err("short").contains("64 bytes, not 63"));
        assert_eq!(verify(&[0; 32], b"", &[0; 64]), Ok(false), "a key of small order signs everything");
    }
}
