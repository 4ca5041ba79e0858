//! What own services publish, described: flow 1 reads and answers it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value;

use super::ProblemTold;
use crate::event::{EventId, Name};

/// What `POST /v1/events` takes.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::api) enum Publish {
    One(Box<Entry>),
    Several(Vec<Entry>),
    Named { events: Vec<Entry> },
}

/// An event that an own service publishes.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::api) struct Entry {
    /// The name of a source.
    source: Name,
    #[schemars(rename = "type", length(max = 1024))]
    event_type: Option<String>,
    #[schemars(length(max = 1024))]
    subject: Option<String>,
    /// The event's `external_id`.
    #[schemars(length(max = 1024))]
    id: Option<String>,
    /// When it happened.
    #[schemars(extend("format" = "date-time"))]
    time: Option<String>,
    /// Any JSON, stored as it is written.
    data: Option<Value>,
    /// Bytes, in the place of `data`.
    data_base64: Option<String>,
    /// Of the data.
    content_type: Option<String>,
    /// As a request to the source would have had them.
    headers: Option<BTreeMap<String, String>>,
    /// Stores events of this key once in their source.
    idempotency_key: Option<String>,
}

/// What `POST /v1/events` answers: for one event its id, for several what became of each.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::api) enum Published {
    One(PublishedEvent),
    Several {
        /// How many are on disk.
        stored: u64,
        /// How many are not.
        refused: u64,
        /// What became of each, in order.
        events: Vec<PublishedOrRefused>,
    },
}

/// What became of one of several events.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::api) enum PublishedOrRefused {
    Published(PublishedEvent),
    Refused {
        /// Its place among those that were sent, from 0.
        index: u64,
        /// Why it is not stored.
        problem: ProblemTold,
    },
}

/// An event that is on disk.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(in crate::api) struct PublishedEvent {
    id: EventId,
    /// `true`: this is the id of one that came before.
    #[schemars(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
}
