//! From a message to the bytes that a destination is sent. Pure: a retry gives the same bytes.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{json, value::RawValue};

use super::form;
use crate::{
    cloudevents::{self, CloudEvent},
    deliver::Format,
    event::Failure,
    journal::{Delivery, Origin},
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A message in the form that its destination wants.
pub(super) struct Formatted<'d> {
    pub(super) body: Bytes,
    pub(super) content_type: Option<Cow<'d, str>>,
    /// Beside the message's own.
    pub(super) headers: Vec<(String, String)>,
}

/// The message in this format.
///
/// # Errors
/// Where it cannot be converted; no later attempt would go better.
pub(super) fn formatted(delivery: &Delivery, format: Format) -> Result<Formatted<'_>, Failure> {
    let as_is = || Formatted {
        body: delivery.body.clone(),
        content_type: delivery.message.content_type.as_deref().map(Cow::Borrowed),
        headers: Vec::new(),
    };
    let document = |text: String, content_type| Formatted {
        body: Bytes::from(text),
        content_type: Some(Cow::Borrowed(content_type)),
        headers: Vec::new(),
    };
    Ok(match format {
        Format::Raw => as_is(),
        Format::Json => json(delivery),
        Format::Form => document(form::encoded(&delivery.body)?, FORM),
        Format::CloudeventsBinary => Formatted { headers: cloud_event(delivery).headers(), ..as_is() },
        Format::CloudeventsStructured => document(cloud_event(delivery).json(&delivery.body), cloudevents::STRUCTURED),
        // A batch that was folded for this destination.
        Format::CloudeventsBatch if is_batch(delivery) => as_is(),
        Format::CloudeventsBatch => document(format!("[{}]", cloud_event(delivery).json(&delivery.body)), cloudevents::BATCH),
    })
}

/// JSON byte for byte as it is; text as a JSON string, other bytes as `{"data_base64":"..."}`, as in a batch's array.
fn json(delivery: &Delivery) -> Formatted<'_> {
    let body = &delivery.body;
    let is_json = serde_json::from_slice::<&RawValue>(body).is_ok();
    let converted = match std::str::from_utf8(body) {
        _ if is_json => body.clone(),
        Ok(text) => Bytes::from(json!(text).to_string()),
        Err(_) => Bytes::from(json!({ "data_base64": BASE64_STANDARD.encode(body) }).to_string()),
    };
    let kept = delivery.message.content_type.as_deref().filter(|declared| is_json && cloudevents::is_json(declared));
    Formatted { body: converted, content_type: Some(Cow::Borrowed(kept.unwrap_or(JSON))), headers: Vec::new() }
}

fn is_batch(delivery: &Delivery) -> bool {
    matches!(delivery.origin, Origin::Batch { .. }) && delivery.message.content_type.as_deref() == Some(cloudevents::BATCH)
}

/// The message as a CloudEvent. Its id is the `webhook-id`: two messages of one event may differ, and the standard takes two events of
/// one source and id for the same. One that came in as a CloudEvent and passes through as it is keeps its own. `type` must not be empty
/// there, so the source, or the rule, stands in for it.
fn cloud_event(delivery: &Delivery) -> CloudEvent<'_> {
    let message = &delivery.message;
    let workspace = &delivery.lane.workspace;
    let (source, stand_in, subject, time) = match &delivery.origin {
        Origin::Event(event) => {
            let time = event.time.unwrap_or(event.received_at);
            (format!("/w/{workspace}/in/{}", event.source), event.source.as_str(), event.subject.as_deref(), time)
        }
        Origin::Batch { opened_at, .. } => {
            (format!("/w/{workspace}/rules/{}", delivery.rule), delivery.rule.as_str(), None, *opened_at)
        }
    };
    let passed = match &delivery.origin {
        Origin::Event(event) => cloudevents::passed_through(event, message),
        Origin::Batch { .. } => None,
    };
    let (source, id) = passed.map_or_else(|| (source, delivery.id.to_string()), |(source, id)| (source.into(), id.into()));
    CloudEvent {
        id,
        source,
        event_type: if message.event_type.is_empty() { stand_in } else { &message.event_type },
        subject,
        time,
        content_type: message.content_type.as_deref(),
        extensions: &message.attributes,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::deliver::fake;

    fn delivery(content_type: Option<&str>, body: &'static [u8]) -> Delivery {
        let mut delivery = fake::delivery("crm", 1);
        delivery.message.content_type = content_type.map(str::to_owned);
        delivery.body = Bytes::from_static(body);
        delivery
    }

    /// The body as text, and its content type.
    fn told(format: Format, content_type: Option<&str>, body: &'static [u8]) -> (String, Option<String>) {
        let delivery = delivery(content_type, body);
        let formatted = formatted(&delivery, format).expect("it is converted");
        let body = String::from_utf8(formatted.body.to_vec()).expect("text");
        (body, formatted.content_type.map(Cow::into_owned))
    }

    #[test]
    fn json_is_as_it_came_or_wrapped() {
        let json = |content_type, body| told(Format::Json, content_type, body);
        let with = |body: &str, content_type: &str| (body.to_owned(), Some(content_type.to_owned()));
        assert_eq!(json(Some("application/hal+json"), b"{\"n\": 1.0}"), with("{\"n\": 1.0}", "application/hal+json"));
        assert_eq!(json(Some("text/plain"), b"[1]"), with("[1]", JSON));
        assert_eq!(json(None, b"<x/>"), with("\"<x/>\"", JSON));
        assert_eq!(json(Some("application/json"), b"{"), with("\"{\"", JSON));
        assert_eq!(json(None, &[0xff]), with("{\"data_base64\":\"/w==\"}", JSON));
    }

    #[test]
    fn a_cloud_event_has_the_messages_id() {
        let delivery = delivery(Some("application/json"), b"{\"n\": 1.0}");
        let structured = formatted(&delivery, Format::CloudeventsStructured).expect("it is converted");
        let document: Value = serde_json::from_slice(&structured.body).expect("JSON");
        assert_eq!(document["id"], delivery.id.to_string());
        assert_eq!((&document["type"], &document["source"]), (&json!("test"), &json!("/w/default/rules/rule")));
        assert_eq!(structured.content_type.as_deref(), Some("application/cloudevents+json"));

        let binary = formatted(&delivery, Format::CloudeventsBinary).expect("it is converted");
        assert_eq!((binary.body.as_ref(), binary.content_type.as_deref()), (&b"{\"n\": 1.0}"[..], Some("application/json")));
        assert!(binary.headers.contains(&("ce-id".to_owned(), delivery.id.to_string())));
    }

    #[test]
    fn one_event_is_a_batch_of_one_and_a_folded_batch_is_as_it_is() {
        let (body, content_type) = told(Format::CloudeventsBatch, None, b"1");
        assert!(body.starts_with("[{") && body.ends_with("\"data\":1}]"), "{body}");
        assert_eq!(content_type.as_deref(), Some(cloudevents::BATCH));
        let folded = told(Format::CloudeventsBatch, Some(cloudevents::BATCH), b"[]");
        assert_eq!(folded, ("[]".to_owned(), Some(cloudevents::BATCH.to_owned())));
    }
}
