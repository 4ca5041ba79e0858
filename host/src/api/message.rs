//! A message as the consumer who fetches it is given it.

use serde_json::{Value, json};

use super::wire::{attributes, bytes, headers, time};
use crate::{
    deliver::{Given, Signature},
    journal::Origin,
};

/// A message that a consumer has from now on. Of a batch, event and source are null.
pub(super) fn given(given: &Given) -> Value {
    let Given { delivery, receipt, until, signature } = given;
    let id = delivery.id.to_string();
    let (event, batch) = match &delivery.origin {
        Origin::Event(event) => (Some(event), None),
        Origin::Batch { id, .. } => (None, Some(id.to_string())),
    };
    // As a verifier of Standard Webhooks takes its headers; numbers are text there.
    let signed = signature.as_ref().map(|Signature { timestamp_secs, entries }| {
        json!({ "webhook-id": id, "webhook-timestamp": timestamp_secs.to_string(), "webhook-signature": entries })
    });
    json!({
        "id": id,
        "receipt": receipt,
        "lease_until": time(*until),
        "attempt": delivery.attempt,
        "created_at": time(delivery.created_at),
        "rule": delivery.rule,
        "event": event.map(|event| event.id.to_string()),
        "source": event.map(|event| &event.source),
        "batch": batch,
        "type": delivery.message.event_type,
        "content_type": delivery.message.content_type,
        "headers": headers(&delivery.message.headers),
        "attributes": attributes(&delivery.message.attributes),
        "body": bytes(&delivery.body),
        "signed": signed,
    })
}
