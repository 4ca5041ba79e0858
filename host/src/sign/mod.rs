//! Signatures of what goes out: Standard Webhooks 1.0.0 (`key`), and the headers of other schemes (`scheme`), for receivers that were
//! written for another sender.
//!
//! Pure: the id, the time and the bytes are arguments. It assumes that the id holds no dot, which
//! [`MessageId`](crate::event::MessageId) promises: the dot separates the signed parts.
//! What holds a secret in clear here, [`TokenKey`] too, which makes tokens for others to hand back, is wiped when dropped and cannot be
//! printed.

mod key;
mod scheme;
#[cfg(test)]
mod tests;
mod token;

pub use key::{Key, KeyError, Version};
pub use scheme::{Algorithm, Encoding, SECRETS, Scheme, Spec};
pub use token::TokenKey;

/// What is signed: one attempt of one message.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    /// The `webhook-id`.
    pub id: &'a str,
    /// When it is sent, in seconds since the Unix epoch.
    pub timestamp_secs: u64,
    /// Where to.
    pub url: &'a str,
    /// The message's bytes.
    pub body: &'a [u8],
}

/// The value of `webhook-signature`: one entry a key, so that during rotation the old and the new one both sign.
#[must_use]
pub fn standard_webhooks<'k>(keys: impl IntoIterator<Item = &'k Key>, content: Content<'_>) -> String {
    let Content { id, timestamp_secs, body, .. } = content;
    let entries: Vec<_> = keys.into_iter().map(|key| key.entry(id, timestamp_secs, body)).collect();
    entries.join(" ")
}
