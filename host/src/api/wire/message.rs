//! Messages as the consumers who fetch them are given them, and what became of the receipts that they hand back.

use schemars::JsonSchema;
use serde::Serialize;

use super::{AttributesTold, BytesTold, FailureTold, HeadersTold, Moment, attributes, headers};
use crate::{
    deliver::{Given, Signature, Word},
    event::{BatchId, EventId, MessageId, Name, Timestamp},
    journal::Origin,
};

/// What a consumer is given.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Messages")]
pub(in crate::api) struct MessagesTold {
    items: Vec<MessageTold>,
}

/// A message that a consumer has from now on.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Message")]
struct MessageTold {
    /// Its id.
    id: MessageId,
    /// To be handed back.
    receipt: String,
    /// Until then it is the consumer's.
    lease_until: Moment,
    /// How often it was given, this time included.
    attempt: u32,
    /// When it was planned.
    created_at: Moment,
    /// The rule that sends it.
    rule: Name,
    /// Its event; `null` of a batch.
    event: Option<EventId>,
    /// The event's source; `null` of a batch.
    source: Option<Name>,
    /// Its batch, where it is of one.
    batch: Option<BatchId>,
    /// Its type.
    #[serde(rename = "type")]
    event_type: String,
    /// Its `content-type`.
    content_type: Option<String>,
    /// Its headers.
    headers: HeadersTold,
    /// Further facts.
    attributes: AttributesTold,
    /// What it says.
    body: BytesTold,
    /// Its signature, where the queue has a secret.
    signed: Option<SignedTold>,
}

/// The headers of Standard Webhooks, as a verifier takes them; numbers are text there.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "MessageSignature")]
struct SignedTold {
    /// The message's id.
    webhook_id: MessageId,
    /// Seconds since 1970.
    webhook_timestamp: String,
    /// One signature for each secret.
    webhook_signature: String,
}

impl MessagesTold {
    pub(in crate::api) fn of(given: &[Given]) -> Self {
        Self { items: given.iter().map(MessageTold::of).collect() }
    }
}

impl MessageTold {
    fn of(Given { delivery, receipt, until, signature }: &Given) -> Self {
        let (event, batch) = match &delivery.origin {
            Origin::Event(event) => (Some(event), None),
            Origin::Batch { id, .. } => (None, Some(*id)),
        };
        let signed = |Signature { timestamp_secs, entries }: &Signature| SignedTold {
            webhook_id: delivery.id,
            webhook_timestamp: timestamp_secs.to_string(),
            webhook_signature: entries.clone(),
        };
        Self {
            id: delivery.id,
            receipt: receipt.clone(),
            lease_until: (*until).into(),
            attempt: delivery.attempt,
            created_at: delivery.created_at.into(),
            rule: delivery.rule.clone(),
            event: event.map(|event| event.id),
            source: event.map(|event| event.source.clone()),
            batch,
            event_type: delivery.message.event_type.clone(),
            content_type: delivery.message.content_type.clone(),
            headers: headers(&delivery.message.headers),
            attributes: attributes(&delivery.message.attributes),
            body: BytesTold::of(&delivery.body),
            signed: signature.as_ref().map(signed),
        }
    }
}

/// What became of receipts that say that messages are done.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct Acked {
    /// How many were taken.
    acked: usize,
    /// Each, in order.
    items: Vec<ReceiptTold>,
}

/// What became of receipts that give messages back.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct Nacked {
    /// How many were taken.
    nacked: usize,
    /// Each, in order.
    items: Vec<ReceiptTold>,
}

/// What became of receipts by which messages are kept for longer.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct Extended {
    /// How many were taken.
    extended: usize,
    /// Each, in order.
    items: Vec<ReceiptTold>,
}

/// What became of a receipt.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Receipt")]
struct ReceiptTold {
    /// The receipt.
    receipt: String,
    /// Why it was not taken; `null`: it was.
    failure: Option<FailureTold>,
    /// Of a message that is kept for longer: until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_until: Option<Moment>,
}

impl Acked {
    pub(in crate::api) fn of(receipts: Vec<String>, words: &[Word<()>]) -> Self {
        Self { acked: taken(words), items: told(receipts, words, |()| None) }
    }
}

impl Nacked {
    pub(in crate::api) fn of(receipts: Vec<String>, words: &[Word<()>]) -> Self {
        Self { nacked: taken(words), items: told(receipts, words, |()| None) }
    }
}

impl Extended {
    pub(in crate::api) fn of(receipts: Vec<String>, ends: &[Word<Timestamp>]) -> Self {
        Self { extended: taken(ends), items: told(receipts, ends, |until| Some(*until)) }
    }
}

fn taken<T>(words: &[Word<T>]) -> usize {
    words.iter().filter(|word| word.is_ok()).count()
}

fn told<T>(receipts: Vec<String>, words: &[Word<T>], until: impl Fn(&T) -> Option<Timestamp>) -> Vec<ReceiptTold> {
    let item = |(receipt, word): (String, &Word<T>)| ReceiptTold {
        receipt,
        failure: word.as_ref().err().map(Into::into),
        lease_until: word.as_ref().ok().and_then(&until).map(Into::into),
    };
    receipts.into_iter().zip(words).map(item).collect()
}
