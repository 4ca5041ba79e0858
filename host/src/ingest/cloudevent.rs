//! Sources of CloudEvents: a request is an event in binary or structured mode, or a batch of them, which is taken whole or not at all since
//! its sender gets one answer. However an event came, it is stored as binary mode has it: its attributes in the event's own fields and as
//! headers, its data as the body.

use http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::{
    Problem, Source, Spec,
    events::{Request, kept_headers, new_id},
    extract::Facts,
};
use crate::{
    cloudevents::{self, Mode, Received, Refusal},
    event::{Attribute, Event, Header, Invalid, Name, Timestamp},
    journal::Arrival,
};

/// What a source's requests are. It has to be said, and is not guessed from a request: else a sender could choose how its request is read.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "SourceFormat")]
pub enum Format {
    /// CloudEvents 1.0 in binary, structured or batched mode.
    Cloudevents,
}

/// What a source of CloudEvents says of them.
#[derive(Clone, Debug)]
pub(super) struct CloudEvents {
    /// `*` among them is any.
    origins: Vec<String>,
    /// Requests a minute.
    pub(super) rate: Option<u32>,
}

impl CloudEvents {
    /// Whether this origin may send.
    pub(super) fn grants(&self, origin: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

/// The part of a source's spec that is about CloudEvents; `None` where it takes none.
pub(super) fn refine(spec: &Spec) -> Result<Option<CloudEvents>, Invalid> {
    let Some(Format::Cloudevents) = spec.format else {
        let alone = [("/allowed_origins", spec.allowed_origins.is_some()), ("/allowed_rate", spec.allowed_rate.is_some())];
        return match alone.into_iter().find(|(_, there)| *there) {
            Some((at, _)) => Err(Invalid::at(at, "this is for sources with format = \"cloudevents\"")),
            None => Ok(None),
        };
    };
    let facts = [("/type", &spec.event_type), ("/subject", &spec.subject), ("/id", &spec.id), ("/time", &spec.time)];
    if let Some((at, _)) = facts.into_iter().find(|(_, place)| place.is_some()) {
        return Err(Invalid::at(at, "a CloudEvent has it as an attribute; leave this out"));
    }
    if spec.decode.is_some() {
        return Err(Invalid::at("/decode", "what a CloudEvent's data is its own attributes say; leave this out"));
    }
    if spec.allowed_rate == Some(0) {
        return Err(Invalid::at("/allowed_rate", "a rate of 0 lets nobody send; leave `allowed_origins` out instead"));
    }
    Ok(Some(CloudEvents { origins: spec.allowed_origins.clone().unwrap_or_default(), rate: spec.allowed_rate }))
}

/// All events of a request.
pub(super) fn all(request: Request<'_>, events_max: usize) -> Result<Vec<Arrival>, Problem> {
    let Request { key, source, head, body, proven, received_at } = request;
    let decoded = cloudevents::decode(&head.headers, &body, events_max).map_err(|refusal| refused(&refusal))?;
    let headers = kept_headers(source, &head.headers);
    let of_request = Setting { key: &key, source, headers: &headers, attributes: &proven.attributes, received_at };
    let arrivals = decoded.events.into_iter().enumerate().map(|(index, event)| match event {
        Ok(received) => of_request.arrival(received, decoded.mode),
        Err(malformed) if decoded.mode == Mode::Batched => Err(refused(&malformed.into()).with("index", json!(index))),
        Err(malformed) => Err(refused(&malformed.into())),
    });
    arrivals.collect()
}

/// What the events of one request have in common.
pub(super) struct Setting<'a> {
    /// The workspace and the name of the source.
    pub(super) key: &'a (Name, Name),
    pub(super) source: &'a Source,
    /// The request's, without credentials.
    pub(super) headers: &'a [Header],
    /// What verifying told.
    pub(super) attributes: &'a [Attribute],
    pub(super) received_at: Timestamp,
}

impl Setting<'_> {
    pub(super) fn arrival(&self, received: Received, mode: Mode) -> Result<Arrival, Problem> {
        let idempotency = self.source.idempotency.as_ref();
        let no_headers = HeaderMap::new();
        let mut facts = Facts::new(&no_headers, None, &received.data);
        let once = idempotency.and_then(|by| by.once_of((&received.source, &received.id), &mut facts, self.received_at));
        let event = Event {
            workspace: self.key.0.clone(),
            id: new_id(self.received_at)?,
            source: self.key.1.clone(),
            headers: self.headers_of(&received, mode),
            attributes: self.attributes_of(&received),
            event_type: received.event_type,
            subject: received.subject,
            received_at: self.received_at,
            time: received.time,
            external_id: Some(received.id),
            content_type: received.content_type,
            body: received.data,
        };
        Ok(Arrival { once, ..Arrival::of(event) })
    }

    /// Those of binary mode. What a structured request has of them beside the event is not the event's; what is published has none of its call's.
    fn headers_of(&self, received: &Received, mode: Mode) -> Vec<Header> {
        if mode == Mode::Binary && !self.headers.is_empty() {
            return self.headers.to_vec();
        }
        let is_the_events = |name: &str| name.starts_with("ce-") || matches!(name, "content-type" | "content-length");
        // Of a batch each event would have them all: a small request would be a large one on disk.
        let around = if mode == Mode::Batched { &[] } else { self.headers };
        let around = around.iter().filter(|header| !is_the_events(&header.name)).cloned();
        let content_type = received.content_type.iter().map(|value| ("content-type".to_owned(), value.clone()));
        let own = content_type.chain(received.headers()).map(|(name, value)| Header { name, value });
        around.chain(own).collect()
    }

