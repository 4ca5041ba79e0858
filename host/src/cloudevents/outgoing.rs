//! Events that go out. Data that is JSON stands in the document byte for byte as it came; it is not parsed into values and written anew,
//! which could change numbers.

use std::fmt::Write as _;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{json, value::RawValue};

use super::SOURCE;
use crate::event::{Attribute, Event, Message, Timestamp};

/// Under which source and id an event came in as a CloudEvent, where the message is that event still: what merely passes through keeps
/// them, so that its consumers know it again wherever they get it from. What a plugin changed is another event, and ours.
#[must_use]
pub fn passed_through<'e>(event: &'e Event, message: &Message) -> Option<(&'e str, &'e str)> {
    let source = event.attributes.iter().find(|attribute| attribute.key == SOURCE)?;
    let unchanged = message.body.is_none()
        && message.event_type == event.event_type
        && message.content_type == event.content_type
        && message.attributes == event.attributes;
    event.external_id.as_deref().filter(|_| unchanged).map(|id| (source.value.as_str(), id))
}

/// The context of an event. Its data is handed along with it.
#[derive(Clone, Debug)]
pub struct CloudEvent<'a> {
    /// Unique within the source.
    pub id: String,
    /// A URI reference.
    pub source: String,
    /// Not empty.
    pub event_type: &'a str,
    /// Empty is none: the standard forbids it.
    pub subject: Option<&'a str>,
    /// When it happened.
    pub time: Timestamp,
    /// `datacontenttype`; none means JSON.
    pub content_type: Option<&'a str>,
    /// Extensions. Those whose name the standard forbids, or has given away, are left out.
    pub extensions: &'a [Attribute],
}

impl CloudEvent<'_> {
    /// The event in the JSON format (section 3.1): data that is declared as JSON and is JSON in `data`, all other in `data_base64`. No
    /// data is no member.
    #[must_use]
    pub fn json(&self, data: &[u8]) -> String {
        let mut fields = serde_json::Map::new();
        for (name, value) in self.attributes() {
            fields.insert(name.to_owned(), value.into());
        }
        if let Some(content_type) = self.content_type {
            fields.insert("datacontenttype".to_owned(), content_type.into());
        }
        let head = json!(fields).to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        let raw = self.content_type.is_none_or(is_json).then(|| serde_json::from_slice::<&RawValue>(data).ok()).flatten();
        match raw {
            _ if data.is_empty() => format!("{head}}}"),
            Some(raw) => format!("{head},\"data\":{}}}", raw.get()),
            None => format!("{head},\"data_base64\":\"{}\"}}", BASE64_STANDARD.encode(data)),
        }
    }

    /// The headers of binary mode (HTTP binding, section 3.1.3). The content type is the data's own and not among them.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        self.attributes().into_iter().map(|(name, value)| (format!("ce-{name}"), percent_encoded(&value))).collect()
    }

    /// All attributes but `datacontenttype`, each once.
    fn attributes(&self) -> Vec<(&str, String)> {
        let mut all = vec![
            ("specversion", "1.0".to_owned()),
            ("id", self.id.clone()),
            ("source", self.source.clone()),
            ("type", self.event_type.to_owned()),
            ("time", rfc3339(self.time)),
        ];
        all.extend(self.subject.filter(|subject| !subject.is_empty()).map(|subject| ("subject", subject.to_owned())));
        for Attribute { key, value } in self.extensions {
            if is_extension_name(key) && all.iter().all(|(name, _)| name != key) {
                all.push((key, value.clone()));
            }
        }
        all
    }
}

/// Whether a media type is that of JSON: `application/json`, `text/json`, or any with the suffix `+json` (RFC 6839).
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// CloudEvents 1.0, "Naming conventions": lower-case letters and digits, and not a name that is the standard's own. `dataschema` is, and
/// passes as an extension does.
fn is_extension_name(key: &str) -> bool {
    const OWN: [&str; 9] = ["specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data", "data_base64"];
    is_attribute_name(key) && !OWN.contains(&key)
}

/// CloudEvents 1.0, "Naming conventions".
pub(super) fn is_attribute_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// HTTP binding, section 3.1.3.2: space, `"`, `%` and what is not visible ASCII, byte by byte of its UTF-8.
pub(super) fn percent_encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => write!(encoded, "%{byte:02X}").expect("a string takes all"),
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all"),
        }
    }
    encoded
}

