//! What a chain of plugins made of an event.

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{AttributesTold, BytesTold, FailureTold, HeadersTold, StageTold, attributes, headers};
use crate::{
    dispatch::Repeated,
    event::{Event, EventId, Name},
    journal::RunRecord,
    plugin::{Ended, Piece, Report},
};

/// What a chain made of an event, to be compared: as it is shown, and the bytes to be sent, which may differ where it shows the same.
#[derive(PartialEq)]
pub(in crate::api) struct Outcome {
    pub(in crate::api) shown: OutcomeTold,
    bodies: Vec<Bytes>,
}

/// How a chain ended.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
#[schemars(rename = "Outcome")]
pub(in crate::api) enum OutcomeTold {
    /// With what goes on.
    Messages {
        /// At least one.
        messages: Vec<PieceTold>,
    },
    /// A plugin dropped the event.
    Dropped {
        /// As the plugin gave it.
        reason: String,
    },
    /// A plugin failed.
    Failed {
        /// Which.
        plugin: Name,
        /// How.
        failure: FailureTold,
    },
}

/// A message that a chain left.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
pub(in crate::api) struct PieceTold {
    /// The type that it goes out with.
    #[serde(rename = "type")]
    event_type: String,
    /// The `content-type` that it goes out with.
    content_type: Option<String>,
    /// Headers that plugins set.
    headers: HeadersTold,
    /// Further facts.
    attributes: AttributesTold,
    /// The one destination of the rule that it goes to; `null`: all of them.
    route: Option<Name>,
    /// The key of the batch that it joins, where a plugin named one.
    batch_key: Option<String>,
    /// What is sent.
    pub(in crate::api) body: PieceBody,
}

/// What a message says, to be looked at.
#[derive(Debug, JsonSchema, PartialEq, Serialize)]
#[serde(untagged)]
pub(in crate::api) enum PieceBody {
    Json {
        /// Where it is JSON.
        json: Value,
    },
    Bytes(BytesTold),
    Omitted {
        /// It was too long to be shown: so many bytes of JSON.
        omitted_bytes: usize,
    },
}

impl Outcome {
    /// How a chain ended on this event.
    pub(in crate::api) fn of(event: &Event, report: &Report) -> Self {
        let body = |piece: &Piece| piece.message.body.clone().unwrap_or_else(|| event.body.clone());
        let (shown, bodies) = match &report.result {
            Ok(Ended::Messages(pieces)) => {
                let messages = pieces.iter().map(|piece| PieceTold::of(piece, &body(piece))).collect();
                (OutcomeTold::Messages { messages }, pieces.iter().map(body).collect())
            }
            Ok(Ended::Dropped { reason }) => (OutcomeTold::Dropped { reason: reason.clone() }, Vec::new()),
            Err(fault) => {
                let (plugin, failure) = (fault.plugin.clone(), (&fault.failure).into());
                (OutcomeTold::Failed { plugin, failure }, Vec::new())
            }
        };
        Self { shown, bodies }
    }
}

impl PieceTold {
    fn of(Piece { message, batch_key }: &Piece, body: &Bytes) -> Self {
        Self {
            event_type: message.event_type.clone(),
            content_type: message.content_type.clone(),
            headers: headers(&message.headers),
            attributes: attributes(&message.attributes),
            route: message.route.clone(),
            batch_key: batch_key.clone(),
            body: serde_json::from_slice(body)
                .map_or_else(|_| PieceBody::Bytes(BytesTold::of(body)), |json| PieceBody::Json { json }),
        }
    }
}

/// What came of a run once more: how it ended, as the versions of a plugin are compared by, and what its plugins did.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "RepeatedRun")]
pub(in crate::api) struct RepeatedTold {
    #[serde(flatten)]
    outcome: OutcomeTold,
    /// The event.
    event: EventId,
    /// The rule.
    rule: Name,
    /// The revision that it is of.
    revision: u64,
    /// Whether the plugins were told what those of the run were told that failed. Else they had the state as it is now.
    saw: bool,
    /// Whether more was told them than is kept.
    cut: bool,
    /// What they were told that the time is, in milliseconds since 1970.
    now_ms: u64,
    /// And which attempt it is.
    attempt: u32,
    /// What they did.
    stages: Vec<StageTold>,
}

impl RepeatedTold {
    pub(in crate::api) fn of(event: &Event, run: &RunRecord, repeated: &Repeated) -> Self {
        Self {
            outcome: Outcome::of(event, &repeated.report).shown,
            event: event.id,
            rule: run.rule.clone(),
            revision: run.revision,
            saw: repeated.saw,
            cut: repeated.cut,
            now_ms: repeated.now.0,
            attempt: repeated.attempt,
            stages: repeated.report.stages.iter().map(StageTold::of).collect(),
        }
    }
}
