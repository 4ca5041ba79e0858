//! Facts of an event, taken from its request. What is not there is not made up: the fact is absent.

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::event::JsonPath;

/// Where a fact is.
#[derive(Clone, Debug)]
pub(super) enum Extract {
    /// The first header of this name.
    Header(HeaderName),
    /// In the JSON body.
    Json(JsonPath),
    /// Always this.
    Fixed(String),
}

/// A request whose body is parsed at most once, and only when a fact is in it.
pub(super) struct Facts<'a> {
    headers: &'a HeaderMap,
    body: &'a [u8],
    parsed: Option<Option<Value>>,
}

impl Extract {
    pub(super) fn json(path: &str) -> Self {
        Self::Json(JsonPath::of(path))
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(headers: &'a HeaderMap, body: &'a [u8]) -> Self {
        Self { headers, body, parsed: None }
    }

    /// The fact, cut to 1,024 characters; `None` where it is not there or is no text, number or boolean.
    pub(super) fn find(&mut self, place: Option<&Extract>) -> Option<String> {
        Some(self.find_whole(place?)?.chars().take(FACT_CHARS_MAX).collect())
    }

    /// The fact, however long.
    pub(super) fn find_whole(&mut self, place: &Extract) -> Option<String> {
        Some(match place {
            Extract::Header(name) => text_of_header(self.headers.get(name)?.as_bytes()),
            Extract::Json(path) => path.find(self.json()?)?,
            Extract::Fixed(value) => value.clone(),
        })
    }

    fn json(&mut self) -> Option<&Value> {
        self.parsed.get_or_insert_with(|| serde_json::from_slice(self.body).ok()).as_ref()
    }
}

/// Facts are indexed and shown; a provider that puts a document into a header is cut short.
const FACT_CHARS_MAX: usize = 1024;

/// Header values are bytes: those above 0x7F are read as ISO-8859-1, so that none is lost.
pub(super) fn text_of_header(value: &[u8]) -> String {
    value.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_found_or_absent() {
        let mut headers = HeaderMap::new();
        headers.insert("x-event", http::HeaderValue::from_static("issues"));
        let mut facts = Facts::new(&headers, br#"{"a":{"b":[{"id":7}]},"t":"x","o":{}}"#);
        let mut json = |path: &str| facts.find(Some(&Extract::json(path)));
        assert_eq!(json("a.b.0.id").as_deref(), Some("7"));
        assert_eq!(json("$.t").as_deref(), Some("x"));
        assert_eq!(json("o"), None);
        assert_eq!(json("a.b.1.id"), None);
        assert_eq!(facts.find(Some(&Extract::Header(HeaderName::from_static("x-event")))).as_deref(), Some("issues"));
        assert_eq!(facts.find(None), None);
    }

    #[test]
    fn a_body_that_is_no_json_has_no_facts() {
        let headers = HeaderMap::new();
        assert_eq!(Facts::new(&headers, &[0xff, 0xfe]).find(Some(&Extract::json("a"))), None);
    }
}