/// A time as CloudEvents write it (RFC 3339).
#[must_use]
pub fn rfc3339(time: Timestamp) -> String {
    let ms = i64::try_from(time.0).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn event<'a>(content_type: Option<&'a str>, extensions: &'a [Attribute]) -> CloudEvent<'a> {
        CloudEvent {
            id: "msg_1".into(),
            source: "/w/default/in/shop".into(),
            event_type: "order.paid",
            subject: Some("\u{20ac} 5%"),
            time: Timestamp(1_700_000_000_000),
            content_type,
            extensions,
        }
    }

    fn extension(key: &str, value: &str) -> Attribute {
        Attribute { key: key.into(), value: value.into() }
    }

    #[test]
    fn json_stands_as_it_came_and_all_else_in_base64() {
        let document = event(Some("application/json"), &[]).json(b"{\"n\":1.10}");
        assert!(document.ends_with(",\"data\":{\"n\":1.10}}"), "{document}");
        for (content_type, data) in [(Some("text/plain"), "1"), (Some("application/json"), "no json"), (None, "no json")] {
            let document: Value = serde_json::from_str(&event(content_type, &[]).json(data.as_bytes())).expect("JSON");
            assert_eq!(document["data_base64"], BASE64_STANDARD.encode(data), "{content_type:?}");
            assert!(document.get("data").is_none());
        }
        assert!(event(None, &[]).json(b"1").ends_with("\"data\":1}"), "without a type it is JSON");
        assert!(!event(None, &[]).json(b"").contains("data"));
    }

    #[test]
    fn an_extension_takes_no_name_that_is_taken() {
        let all = [extension("tenant", "a}b"), extension("tenant", "2"), extension("id", "x"), extension("Upper", "x")];
        let document: Value = serde_json::from_str(&event(None, &all).json(b"")).expect("JSON");
        assert_eq!((&document["tenant"], &document["id"], document.get("Upper")), (&json!("a}b"), &json!("msg_1"), None));
    }

    #[test]
    fn what_passes_through_keeps_its_source_and_id() {
        let attributes = vec![extension(SOURCE, "//their.example/shop"), extension("tenant", "a")];
        let event = Event {
            workspace: crate::event::Name::default_workspace(),
            id: crate::event::EventId::new(Timestamp(0), [0; 10]),
            source: "shop".parse().expect("a name"),
            event_type: "order.paid".into(),
            subject: None,
            received_at: Timestamp(0),
            time: None,
            external_id: Some("7".into()),
            content_type: None,
            headers: Vec::new(),
            body: bytes::Bytes::from_static(b"1"),
            attributes,
        };
        let message = Message::of(&event);
        assert_eq!(passed_through(&event, &message), Some(("//their.example/shop", "7")));
        let changed = Message { body: Some(bytes::Bytes::from_static(b"2")), ..message.clone() };
        assert_eq!(passed_through(&event, &changed), None);
        let renamed = Message { event_type: "order".into(), ..message };
        assert_eq!(passed_through(&event, &renamed), None);
        let other = Event { attributes: Vec::new(), ..event.clone() };
        assert_eq!(passed_through(&other, &Message::of(&other)), None, "it came in otherwise");
        let headers = CloudEvent { extensions: &event.attributes, ..super::tests::event(None, &[]) }.headers();
        assert!(headers.iter().all(|(_, value)| !value.contains("their.example")), "it is no extension: {headers:?}");
    }

    #[test]
    fn headers_are_visible_ascii() {
        let headers = event(Some("text/plain"), &[extension("tenant", "say \"hi\"\n")]).headers();
        let find = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(find("ce-subject"), Some("%E2%82%AC%205%25"));
        assert_eq!(find("ce-tenant"), Some("say%20%22hi%22%0A"));
        assert_eq!((find("ce-specversion"), find("ce-time")), (Some("1.0"), Some("2023-11-14T22:13:20Z")));
        assert_eq!(find("ce-datacontenttype"), None);
    }

    #[test]
    fn a_media_type_says_whether_it_is_json() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/problem+json", "text/json"] {
            assert!(is_json(json), "{json}");
        }
        for other in ["", "text/plain", "application/jsonl", "application/json-seq"] {
            assert!(!is_json(other), "{other}");
        }
    }
}