    /// What was verified counts before what the sender says under the same name.
    fn attributes_of(&self, received: &Received) -> Vec<Attribute> {
        let verified = self.attributes.iter().filter(|attribute| attribute.key != cloudevents::SOURCE);
        let mut all: Vec<Attribute> = verified.cloned().collect();
        for attribute in received.attributes() {
            if all.iter().all(|there| there.key != attribute.key) {
                all.push(attribute);
            }
        }
        all
    }
}

/// The problem of a sender whose request, or an event of it, is not taken.
pub(super) fn refused(refusal: &Refusal) -> Problem {
    let (status, kind) = match refusal {
        Refusal::Malformed(_) => (StatusCode::BAD_REQUEST, "not-a-cloudevent"),
        Refusal::TooMany(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-many-events"),
        Refusal::OtherFormat => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "cloudevents-format"),
    };
    Problem::new(status, kind, refusal.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use http::{HeaderName, HeaderValue};
    use serde_json::Value;

    use super::*;

    fn refine_all(more: &Value) -> Result<Source, Invalid> {
        let mut spec = json!({ "verify": { "scheme": "none" }, "format": "cloudevents" });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        serde_json::from_value::<Spec>(spec).expect("a spec").refine(&HashMap::new())
    }

    fn events(headers: &[(&'static str, &'static str)], body: &'static str) -> Result<Vec<Event>, Problem> {
        let source = refine_all(&json!({})).expect("a source");
        let (mut head, ()) = http::Request::new(()).into_parts();
        let headers = headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        head.headers = headers.collect();
        let attributes = vec![Attribute { key: "tenant".into(), value: "verified".into() }];
        let request = Request {
            key: (Name::default_workspace(), "shop".parse().expect("a name")),
            source: &source,
            head,
            body: Bytes::from_static(body.as_bytes()),
            proven: crate::verify::Facts { attributes, replay: None },
            received_at: Timestamp(1_790_000_000_000),
        };
        Ok(all(request, 3)?.into_iter().map(|arrival| arrival.event).collect())
    }

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","tenant":"claimed","data":{"n":1}}"#;

    #[test]
    fn however_an_event_comes_it_is_stored_alike() {
        let plain = |mut event: Event| {
            event.id = crate::event::EventId::new(Timestamp(0), [0; 10]);
            event.headers.sort_by(|a, b| (&a.name, &a.value).cmp(&(&b.name, &b.value)));
            event
        };
        let binary = [
            ("content-type", "application/json"),
            ("ce-specversion", "1.0"),
            ("ce-id", "1"),
            ("ce-source", "/s"),
            ("ce-type", "t"),
            ("ce-tenant", "claimed"),
        ];
        let binary = events(&binary, r#"{"n":1}"#).expect("an event");
        let structured = [("content-type", "application/cloudevents+json"), ("ce-id", "another")];
        let structured = events(&structured, EVENT).expect("an event");
        assert_eq!(structured[0].external_id.as_deref(), Some("1"));
        assert_eq!(structured.into_iter().map(plain).collect::<Vec<_>>(), binary.into_iter().map(plain).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_verified_counts_before_what_is_claimed() {
        let event = events(&[("content-type", "application/cloudevents+json")], EVENT).expect("an event").remove(0);
        let kept: Vec<_> = event.attributes.iter().map(|kept| (&*kept.key, &*kept.value)).collect();
        assert_eq!(kept, [("tenant", "verified"), ("ce-source", "/s")]);
    }

    #[test]
    fn the_events_of_a_batch_do_not_have_its_requests_headers_each() {
        let batch = [("content-type", "application/cloudevents-batch+json"), ("x-filler", "much")];
        let two = r#"[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"2","source":"/s","type":"t"}]"#;
        let names = |event: &Event| event.headers.iter().map(|header| header.name.clone()).collect::<Vec<_>>();
        for event in events(&batch, two).expect("two events") {
            assert!(names(&event).iter().all(|name| name.starts_with("ce-")), "{:?}", event.headers);
        }
        let structured = [("content-type", "application/cloudevents+json"), ("x-filler", "much")];
        assert!(names(&events(&structured, EVENT).expect("one")[0]).contains(&"x-filler".to_owned()));
    }

    #[test]
    fn a_batch_with_one_that_is_wrong_says_which() {
        let batch = [("content-type", "application/cloudevents-batch+json")];
        let problem = events(&batch, "[{}]").expect_err("it is none");
        assert_eq!((problem.status.as_u16(), problem.kind, &problem.members["index"]), (400, "not-a-cloudevent", &json!(0)));
        assert_eq!(events(&batch, "[{},{},{},{}]").expect_err("too many").kind, "too-many-events");
        assert!(events(&batch, "[]").expect("none").is_empty());
        assert_eq!(events(&[("content-type", "application/json")], "{}").expect_err("it is none").status.as_u16(), 400);
    }

    #[test]
    fn what_does_not_go_together_is_pointed_at() {
        for (more, pointer) in [
            (json!({ "type": { "header": "x" } }), "/type"),
            (json!({ "id": { "json": "id" } }), "/id"),
            (json!({ "time": { "json": "at" } }), "/time"),
            (json!({ "decode": "xml" }), "/decode"),
            (json!({ "allowed_rate": 0 }), "/allowed_rate"),
            (json!({ "format": null, "allowed_rate": 1 }), "/allowed_rate"),
            (json!({ "format": null, "allowed_origins": ["*"] }), "/allowed_origins"),
        ] {
            assert_eq!(refine_all(&more).expect_err("refused").pointer, pointer, "{more}");
        }
    }
}
