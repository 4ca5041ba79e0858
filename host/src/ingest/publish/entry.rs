//! One event as JSON: what it is for, what it is, and its data.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    cloudevents,
    event::{Event, Header, Name, Timestamp, plain_words},
    ingest::{Problem, Source, events::new_id, extract::Facts, idempotency::once_by, methods::METHOD_HEADER},
    journal::Arrival,
};

/// The most headers of one event.
const HEADERS_MAX: usize = 64;
/// All of them, names and values, in bytes.
const HEADERS_BYTES_MAX: usize = 16 * 1024;
/// The longest type, subject or id, in characters.
const FACT_CHARS_MAX: usize = 1024;

/// An entry of a call.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry<'a> {
    /// The name of one of our sources.
    pub(super) source: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    subject: Option<String>,
    id: Option<String>,
    time: Option<String>,
    content_type: Option<String>,
    /// Any JSON, null too; of a media type that is not JSON's a text stands for itself.
    #[serde(borrow, default, deserialize_with = "there")]
    data: Option<&'a RawValue>,
    data_base64: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    idempotency_key: Option<String>,
}

/// A null is data as well.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

impl<'a> Entry<'a> {
    pub(super) fn read(item: &'a RawValue) -> Result<Self, Problem> {
        serde_json::from_str(item.get()).map_err(|error| refused(format!("no event: {}", plain_words(&error.to_string()))))
    }

    /// The event's body; `document` is the call's.
    pub(super) fn data(&self, document: &Bytes) -> Result<Bytes, Problem> {
        match (self.data, &self.data_base64) {
            (Some(_), Some(_)) => Err(refused("there is a `data` and a `data_base64`; an event has one of them")),
            (Some(data), None) => {
                cloudevents::data(data, self.content_type.as_deref(), document).map_err(|malformed| refused(malformed.0))
            }
            (None, Some(text)) => {
                let bytes = BASE64_STANDARD.decode(text);
                bytes.map(Bytes::from).map_err(|_| refused("`data_base64` is no text in base64 (RFC 4648, section 4)"))
            }
            (None, None) => Ok(Bytes::new()),
        }
    }

    /// The event. What the entry leaves out is found where the source says.
    pub(super) fn arrival(
        self,
        key: &(Name, Name),
        source: &Source,
        data: Bytes,
        received_at: Timestamp,
    ) -> Result<Arrival, Problem> {
        let headers = self.headers()?;
        let mut facts = Facts::new(&headers, None, &data);
        let event_type = given("type", self.event_type)?.or_else(|| facts.find(source.event_type.as_ref()));
        let subject = given("subject", self.subject)?.or_else(|| facts.find(source.subject.as_ref()));
        let external_id = given("id", self.id)?.or_else(|| facts.find(source.id.as_ref()));
        let time = self.time.map(|text| cloudevents::moment(&text).ok_or_else(no_time)).transpose()?;
        let time = time.or_else(|| facts.time(source.time.as_ref()));
        let idempotency = source.idempotency.as_ref();
        let once = match (self.idempotency_key.filter(|key| !key.is_empty()), idempotency) {
            (Some(key), _) => Some(once_by(&key, idempotency, received_at)),
            (None, None) => None,
            (None, Some(by)) => {
                let by_id = || external_id.as_deref().map(|id| once_by(id, idempotency, received_at));
                // The id that is told counts before the place where the provider has it.
                if by.is_by_id() { by_id() } else { by.once(&mut facts, received_at).or_else(by_id) }
            }
        };
        let content_type = self.content_type.or_else(|| self.data.map(|_| "application/json".to_owned()));
        let event = Event {
            workspace: key.0.clone(),
            id: new_id(received_at)?,
            source: key.1.clone(),
            event_type: event_type.unwrap_or_default(),
            subject,
            received_at,
            time,
            external_id,
            content_type,
            headers: kept(source, self.headers),
            body: data,
            attributes: Vec::new(),
        };
        Ok(Arrival { once, ..Arrival::of(event) })
    }

    /// As a request would have them, which is how they are looked at.
    fn headers(&self) -> Result<HeaderMap, Problem> {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
            return Err(refused(format!("an event has at most {HEADERS_MAX} headers, of {HEADERS_BYTES_MAX} bytes together")));
        }
        let mut headers = HeaderMap::new();
        for (name, text) in &self.headers {
            let wrong = || refused(format!("the header `{}` cannot be one of HTTP", name.chars().take(80).collect::<String>()));
            let parsed: HeaderName = name.parse().map_err(|_| wrong())?;
            let value: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
            let value = value.and_then(|value| HeaderValue::from_bytes(&value).ok()).ok_or_else(wrong)?;
            if headers.insert(parsed, value).is_some() {
                return Err(refused(format!("the header `{name}` stands more than once")));
            }
        }
        Ok(headers)
    }
}

/// Without those that carry credentials.
fn kept(source: &Source, headers: BTreeMap<String, String>) -> Vec<Header> {
    let credentials = source.scheme.credential_headers();
    let lower = headers.into_iter().map(|(name, value)| Header { name: name.to_ascii_lowercase(), value });
    let is_kept = |header: &Header| *header.name != METHOD_HEADER && credentials.iter().all(|name| name.as_str() != header.name);
    lower.filter(is_kept).collect()
}

