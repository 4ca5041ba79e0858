//! How much the messages of a chain may be together, and how much one of them is: all of it counts, inherited or not, since each
//! message holds a copy of its own.

use super::{
    exchange::Emitted,
    limits::{CHAIN_BYTES_MAX, CHAIN_MESSAGES_MAX},
};
use crate::event::{Attribute, Header, Message};

/// What is left of the chain's own limits, whatever its plugins may have each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Room {
    /// That of a chain that holds nothing yet.
    pub(super) const WHOLE: Self = Self { messages: CHAIN_MESSAGES_MAX, bytes: CHAIN_BYTES_MAX };

    /// Charges what one message will be; `None` where there is no room for it.
    pub(super) fn charge(&mut self, emitted: &Emitted, was: &Message) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes_to_be(emitted, was))?;
        Some(())
    }
}

/// What a message holds beside the event's own bytes.
pub(super) fn bytes_of(message: &Message) -> usize {
    let content_type = message.content_type.as_ref().map_or(0, String::len);
    let body = message.body.as_ref().map_or(0, bytes::Bytes::len);
    message.event_type.len() + content_type + header_bytes(&message.headers) + body + attribute_bytes(&message.attributes)
}

/// What a message will hold with all that it inherits, told before any of that is copied.
fn bytes_to_be(emitted: &Emitted, was: &Message) -> usize {
    let event_type = emitted.event_type.as_ref().unwrap_or(&was.event_type).len();
    let content_type = emitted.content_type.as_ref().or(was.content_type.as_ref()).map_or(0, String::len);
    let attributes = attribute_bytes(emitted.attributes.as_ref().unwrap_or(&was.attributes));
    event_type + content_type + header_bytes(&emitted.headers) + emitted.body.len() + attributes
}

/// Names and values together.
pub(super) fn header_bytes(headers: &[Header]) -> usize {
    headers.iter().map(|header| header.name.len() + header.value.len()).sum()
}

/// Keys and values together.
pub(super) fn attribute_bytes(attributes: &[Attribute]) -> usize {
    attributes.iter().map(|attribute| attribute.key.len() + attribute.value.len()).sum()
}
