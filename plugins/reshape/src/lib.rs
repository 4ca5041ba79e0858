//! Builds a new body from a template in the settings, with values of the event in it.

mod origin;
mod template;

use origin::Input;
use sluicebox_sdk::prelude::*;
use std::collections::BTreeMap;
use template::{Missing, Template, Text};

/// What goes on in the event's place.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// A JSON body. Either this or `text`.
    pub body: Option<Template>,
    /// A body that is plain text.
    pub text: Option<Text>,
    /// The event's new type; as it was where there is none.
    #[serde(rename = "type")]
    pub event_type: Option<Text>,
    /// The body's media type; else `application/json`, or `text/plain; charset=utf-8`.
    pub content_type: Option<String>,
    /// Headers to go out with it; one that becomes empty is left out.
    #[serde(default)]
    pub headers: BTreeMap<String, Text>,
    /// What becomes of placeholders that lead to nothing.
    #[serde(default)]
    pub missing: Missing,
}

/// Values are copied as text: a number keeps every digit.
#[transform]
pub fn reshape(event: Event, settings: Settings) -> Result<Outcome> {
    let (mut input, missing) = (Input::new(&event), settings.missing);
    let (body, media_type) = match (&settings.body, &settings.text) {
        (Some(body), None) => (body.fill(&mut input, missing)?.unwrap_or_else(|| "null".to_owned()), "application/json"),
        (None, Some(text)) => (text.fill(&mut input, missing)?, "text/plain; charset=utf-8"),
        _ => return reject("invalid-config", "either `body` or `text` is needed"),
    };
    let media_type = settings.content_type.as_deref().unwrap_or(media_type);
    let mut message = Message::bytes(body).with_content_type(media_type);
    if let Some(event_type) = &settings.event_type {
        message = message.with_type(event_type.fill(&mut input, missing)?);
    }
    for (name, value) in &settings.headers {
        // A line break would end the header.
        let value = value.fill(&mut input, missing)?.replace(char::is_control, " ");
        if !value.is_empty() {
            message = message.with_header(name, value);
        }
    }
    emit(message)
}

#[cfg(test)]
mod tests;
