//! What came in.

use crate::{Error, Result, json};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An event as the host hands it over, or as a test makes it: by [`Event::new`] and the `with_` functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) source: String,
    pub(crate) received_at_ms: u64,
    pub(crate) attempt: u32,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Event {
    /// The same across retries, and across repeats after a crash.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `invoice.paid`; empty where the source names none.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The source's name in the hub file.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// When its last byte had arrived, in milliseconds since the Unix epoch.
    pub fn received_at_ms(&self) -> u64 {
        self.received_at_ms
    }

    /// 1 on the first run; one more after each failure that counts.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The body's media type, where the sender told it.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The first header of this name, in any case of letters.
    ///
    /// ```
    /// # use sluicebox_sdk::prelude::*;
    /// let event = Event::new("github", "push").with_header("X-GitHub-Delivery", "7d2f");
    /// assert_eq!(event.header("x-github-delivery"), Some("7d2f"));
    /// assert_eq!(event.header("x-other"), None);
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All headers: names in lower case, in order of arrival, duplicates kept, credentials removed.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A fact that has no function here: `subject`, `time`, `external-id`, a CloudEvents extension.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// All attributes.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The bytes as they came: neither JSON nor UTF-8 is promised.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The same, without a copy, where the event is no longer needed.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The body as text.
    ///
    /// ```
    /// # use sluicebox_sdk::prelude::*;
    /// assert_eq!(Event::new("shop", "note").with_body("grün").text()?, "grün");
    /// assert_eq!(Event::new("shop", "note").with_body([0xff]).text().unwrap_err().code(), "invalid-utf8");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Rejects with `invalid-utf8` what is none.
    pub fn text(&self) -> Result<&str> {
        std::str::from_utf8(&self.body).map_err(|error| Error::reject("invalid-utf8", error))
    }

    /// The body, read from JSON.
    ///
    /// ```
    /// # use sluicebox_sdk::prelude::*;
    /// #[derive(Deserialize)]
    /// struct Order { id: u64 }
    ///
    /// let order: Order = Event::new("shop", "order").with_body(r#"{"id": 7, "more": []}"#).json()?;
    /// assert_eq!(order.id, 7);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Rejects with `invalid-json`, and the line and column, what is no JSON or does not fit the type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(json::invalid)
    }

    /// The first value at a [path](json::Path) of the body; none where there is no such value, or null.
    ///
    /// ```
    /// # use sluicebox_sdk::prelude::*;
    /// let event = Event::new("github", "issues").with_body(r#"{"sender": {"login": "octocat"}}"#);
    /// assert_eq!(event.json_at::<String>("sender.login")?.as_deref(), Some("octocat"));
    /// assert_eq!(event.json_at::<String>("sender.email")?, None);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Rejects with `invalid-json` a body that is none or a value that does not fit the type, and with `invalid-path` a path
    /// that is none.
    pub fn json_at<T: DeserializeOwned>(&self, path: impl AsRef<str>) -> Result<Option<T>> {
        let path = path.as_ref();
        let found = json::find(&self.body, &[path.parse()?])?.into_iter().next();
        found.map_or(Ok(None), |span| {
            serde_json::from_slice(&self.body[span])
                .map_err(|error| Error::reject("invalid-json", format_args!("{path}: {error}")))
        })
    }
}

/// Making events for tests.
impl Event {
    /// An event with a fixed id and an empty body.
    pub fn new(source: impl Into<String>, event_type: impl Into<String>) -> Self {
        Self {
            id: "evt_test".to_owned(),
            event_type: event_type.into(),
            source: source.into(),
            received_at_ms: 1_767_225_600_000,
            attempt: 1,
            content_type: None,
            headers: Vec::new(),
            body: Vec::new(),
            attributes: Vec::new(),
        }
    }

    /// Sets the id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = id.into();
        self
    }

    /// Sets the body, and leaves the content type as it is.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to this as JSON, and the content type with it.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON.
    pub fn with_json(self, value: &impl Serialize) -> Result<Self> {
        Ok(self.with_body(serde_json::to_vec(value)?).with_content_type("application/json"))
    }

    /// Sets the content type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Adds a header, its name in lower case as the host has it.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.push((name.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.push((key.into(), value.into()));
        self
    }

    /// Sets when it came, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn with_received_at_ms(mut self, received_at_ms: u64) -> Self {
        self.received_at_ms = received_at_ms;
        self
    }

    /// Sets the attempt, from 1.
    #[must_use]
    pub fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn bad_json_is_rejected_with_its_place() {
        let error = Event::new("shop", "").with_body("{\n  \"a\": ,\n}").json::<Value>().unwrap_err();
        assert_eq!(error, Error::reject("invalid-json", "expected value at line 2 column 8"));
    }

    #[test]
    fn a_value_of_another_type_is_rejected_with_its_path() {
        let error = Event::new("shop", "").with_body(r#"{"a": {"b": 1}}"#).json_at::<String>("a.b").unwrap_err();
        assert!(error.failure().message.starts_with("a.b: invalid type: integer `1`"), "{error}");
    }

    #[test]
    fn headers_are_found_in_any_case() {
        let event = Event::new("github", "push").with_header("X-GitHub-Event", "push");
        assert_eq!(event.header("x-github-EVENT"), Some("push"));
        assert_eq!(event.headers().next(), Some(("x-github-event", "push")));
    }
}
