//! Events on record, each with as much of it as is asked for.

use schemars::JsonSchema;
use serde::Serialize;

use super::{AttributesTold, BytesTold, DeliveryTold, FailureTold, HeadersTold, Moment, RunTold, attributes, headers};
use crate::{
    event::{Event, EventId, Name, Timestamp},
    journal::{DeliveryRecord, EventRecord, RunRecord},
};

/// An event without its headers and body.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct EventTold {
    /// Its id.
    id: EventId,
    /// The source that it came in by.
    source: Name,
    /// `invoice.paid`; empty where the source names none.
    #[serde(rename = "type")]
    event_type: String,
    /// What it is about.
    subject: Option<String>,
    /// When its last byte had arrived.
    received_at: Moment,
    /// When it happened, where the provider tells.
    time: Option<Moment>,
    /// The provider's id of it.
    external_id: Option<String>,
    /// The `content-type` it came with.
    content_type: Option<String>,
    /// How long its body is.
    body_bytes: u64,
    /// 0, and one more with each replay through newer rules.
    generation: u32,
    /// Whether its rules have been found, or it was given up before.
    routed: bool,
    /// When it was given up, where it was before any rule saw it.
    dead_at: Option<Moment>,
    /// Why it was given up.
    failure: Option<FailureTold>,
}

/// An event as it came, with its headers and body.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct EventAsItCame {
    #[serde(flatten)]
    event: EventTold,
    /// In order of arrival; credentials are taken out.
    headers: HeadersTold,
    /// Further facts.
    attributes: AttributesTold,
    /// Its body.
    body: BytesTold,
}

/// An event with what became of it.
#[derive(Debug, JsonSchema, Serialize)]
pub(in crate::api) struct WholeEvent {
    #[serde(flatten)]
    event: EventAsItCame,
    /// One for each rule that matched.
    runs: Vec<RunTold>,
    /// What went out, or will.
    deliveries: Vec<DeliveryTold>,
}

impl EventTold {
    pub(in crate::api) fn of(record: &EventRecord) -> Self {
        let Event { id, source, event_type, subject, received_at, time, external_id, content_type, .. } = &*record.event;
        Self {
            id: *id,
            source: source.clone(),
            event_type: event_type.clone(),
            subject: subject.clone(),
            received_at: (*received_at).into(),
            time: time.map(Into::into),
            external_id: external_id.clone(),
            content_type: content_type.clone(),
            body_bytes: record.body_bytes,
            generation: record.generation,
            routed: record.routed,
            dead_at: record.dead.as_ref().map(|(at, _)| (*at).into()),
            failure: record.dead.as_ref().map(|(_, why)| why.into()),
        }
    }

    /// One that was given up then.
    pub(super) fn dead(record: &EventRecord, at: Timestamp) -> Self {
        Self { dead_at: Some(at.into()), ..Self::of(record) }
    }
}

impl EventAsItCame {
    pub(in crate::api) fn of(record: &EventRecord) -> Self {
        Self {
            event: EventTold::of(record),
            headers: headers(&record.event.headers),
            attributes: attributes(&record.event.attributes),
            body: BytesTold::of(&record.event.body),
        }
    }
}

impl WholeEvent {
    pub(in crate::api) fn of(record: &EventRecord, runs: &[RunRecord], deliveries: &[DeliveryRecord]) -> Self {
        Self {
            event: EventAsItCame::of(record),
            runs: runs.iter().map(RunTold::of).collect(),
            deliveries: deliveries.iter().map(DeliveryTold::of).collect(),
        }
    }
}
