//! What passes between the host and a guest, in the words of no particular track: a later track gets an adapter of its own to
//! these types, and the chain never learns which one a plugin speaks.

use std::{collections::HashMap, sync::Arc, time::Instant};

use super::{
    custom::Teller,
    grants::Grants,
    limits::LOG_LINES_MAX,
    meter::Meter,
    random::Random,
    state::StateCall,
    text::{one_line, push_clean},
};
use crate::event::{Attribute, Event, Header, Message, Timestamp};

/// What a plugin is shown of an event: type, content type, attributes and body as the plugins before it left them, the headers
/// as they came in. (The headers that a message goes out with are another list, which a guest writes and never reads.)
pub(super) struct Shown<'a> {
    /// The event's id, or that of its piece after a split.
    pub(super) id: &'a str,
    pub(super) event: &'a Event,
    pub(super) message: &'a Message,
    pub(super) attempt: u32,
}

/// Attributes that the host makes of an event's own fields. A plugin may not set them: the next one sees the event's again.
pub(super) const HOST_ATTRIBUTES: [&str; 3] = ["subject", "time", "external-id"];

impl Shown<'_> {
    /// The body as it is by now.
    pub(super) fn body(&self) -> &[u8] {
        self.message.body.as_ref().unwrap_or(&self.event.body)
    }

    /// The message's attributes, after those that the host makes of the event's fields.
    pub(super) fn attributes(&self) -> Vec<(String, String)> {
        let event = self.event;
        let values = [event.subject.clone(), event.time.and_then(rfc3339), event.external_id.clone()];
        let host = HOST_ATTRIBUTES.into_iter().zip(values).filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let own = self.message.attributes.iter().filter(|a| !HOST_ATTRIBUTES.contains(&a.key.as_str()));
        host.chain(own.map(|a| (a.key.clone(), a.value.clone()))).collect()
    }

    /// How much input this is, for the fuel that input buys.
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.event.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
        let attributes: usize = self.message.attributes.iter().map(|a| a.key.len() + a.value.len()).sum();
        self.body().len() + headers + attributes
    }
}

/// RFC 3339, as CloudEvents has it; nothing where the provider's time is beyond the year 9999.
fn rfc3339(time: crate::event::Timestamp) -> Option<String> {
    let ms = i64::try_from(time.0).ok()?;
    Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_string())
}

/// What a filter answers.
pub(super) enum Verdict {
    Keep,
    Drop(String),
}

/// What a transform answers.
pub(super) enum Outcome {
    Keep,
    Drop(String),
    Emit(Vec<Emitted>),
}

/// A message as the guest gave it: nothing of it has been checked.
#[derive(Debug, Default)]
pub(super) struct Emitted {
    pub(super) event_type: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<u8>,
    pub(super) attributes: Option<Vec<Attribute>>,
    pub(super) route: Option<String>,
}

/// A plugin that answers with an error of its own.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    /// `Some`: it wants to be called again, not before so many milliseconds.
    pub(super) retry: Option<Option<u64>>,
}

/// What a call comes to where the guest did not trap: the outer error is the machine's, the inner one the plugin's.
pub(super) type Answer<T> = wasmtime::Result<Result<T, Refusal>>;

/// The plugin's settings, as `config` hands them out. Not printable: operators put tokens there.
#[derive(Default)]
pub(super) struct Settings {
    /// The text of a JSON object.
    pub(super) all: String,
    /// Each top-level setting: a text as it is, anything else as JSON.
    pub(super) each: HashMap<String, String>,
}

impl Settings {
    pub(super) fn of(config: &serde_json::Map<String, serde_json::Value>) -> Self {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let each = config.iter().map(|(key, value)| (key.clone(), text(value))).collect();
        Self { all: serde_json::Value::Object(config.clone()).to_string(), each }
    }
}

/// What a call wrote for people.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) lines: Vec<String>,
    room: usize,
    /// Some did not find room.
    pub(super) dropped: bool,
    /// The last line of level `error`: what a panic said before it trapped.
    pub(super) last_error: Option<String>,
}

impl Lines {
    /// Room for as many lines as a call may write, or fewer where its chain has less left.
    pub(super) fn with_room(room: usize) -> Self {
        Self { lines: Vec::new(), room: room.min(LOG_LINES_MAX), dropped: false, last_error: None }
    }

    /// One line of `level`, the message, and fields as `key=value`.
    pub(super) fn write(&mut self, level: &str, message: &str, fields: &[(&str, &str)]) {
        if level == "error" {
            self.last_error = Some(one_line(message));
        }
        if self.lines.len() >= self.room {
            self.dropped = true;
            return;
        }
        let mut line = String::new();
        push_clean(&mut line, level);
        push_clean(&mut line, " ");
        push_clean(&mut line, message);
        for (key, value) in fields {
            for part in [" ", *key, "=", *value] {
                push_clean(&mut line, part);
            }
        }
        self.lines.push(line);
    }
}

/// What belongs to one instance: made with it, gone with it.
pub(super) struct State {
    pub(super) settings: Arc<Settings>,
    pub(super) meter: Meter,
    pub(super) log: Lines,
    /// What the guest is told that the time is.
    pub(super) now: Timestamp,
    pub(super) random: Random,
    pub(super) grants: Arc<Grants>,
    /// When there was an instance to call.
    pub(super) instantiated: Option<Instant>,
    pub(super) remembered: StateCall,
    pub(super) custom: Teller,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_text_as_it_is_and_anything_else_json() {
        let config = serde_json::json!({"name": "a b", "list": [1, "x"]});
        let settings = Settings::of(config.as_object().expect("an object"));
        assert_eq!(settings.each["name"], "a b");
        assert_eq!(settings.each["list"], r#"[1,"x"]"#);
        assert!(settings.all.contains(r#""name":"a b""#));
    }

    #[test]
    fn a_log_has_an_end_and_still_knows_the_last_error() {
        let mut log = Lines::with_room(2);
        log.write("info", "hello", &[("a", "1"), ("b", "x\ny")]);
        log.write("warn", "two", &[]);
        log.write("error", "three", &[]);
        assert_eq!(log.lines, ["info hello a=1 b=x y", "warn two"]);
        assert!(log.dropped);
        assert_eq!(log.last_error.as_deref(), Some("three"));
    }

    #[test]
    fn a_time_is_written_as_cloudevents_writes_it() {
        assert_eq!(rfc3339(crate::event::Timestamp(1_790_000_000_123)).as_deref(), Some("2026-09-21T14:13:20.123Z"));
        assert_eq!(rfc3339(crate::event::Timestamp(u64::MAX)), None);
    }
}
