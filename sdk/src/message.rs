//! What goes on instead of an event.

use crate::Result;
use serde::Serialize;

/// What a transform or a batch sends on. What it does not set stays as the event has it; of a batch, the rule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub(crate) event_type: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) attributes: Option<Vec<(String, String)>>,
    pub(crate) route: Option<String>,
}

impl Message {
    /// These bytes, under the event's content type.
    pub fn bytes(body: impl Into<Vec<u8>>) -> Self {
        Self { event_type: None, content_type: None, headers: Vec::new(), body: body.into(), attributes: None, route: None }
    }

    /// Plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::bytes(text.into()).with_content_type("text/plain; charset=utf-8")
    }

    /// A value as JSON.
    ///
    /// # Errors
    /// Where the value cannot be written as JSON: a map whose keys are no texts.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        Ok(Self::bytes(serde_json::to_vec(value)?).with_content_type("application/json"))
    }

    /// Sets the type.
    #[must_use]
    pub fn with_type(mut self, event_type: impl Into<String>) -> Self {
        self.event_type = Some(event_type.into());
        self
    }

    /// Sets the content type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Adds a header to go out with the message. One that the host owns (`webhook-*`, `host`, `content-length`, ...) fails
    /// the run with `header-not-allowed`.
    #[must_use]
    pub fn with_header(mut self, name: impl AsRef<str>, value: impl Into<String>) -> Self {
        self.headers.push((name.as_ref().to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds an attribute; the first takes the place of all that the event had.
    #[must_use]
    pub fn with_attribute(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.get_or_insert_default().push((key.into(), value.into()));
        self
    }

    /// Sends it to this one of the rule's destinations only.
    #[must_use]
    pub fn with_route(mut self, destination: impl Into<String>) -> Self {
        self.route = Some(destination.into());
        self
    }

    /// The bytes that are sent.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The type, where it was set.
    pub fn event_type(&self) -> Option<&str> {
        self.event_type.as_deref()
    }

    /// The content type, where it was set.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The destination, where it was set.
    pub fn route(&self) -> Option<&str> {
        self.route.as_deref()
    }

    /// The headers that were added.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
