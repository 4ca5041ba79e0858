//! stub of the sign part

/// A signing key.
#[derive(Clone)]
pub struct Key {}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is `whsec_` and the base64 of 24 to 64 bytes")]
pub struct KeyError;

impl Key {
    /// Reads `whsec_` and base64.
    pub fn parse(_text: &str) -> Result<Self, KeyError> {
        Err(KeyError)
    }

    /// The text of a new secret made of these random bytes.
    #[must_use]
    pub fn text_of(_random: &[u8; 32]) -> String {
        String::new()
    }
}

/// The value of `webhook-signature`: one entry a key.
#[must_use]
pub fn standard_webhooks(_keys: &[Key], _id: &str, _timestamp_secs: u64, _body: &[u8]) -> String {
    String::new()
}