fn given(what: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    match text {
        Some(text) if text.chars().count() > FACT_CHARS_MAX => {
            Err(refused(format!("`{what}` is longer than {FACT_CHARS_MAX} characters")))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

fn no_time() -> Problem {
    refused("`time` is no time like 2026-01-31T12:00:00Z (RFC 3339), from 1970 on")
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad-event", detail)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::ingest::Spec;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn arrival_at(source: &Value, entry: &Value) -> Result<Arrival, Problem> {
        let source = serde_json::from_value::<Spec>(source.clone()).expect("a spec").refine(&HashMap::new()).expect("a source");
        let document = Bytes::from(entry.to_string());
        let raw: &RawValue = serde_json::from_slice(&document).expect("JSON");
        let entry = Entry::read(raw)?;
        let data = entry.data(&document)?;
        entry.arrival(&(Name::default_workspace(), "shop".parse().expect("a name")), &source, data, NOW)
    }

    fn arrival(entry: &Value) -> Result<Arrival, Problem> {
        arrival_at(&json!({ "verify": { "scheme": "none" }, "type": { "json": "kind" }, "id": { "header": "x-id" } }), entry)
    }

    #[test]
    fn an_entry_becomes_an_event() {
        let entry = json!({
            "source": "shop", "type": "order.paid", "subject": "7", "id": "a", "time": "2023-11-14T22:13:20Z",
            "data": { "kind": "other" }, "headers": { "X-Tenant": "b", "Authorization": "Bearer canary" },
        });
        let Arrival { event, once, given_up } = arrival(&entry).expect("an event");
        assert_eq!(
            (&*event.event_type, event.subject.as_deref(), event.external_id.as_deref()),
            ("order.paid", Some("7"), Some("a"))
        );
        assert_eq!((event.time, event.content_type.as_deref()), (Some(Timestamp(1_700_000_000_000)), Some("application/json")));
        assert_eq!(event.headers, [Header { name: "x-tenant".into(), value: "b".into() }], "no credentials");
        assert_eq!(event.body, r#"{"kind":"other"}"#);
        assert!(once.is_none() && given_up.is_none());
    }

    #[test]
    fn what_it_leaves_out_is_found_where_the_source_says() {
        let event =
            arrival(&json!({ "source": "shop", "data": { "kind": "order" }, "headers": { "X-Id": "9" } })).expect("one").event;
        assert_eq!((&*event.event_type, event.external_id.as_deref()), ("order", Some("9")));
    }

    #[test]
    fn data_is_json_text_bytes_or_nothing() {
        let body = |entry: Value| {
            let event = arrival(&entry).expect("an event").event;
            (event.content_type, event.body.to_vec())
        };
        assert_eq!(body(json!({ "source": "shop", "data": null })), (Some("application/json".into()), b"null".to_vec()));
        assert_eq!(body(json!({ "source": "shop" })), (None, Vec::new()));
        assert_eq!(body(json!({ "source": "shop", "data_base64": "/w==" })), (None, vec![0xff]));
        let text = json!({ "source": "shop", "content_type": "text/plain", "data": "a\nb" });
        assert_eq!(body(text), (Some("text/plain".into()), b"a\nb".to_vec()));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (more, told) in [
            (json!({ "tpye": "x" }), "tpye"),
            (json!({ "time": "yesterday" }), "time"),
            (json!({ "data": 1, "data_base64": "" }), "data_base64"),
            (json!({ "data_base64": "?" }), "base64"),
            (json!({ "subject": "x".repeat(FACT_CHARS_MAX + 1) }), "subject"),
            (json!({ "headers": { "a b": "x" } }), "a b"),
            (json!({ "headers": { "a": "\u{20ac}" } }), "`a`"),
            (json!({ "headers": { "a": "x".repeat(HEADERS_BYTES_MAX) } }), "bytes"),
        ] {
            let mut entry = json!({ "source": "shop" });
            entry.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let problem = arrival(&entry).expect_err("it is wrong");
            assert!(problem.status == 400 && problem.detail.contains(told), "{problem:?}");
        }
    }

    #[test]
    fn a_key_is_the_entrys_own_or_the_sources() {
        let plain = json!({ "verify": { "scheme": "none" } });
        let by_id = json!({ "verify": { "scheme": "none" }, "id": { "header": "x-id" }, "idempotency": { "window": "1h" } });
        let once = |source: &Value, more: Value| {
            let mut entry = json!({ "source": "shop" });
            entry.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            arrival_at(source, &entry).expect("an event").once
        };
        let own = once(&plain, json!({ "idempotency_key": "k" })).expect("a key");
        assert_eq!(own.until, NOW.plus_ms(24 * 3_600_000));
        let hours = once(&by_id, json!({ "idempotency_key": "k", "id": "a" })).expect("a key");
        assert_eq!((hours.key, hours.until), (own.key, NOW.plus_ms(3_600_000)));
        assert_eq!(once(&by_id, json!({ "id": "k" })).expect("the id").key, own.key);
        assert_eq!(once(&plain, json!({ "id": "k" })), None);
        assert_eq!(once(&by_id, json!({})), None);
    }
}
