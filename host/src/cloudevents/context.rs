//! The attributes of an event that comes in, and what the standard asks of them: CloudEvents 1.0, sections "Required attributes" and
//! "Naming conventions".

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{
    SOURCE,
    outgoing::{is_attribute_name, percent_encoded, rfc3339},
};
use crate::event::{Attribute, Timestamp};

/// The longest value of an attribute, in bytes.
const VALUE_BYTES_MAX: usize = 4 * 1024;
/// The longest of those that events are found by, in characters.
const FACT_CHARS_MAX: usize = 1024;
/// The most attributes of one event.
const ATTRIBUTES_MAX: usize = 64;

/// Why a request, or an entry of a batch, is no CloudEvent; for who sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

impl Malformed {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// An event that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Unique within its source.
    pub id: String,
    /// A URI reference, not empty.
    pub source: String,
    /// Not empty.
    pub event_type: String,
    /// What it is about.
    pub subject: Option<String>,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// `datacontenttype`.
    pub content_type: Option<String>,
    /// Extensions, and `dataschema`, by name.
    pub extensions: Vec<Attribute>,
    /// The data's own bytes.
    pub data: Bytes,
}

impl Received {
    /// What is kept beside the event's own fields.
    #[must_use]
    pub fn attributes(&self) -> Vec<Attribute> {
        let source = Attribute { key: SOURCE.to_owned(), value: self.source.clone() };
        std::iter::once(source).chain(self.extensions.iter().cloned()).collect()
    }

    /// The headers that it has in binary mode, in lower case.
    #[must_use]
    pub fn headers(&self) -> Vec<(String, String)> {
        let mut all = vec![("specversion", "1.0".to_owned())];
        all.extend([("id", self.id.clone()), ("source", self.source.clone()), ("type", self.event_type.clone())]);
        all.extend(self.subject.clone().map(|subject| ("subject", subject)));
        all.extend(self.time.map(|time| ("time", rfc3339(time))));
        all.extend(self.extensions.iter().map(|extension| (extension.key.as_str(), extension.value.clone())));
        all.into_iter().map(|(name, value)| (format!("ce-{name}"), percent_encoded(&value))).collect()
    }
}

/// Attributes while they are read.
#[derive(Debug, Default)]
pub(super) struct Context(BTreeMap<String, String>);

impl Context {
    pub(super) fn put(&mut self, name: &str, value: String) -> Result<(), Malformed> {
        // What is repeated to the sender is cut: names may be long.
        let shown: String = name.chars().take(64).collect();
        let wrong = |why: &str| Err(Malformed(format!("the attribute `{shown}` {why}")));
        if !is_attribute_name(name) || matches!(name, "data" | "data_base64") {
            return wrong("has a name that is none: only lower-case letters and digits, and not `data`");
        }
        if value.len() > VALUE_BYTES_MAX {
            return wrong(&format!("is longer than {VALUE_BYTES_MAX} bytes"));
        }
        if value.chars().any(char::is_control) {
            return wrong("has control characters");
        }
        if self.0.insert(name.to_owned(), value).is_some() {
            return wrong("stands more than once");
        }
        if self.0.len() > ATTRIBUTES_MAX {
            return Err(Malformed(format!("there are more than {ATTRIBUTES_MAX} attributes")));
        }
        Ok(())
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        self.0.get("datacontenttype").map(String::as_str)
    }

    /// The event, where nothing is missing.
    pub(super) fn received(mut self, data: Bytes) -> Result<Received, Malformed> {
        match self.0.remove("specversion").as_deref() {
            Some("1.0") => {}
            Some(_) => return Err(Malformed::new("the attribute `specversion` has to be 1.0")),
            None => return Err(missing("specversion")),
        }
        let time = self.0.remove("time").map(|text| moment(&text).ok_or_else(no_moment)).transpose()?;
        let subject = self.fact("subject")?.filter(|subject| !subject.is_empty());
        Ok(Received {
            id: self.required("id")?,
            source: self.required("source")?,
            event_type: self.required("type")?,
            subject,
            time,
            content_type: self.0.remove("datacontenttype"),
            extensions: self.0.into_iter().map(|(key, value)| Attribute { key, value }).collect(),
            data,
        })
    }

