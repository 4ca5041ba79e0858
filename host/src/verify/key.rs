//! Key material in clear, in memory: wiped when dropped, never printed.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use schemars::JsonSchema;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::event::Invalid;

/// The bytes that a request is checked with.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<Vec<u8>>);

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeyForm {
    /// Its bytes as they are.
    Text,
    /// The bytes of its hexadecimal digits.
    Hex,
    /// The bytes of its base64, padded.
    Base64,
    /// Standard Webhooks: `whsec_` and base64.
    Whsec,
}

impl Key {
    /// These bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key that `secret`, found at `pointer`, stands for. An empty one is refused: anybody could sign with it.
    pub(super) fn of(secret: &str, form: KeyForm, pointer: &str) -> Result<Self, Invalid> {
        let key = match form {
            KeyForm::Text => Some(secret.as_bytes().to_vec()),
            KeyForm::Hex => hex::decode(secret).ok(),
            KeyForm::Base64 => BASE64_STANDARD.decode(secret).ok(),
            KeyForm::Whsec => secret.strip_prefix("whsec_").and_then(|encoded| BASE64_STANDARD.decode(encoded).ok()),
        };
        match key.map(Self::new) {
            Some(key) if key.0.is_empty() => Err(Invalid::at(pointer, "the secret is empty")),
            Some(key) => Ok(key),
            None => Err(Invalid::at(pointer, form.mend())),
        }
    }

    /// The key itself. Named so that a search finds every place that looks at one.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl KeyForm {
    fn mend(self) -> &'static str {
        match self {
            Self::Text => "the secret is no text",
            Self::Hex => "the secret is not hexadecimal digits; copy it whole from the provider",
            Self::Base64 => "the secret is not padded base64; copy it whole from the provider",
            Self::Whsec => "the secret of this scheme is `whsec_` and base64; copy it whole from the provider",
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
