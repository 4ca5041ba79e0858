//! What events and messages are made of, and why something failed: the pieces that many answers have.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::{Attribute, Failure, Header};

/// Why something failed, or did not go on.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct FailureTold {
    /// In kebab case, stable: `limit-fuel`, `status-500`.
    pub code: String,
    /// In words.
    pub message: String,
}

impl From<&Failure> for FailureTold {
    fn from(Failure { code, message }: &Failure) -> Self {
        Self { code: code.clone(), message: message.clone() }
    }
}

/// Bytes: as a text where they are UTF-8, else in base64.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub(in crate::api) enum BytesTold {
    Text {
        /// UTF-8.
        text: String,
    },
    Base64 {
        /// Any other bytes.
        base64: String,
    },
}

impl BytesTold {
    pub(in crate::api) fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text { text: text.to_owned() },
            Err(_) => Self::Base64 { base64: STANDARD.encode(bytes) },
        }
    }
}

/// Headers in order, each its name in lower case and its value.
pub(in crate::api) type HeadersTold = Vec<(String, String)>;

pub(in crate::api) fn headers(headers: &[Header]) -> HeadersTold {
    headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect()
}

/// Further facts, by name.
pub(in crate::api) type AttributesTold = BTreeMap<String, String>;

pub(in crate::api) fn attributes(attributes: &[Attribute]) -> AttributesTold {
    attributes.iter().map(|attribute| (attribute.key.clone(), attribute.value.clone())).collect()
}
