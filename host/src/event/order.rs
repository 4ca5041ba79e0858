//! Which events are in order with which: those with the same key.

use bytes::Bytes;
use serde_json::Value;

use super::{Event, Header, JsonPath};

/// Keys are indexed; of a longer one so many characters count, so that events whose keys begin alike are in order too.
const KEY_CHARS_MAX: usize = 1024;

/// What a destination wants to have in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// All events.
    All,
    /// Those with the same value here in their JSON body.
    Json(JsonPath),
    /// Those with the same value of this header (in lower case).
    Header(String),
}

/// An event whose keys are sought. Its body is parsed at most once, and only where a key is in it.
pub struct OrderKeys<'e> {
    headers: &'e [Header],
    body: &'e Bytes,
    parsed: Option<Option<Value>>,
}

impl<'e> OrderKeys<'e> {
    /// The keys of this event.
    #[must_use]
    pub fn of(event: &'e Event) -> Self {
        Self { headers: &event.headers, body: &event.body, parsed: None }
    }

    /// The key, from the event as it came in; `None` where it has none, and then it is in no order: what has no key has nothing in common.
    pub fn key(&mut self, order: &Order) -> Option<String> {
        let key = match order {
            Order::All => String::new(),
            Order::Json(path) => path.find(self.json()?)?,
            Order::Header(name) => self.headers.iter().find(|header| header.name == *name)?.value.clone(),
        };
        Some(key.chars().take(KEY_CHARS_MAX).collect())
    }

    fn json(&mut self) -> Option<&Value> {
        let body = self.body;
        self.parsed.get_or_insert_with(|| serde_json::from_slice(body).ok()).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(order: &Order, body: &'static str) -> Option<String> {
        let headers =
            [Header { name: "x-account".into(), value: "7".into() }, Header { name: "x-account".into(), value: "8".into() }];
        OrderKeys { headers: &headers, body: &Bytes::from_static(body.as_bytes()), parsed: None }.key(order)
    }

    #[test]
    fn a_key_is_in_the_body_or_a_header() {
        let json = Order::Json(JsonPath::of("account.id"));
        assert_eq!(key(&json, r#"{"account":{"id":42}}"#).as_deref(), Some("42"));
        assert_eq!(key(&json, r#"{"account":{}}"#), None);
        assert_eq!(key(&json, "<account/>"), None);
        assert_eq!(key(&Order::Header("x-account".into()), "").as_deref(), Some("7"));
        assert_eq!(key(&Order::Header("x-other".into()), ""), None);
        assert_eq!(key(&Order::All, "<account/>").as_deref(), Some(""));
    }
}
