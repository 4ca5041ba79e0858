//! Facts of an event, taken from its request. What is not there is not made up: the fact is absent.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, header};
use serde_json::Value;

use super::{decode::is_form, moment};
use crate::event::{JsonPath, Timestamp};

/// Where a fact is: in the first of these places that has it.
#[derive(Clone, Debug)]
pub(super) struct Extract(pub(super) Vec<Place>);

/// Where a fact may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The first header of this name.
    Header(HeaderName),
    /// In the JSON body.
    Json(JsonPath),
    /// The first parameter of this name in the URL's query.
    Query(String),
    /// The first field of this name in a body that is a form.
    Form(String),
    /// Always this.
    Fixed(String),
}

/// A request whose body is parsed at most once, and only when a fact is in it.
pub(super) struct Facts<'a> {
    headers: &'a HeaderMap,
    query: &'a str,
    /// As it came.
    form: &'a [u8],
    /// As the event has it.
    json: &'a [u8],
    parsed: Option<Option<Value>>,
}

impl Extract {
    /// Whether the fact may be one that all events have alike.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().any(|place| matches!(place, Place::Fixed(_)))
    }

    /// Whether the fact is nowhere but in the JSON body.
    pub(super) fn is_in_body(&self) -> bool {
        self.0.iter().all(|place| matches!(place, Place::Json(_)))
    }
}

impl<'a> Facts<'a> {
    pub(super) fn new(headers: &'a HeaderMap, query: Option<&'a str>, body: &'a [u8]) -> Self {
        Self { headers, query: query.unwrap_or_default(), form: body, json: body, parsed: None }
    }

    /// With the JSON that the body was decoded to.
    pub(super) fn decoded(self, body: &'a [u8]) -> Self {
        Self { json: body, ..self }
    }

    /// The fact, cut to 1,024 characters; `None` where it is not there, is empty, or is no text, number or boolean.
    pub(super) fn find(&mut self, fact: Option<&Extract>) -> Option<String> {
        Some(self.find_whole(fact?)?.chars().take(FACT_CHARS_MAX).collect())
    }

    /// The fact, however long.
    pub(super) fn find_whole(&mut self, fact: &Extract) -> Option<String> {
        fact.0.iter().find_map(|place| self.text_at(place).filter(|text| !text.is_empty()))
    }

    /// The first of the places' texts that is a time.
    pub(super) fn time(&mut self, fact: Option<&Extract>) -> Option<Timestamp> {
        fact?.0.iter().find_map(|place| moment::read(&self.text_at(place)?))
    }

    fn text_at(&mut self, place: &Place) -> Option<String> {
        Some(match place {
            Place::Header(name) => text_of_header(self.headers.get(name)?.as_bytes()),
            Place::Json(path) => path.find(self.json()?)?,
            Place::Query(name) => parameter(self.query.as_bytes(), name)?.into_owned(),
            Place::Form(name) if is_form(self.headers.get(header::CONTENT_TYPE)) => parameter(self.form, name)?.into_owned(),
            Place::Form(_) => return None,
            Place::Fixed(value) => value.clone(),
        })
    }

    fn json(&mut self) -> Option<&Value> {
        self.parsed.get_or_insert_with(|| serde_json::from_slice(self.json).ok()).as_ref()
    }
}

/// The first parameter of this name, as browsers read a form: what is not UTF-8 is replaced.
fn parameter<'a>(encoded: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(encoded).find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Facts are indexed and shown; a provider that puts a document into a header is cut short.
const FACT_CHARS_MAX: usize = 1024;

/// Header values are bytes: those above 0x7F are read as ISO-8859-1, so that none is lost.
pub(super) fn text_of_header(value: &[u8]) -> String {
    value.iter().map(|&b| char::from(b)).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";

    fn headers(content_type: &'static str) -> HeaderMap {
        let all = [("x-event", "issues"), ("x-empty", ""), ("content-type", content_type)];
        all.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    fn header(name: &'static str) -> Place {
        Place::Header(HeaderName::from_static(name))
    }

    fn json(path: &str) -> Place {
        Place::Json(JsonPath::of(path))
    }

    #[test]
    fn a_fact_is_found_or_absent() {
        let headers = headers("application/json");
        let mut facts = Facts::new(&headers, Some("a=1&b=%C3%A4+x&a=2"), br#"{"a":{"b":[{"id":7}]},"t":"x","o":{}}"#);
        let mut find = |place: Place| facts.find(Some(&Extract(vec![place])));
        assert_eq!(find(json("a.b.0.id")).as_deref(), Some("7"));
        assert_eq!(find(json("$.t")).as_deref(), Some("x"));
        assert_eq!(find(header("x-event")).as_deref(), Some("issues"));
        assert_eq!(find(Place::Query("b".into())).as_deref(), Some("\u{e4} x"));
        assert_eq!(find(Place::Query("a".into())).as_deref(), Some("1"));
        for absent in [json("o"), json("a.b.1.id"), header("x-empty"), Place::Query("c".into()), Place::Form("a".into())] {
            assert_eq!(find(absent.clone()), None, "{absent:?}");
        }
        assert_eq!(facts.find(None), None);
    }

    #[test]
    fn of_several_places_the_first_that_has_it_counts() {
        let headers = headers(FORM);
        let mut facts = Facts::new(&headers, None, b"SmsStatus=sent&At=1500000000");
        let form = |name: &str| Place::Form(name.into());
        let fact = Extract(vec![header("x-empty"), form("MessageStatus"), form("SmsStatus"), Place::Fixed("other".into())]);
        assert_eq!(facts.find(Some(&fact)).as_deref(), Some("sent"));
        let time = Extract(vec![header("x-event"), form("At")]);
        assert_eq!(facts.time(Some(&time)), Some(Timestamp(1_500_000_000_000)));
    }

    #[test]
    fn a_decoded_body_has_facts_as_json_and_as_it_came() {
        let headers = headers(FORM);
        let mut facts = Facts::new(&headers, None, b"payload=%7B%22type%22%3A1%7D").decoded(br#"{"type":1}"#);
        assert_eq!(facts.find(Some(&Extract(vec![json("type")]))).as_deref(), Some("1"));
        assert!(facts.find(Some(&Extract(vec![Place::Form("payload".into())]))).is_some());
    }

    #[test]
    fn a_body_that_is_no_json_has_no_facts() {
        let headers = HeaderMap::new();
        assert_eq!(Facts::new(&headers, None, &[0xff, 0xfe]).find(Some(&Extract(vec![json("a")]))), None);
    }
}