    fn required(&mut self, name: &str) -> Result<String, Malformed> {
        self.fact(name)?.filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
    }

    fn fact(&mut self, name: &str) -> Result<Option<String>, Malformed> {
        match self.0.remove(name) {
            Some(value) if value.chars().count() > FACT_CHARS_MAX => {
                Err(Malformed(format!("the attribute `{name}` is longer than {FACT_CHARS_MAX} characters")))
            }
            value => Ok(value),
        }
    }
}

fn missing(name: &str) -> Malformed {
    Malformed(format!("the attribute `{name}` is missing or empty"))
}

fn no_moment() -> Malformed {
    Malformed::new("the attribute `time` is no time like 2026-01-31T12:00:00Z (RFC 3339), from 1970 on")
}

/// A time as RFC 3339 writes it, from 1970 on.
#[must_use]
pub fn moment(text: &str) -> Option<Timestamp> {
    // jiff reads more than that: other separators, and names of zones in brackets.
    let is_rfc3339 = matches!(text.as_bytes().get(10), Some(b'T' | b't')) && !text.contains('[');
    let at = text.parse::<jiff::Timestamp>().ok().filter(|_| is_rfc3339)?;
    u64::try_from(at.as_millisecond()).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(attributes: &[(&str, &str)]) -> Result<Received, Malformed> {
        let mut context = Context::default();
        for (name, value) in attributes {
            context.put(name, (*value).to_owned())?;
        }
        context.received(Bytes::new())
    }

    const GOOD: [(&str, &str); 4] = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];

    #[test]
    fn what_the_standard_requires_has_to_be_there() {
        assert!(received(&GOOD).is_ok());
        for (at, (name, _)) in GOOD.iter().enumerate() {
            let mut without = GOOD.to_vec();
            without.remove(at);
            assert!(received(&without).expect_err(name).0.contains(name));
            without.push((name, ""));
            assert!(received(&without).is_err(), "{name} is empty");
        }
        let mut older = GOOD;
        older[0].1 = "0.3";
        assert!(received(&older).is_err());
    }

    #[test]
    fn names_and_values_have_rules() {
        fn with(name: &str, value: &str) -> Result<Received, Malformed> {
            received(&[&GOOD[..], &[(name, value)]].concat())
        }
        for bad in ["", "Upper", "a-b", "a_b", "\u{fc}", "data", "data_base64", "id"] {
            assert!(with(bad, "x").is_err(), "{bad}");
        }
        assert!(with("traceparent", &"x".repeat(VALUE_BYTES_MAX)).is_ok());
        assert!(with("traceparent", &"x".repeat(VALUE_BYTES_MAX + 1)).is_err());
        assert!(with("subject", &"x".repeat(FACT_CHARS_MAX + 1)).is_err());
        assert!(with("tenant", "two\nlines").is_err());
        assert_eq!(with("subject", "").expect("none").subject, None);
        let many: Vec<String> = (0..ATTRIBUTES_MAX).map(|at| format!("x{at}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "")).collect();
        assert!(received(&[&GOOD[..], &many].concat()).is_err());
    }

    #[test]
    fn a_time_is_that_of_rfc_3339() {
        assert_eq!(moment("2023-11-14T23:13:20.5+01:00"), Some(Timestamp(1_700_000_000_500)));
        for bad in
            ["", "2023-11-14", "2023-11-14 22:13:20Z", "2023-11-14T22:13:20", "1969-12-31T23:59:59Z", "2023-11-14T22:13:20Z[UTC]"]
        {
            assert_eq!(moment(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_kept_as_attributes_and_as_headers() {
        let event =
            received(&[&GOOD[..], &[("partitionkey", "a b"), ("time", "2023-11-14T22:13:20Z")]].concat()).expect("an event");
        let kept: Vec<_> = event.attributes().into_iter().map(|kept| (kept.key, kept.value)).collect();
        assert_eq!(kept, [("ce-source".to_owned(), "/s".to_owned()), ("partitionkey".to_owned(), "a b".to_owned())]);
        let headers = event.headers();
        assert!(headers.contains(&("ce-partitionkey".to_owned(), "a%20b".to_owned())), "{headers:?}");
        assert!(headers.contains(&("ce-time".to_owned(), "2023-11-14T22:13:20Z".to_owned())), "{headers:?}");
    }
}
