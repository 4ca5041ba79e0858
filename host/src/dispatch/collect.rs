//! A batch that no plugin folds: the bodies of its members in one JSON document. Pure.
//!
//! A body that is JSON stands in the document byte for byte as it came; it is not parsed into values and written anew, which
//! could change numbers.

use bytes::Bytes;
use serde_json::{json, value::RawValue};

use crate::{
    cloudevents::{self, CloudEvent},
    event::{Event, Message},
    journal::Member,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a batch without a plugin becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collected {
    /// A JSON array of the bodies.
    JsonArray,
    /// A CloudEvents 1.0 batch in the JSON format.
    CloudEvents,
}

impl Collected {
    /// The batch as one message. Its type is its members' where they agree, else `batch`.
    pub(super) fn message<'m>(self, members: impl Iterator<Item = &'m Member> + Clone) -> Message {
        let first = members.clone().next().map_or("", |member| member.message.event_type.as_str());
        let agree = members.clone().all(|member| member.message.event_type == first);
        let items: Vec<String> = members.map(|member| self.item(member)).collect();
        Message {
            event_type: if agree && !first.is_empty() { first } else { "batch" }.to_owned(),
            content_type: Some(self.content_type().to_owned()),
            headers: Vec::new(),
            body: Some(Bytes::from(format!("[{}]", items.join(",")))),
            attributes: Vec::new(),
            route: None,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::JsonArray => "application/json",
            Self::CloudEvents => cloudevents::BATCH,
        }
    }

    fn item(self, member: &Member) -> String {
        match self {
            Self::JsonArray => match Data::of(body(member)) {
                Data::Json(text) => text.get().to_owned(),
                Data::Text(text) => json!(text).to_string(),
                Data::Bytes(bytes) => json!({ "data_base64": STANDARD.encode(bytes) }).to_string(),
            },
            Self::CloudEvents => cloud_event(&member.event, &member.message).json(body(member)),
        }
    }
}

fn body(member: &Member) -> &[u8] {
    member.message.body.as_ref().unwrap_or(&member.event.body)
}

enum Data<'a> {
    Json(&'a RawValue),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'a> Data<'a> {
    fn of(body: &'a [u8]) -> Self {
        match (serde_json::from_slice(body), std::str::from_utf8(body)) {
            (Ok(json), _) => Self::Json(json),
            (Err(_), Ok(text)) => Self::Text(text),
            (Err(_), Err(_)) => Self::Bytes(body),
        }
    }
}

/// A member as a CloudEvent; one that came in as one and passes through as it is keeps its source and id. `type` must not be empty there, so
/// the source stands in for it.
fn cloud_event<'m>(event: &'m Event, message: &'m Message) -> CloudEvent<'m> {
    let ours = || (format!("/w/{}/in/{}", event.workspace, event.source), event.id.to_string());
    let passed = cloudevents::passed_through(event, message);
    let (source, id) = passed.map_or_else(ours, |(source, id)| (source.into(), id.into()));
    CloudEvent {
        id,
        source,
        event_type: if message.event_type.is_empty() { event.source.as_str() } else { &message.event_type },
        subject: event.subject.as_deref(),
        time: event.time.unwrap_or(event.received_at),
        content_type: message.content_type.as_deref(),
        extensions: &message.attributes,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Attribute, EventId, Name, Timestamp};

    fn member(event_type: &str, body: &'static [u8]) -> Member {
        let event = Event {
            workspace: Name::default_workspace(),
            id: EventId::new(Timestamp(0), [0; 10]),
            source: "shop".parse().expect("name"),
            event_type: event_type.to_owned(),
            subject: None,
            received_at: Timestamp(1_700_000_000_000),
            time: None,
            external_id: None,
            content_type: None,
            headers: Vec::new(),
            body: Bytes::from_static(body),
            attributes: vec![Attribute { key: "tenant".into(), value: "a}b".into() }],
        };
        Member { message: Message::of(&event), event: Arc::new(event) }
    }

    #[test]
    fn bodies_stand_in_the_array_as_they_came() {
        let members = [member("a", b"{\"n\": 1.0}"), member("a", b"<x/>"), member("a", &[0xff])];
        let message = Collected::JsonArray.message(members.iter());
        assert_eq!(message.body.as_deref(), Some(&br#"[{"n": 1.0},"<x/>",{"data_base64":"/w=="}]"#[..]));
        assert_eq!(message.event_type, "a");
        assert_eq!(Collected::JsonArray.message([member("a", b"1"), member("b", b"2")].iter()).event_type, "batch");
    }

    #[test]
    fn a_cloud_events_batch_is_json_with_the_required_attributes() {
        let members = [member("", b"{\"n\": 1.0}"), member("t", &[0xff])];
        let message = Collected::CloudEvents.message(members.iter());
        assert_eq!(message.content_type.as_deref(), Some("application/cloudevents-batch+json"));
        let body: serde_json::Value = serde_json::from_slice(&message.body.expect("a body")).expect("JSON");
        assert_eq!(body[0]["specversion"], "1.0");
        assert_eq!(body[0]["type"], "shop");
        assert_eq!(body[0]["source"], "/w/default/in/shop");
        assert_eq!(body[0]["time"], "2023-11-14T22:13:20Z");
        assert_eq!(body[0]["tenant"], "a}b");
        assert_eq!(body[0]["data"]["n"], 1.0);
        assert_eq!(body[1]["data_base64"], "/w==");
    }
}
