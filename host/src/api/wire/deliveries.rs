//! Deliveries on record, with their attempts.

use schemars::JsonSchema;
use serde::Serialize;

use super::{BytesTold, FailureTold, HeadersTold, InState, Moment, headers};
use crate::{
    event::{BatchId, EventId, MessageId, Name},
    journal::{AttemptRecord, Delivery, DeliveryRecord, DeliveryState},
};

/// A message on its way to one destination.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct DeliveryTold {
    /// The `webhook-id` of all its attempts.
    id: MessageId,
    /// The event, where it came from one.
    event: Option<EventId>,
    /// The batch, where it came from one.
    batch: Option<BatchId>,
    /// The rule that sends it.
    rule: Name,
    /// Where to.
    destination: Name,
    /// Where it stands.
    state: InState<DeliveryState>,
    /// Attempts made.
    attempts: u32,
    /// When it was planned.
    created_at: Moment,
    /// When it is tried next, or has to be confirmed by.
    due_at: Option<Moment>,
    /// When the destination received what it has to confirm.
    received_at: Option<Moment>,
    /// When it was delivered or given up.
    settled_at: Option<Moment>,
    /// Why the last attempt failed, or why it was given up.
    failure: Option<FailureTold>,
    /// The status of the last response.
    last_status: Option<u16>,
    /// With what it is in order.
    order_key: Option<String>,
    /// Whether it waits for what comes before it in that order.
    blocked: bool,
    /// Of what was given up, the code of the last attempt's failure.
    last_code: Option<String>,
    /// When somebody had it tried again.
    retried_at: Option<Moment>,
}

/// A delivery with what is sent and what was tried.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct WholeDelivery {
    #[serde(flatten)]
    delivery: DeliveryTold,
    /// The type that it goes out with.
    #[serde(rename = "type")]
    event_type: String,
    /// The `content-type` that it goes out with.
    content_type: Option<String>,
    /// Headers beside those of the host.
    headers: HeadersTold,
    /// What is sent.
    body: BytesTold,
    /// In order.
    attempt_records: Vec<AttemptTold>,
}

/// An attempt of a delivery.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct AttemptTold {
    /// 1 for the first.
    number: u32,
    /// When it began.
    started_at: Moment,
    /// How long it took.
    duration_ms: u64,
    /// The response's status, where there was a response.
    status: Option<u16>,
    /// What went wrong.
    failure: Option<FailureTold>,
    /// The response's headers.
    response_headers: HeadersTold,
    /// The first bytes of the response.
    response_body: BytesTold,
}

impl DeliveryTold {
    pub(in crate::api) fn of(record: &DeliveryRecord) -> Self {
        Self {
            id: record.id,
            event: record.event,
            batch: record.batch,
            rule: record.rule.clone(),
            destination: record.destination.clone(),
            state: InState(record.state),
            attempts: record.attempts,
            created_at: record.created_at.into(),
            due_at: record.due_at.map(Into::into),
            received_at: record.received_at.map(Into::into),
            settled_at: record.settled_at.map(Into::into),
            failure: record.failure.as_ref().map(Into::into),
            last_status: record.last_status,
            order_key: record.order_key.clone(),
            blocked: record.blocked,
            last_code: record.last_code.clone(),
            retried_at: record.retried_at.map(Into::into),
        }
    }
}

impl WholeDelivery {
    pub(in crate::api) fn of(sent: &Delivery, record: &DeliveryRecord, attempts: &[AttemptRecord]) -> Self {
        Self {
            delivery: DeliveryTold::of(record),
            event_type: sent.message.event_type.clone(),
            content_type: sent.message.content_type.clone(),
            headers: headers(&sent.message.headers),
            body: BytesTold::of(&sent.body),
            attempt_records: attempts.iter().map(AttemptTold::of).collect(),
        }
    }
}

impl AttemptTold {
    pub(super) fn of(AttemptRecord { number, attempt }: &AttemptRecord) -> Self {
        Self {
            number: *number,
            started_at: attempt.started_at.into(),
            duration_ms: attempt.duration_ms,
            status: attempt.status,
            failure: attempt.failure.as_ref().map(Into::into),
            response_headers: headers(&attempt.response_headers),
            response_body: BytesTold::of(&attempt.response_body),
        }
    }
}
