//! Key material in clear, in memory: wiped when dropped, never printed.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use crate::event::{Invalid, Secret};

/// The bytes that a request is checked with.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<Vec<u8>>);

/// How a secret's text becomes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyForm {
    /// Its bytes as they are.
    Text,
    /// Standard Webhooks: `whsec_` and base64.
    Whsec,
}

impl Key {
    /// These bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key that `secret`, found at `pointer`, stands for. An empty one is refused: anybody could sign with it.
    pub(super) fn of(secret: &Secret, form: KeyForm, pointer: &str) -> Result<Self, Invalid> {
        let key = match form {
            KeyForm::Text => Some(Self::new(secret.expose().as_bytes().to_vec())),
            KeyForm::Whsec => Self::from_whsec(secret.expose()),
        };
        match key {
            Some(key) if key.0.is_empty() => Err(Invalid::at(pointer, "the secret is empty")),
            Some(key) => Ok(key),
            None => {
                Err(Invalid::at(pointer, "the secret of this scheme is `whsec_` and base64; copy it whole from the provider"))
            }
        }
    }

    fn from_whsec(text: &str) -> Option<Self> {
        BASE64_STANDARD.decode(text.strip_prefix("whsec_")?).ok().map(Self::new)
    }

    /// The key itself. Named so that a search finds every place that looks at one.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}
