//! Drops events whose content was seen shortly before, whatever id their sender gave them.
//!
//! What was seen is remembered by a hash, for the window and no longer. It is stored together with what becomes of the event: the one
//! that was let through and then failed in a later plugin was not seen, so that sending it again helps.

use sha2::{Digest as _, Sha256};
use sluicebox_sdk::json::{self, Path};
use sluicebox_sdk::prelude::*;
use sluicebox_sdk::state::{Error as StateError, put_for};

/// What is the same, and for how long.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How long after the first one others are dropped.
    #[config(min = 1, max = 2_592_000)]
    pub window_seconds: u64,
    /// Paths to the values that are compared, as they stand in the body. None: all bytes of the body.
    #[serde(default)]
    #[config(any)]
    pub fields: Vec<Path>,
    /// What becomes of an event that there is no room to remember.
    #[serde(default)]
    #[config(any)]
    pub when_full: WhenFull,
}

/// What becomes of an event that there is no room to remember.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenFull {
    /// It goes on, and so will others like it.
    #[default]
    Keep,
    /// It becomes a dead letter.
    Reject,
}

/// Events of different sources or types are never the same. One without any of the fields is the same as no other.
#[filter]
pub fn dedupe(event: Event, settings: Settings) -> Result<Verdict> {
    let Some(key) = key(&event, &settings.fields)? else { return keep() };
    if let Some(first) = state::get(&key)? {
        return drop(format!("the same as {}", String::from_utf8_lossy(&first)));
    }
    match put_for(settings.window_seconds.secs(), &key, event.id()) {
        Err(StateError::Quota) if settings.when_full == WhenFull::Keep => {
            log::warn!("there is no room to remember it: others like it will not be dropped");
            keep()
        }
        stored => {
            stored?;
            keep()
        }
    }
}

/// Half of a SHA-256, which nobody finds two contents for: it decides what is dropped.
fn key(event: &Event, fields: &[Path]) -> Result<Option<String>> {
    let mut hash = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(event.source().as_bytes());
    part(event.event_type().as_bytes());
    let mut any = fields.is_empty();
    if any {
        part(event.body());
    }
    for path in fields {
        let found = json::find(event.body(), std::slice::from_ref(path))?;
        any |= !found.is_empty();
        part(&(found.len() as u64).to_be_bytes());
        found.into_iter().for_each(|place| part(&event.body()[place]));
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(any.then(|| hex(&hash.finalize()[..16])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::{config, testing};

    const ISSUE: &[u8] = include_bytes!("../../../tests/fixtures/github/issues.opened.json");

    fn run(id: &str, body: impl Into<Vec<u8>>, settings: &Value) -> Result<Verdict> {
        testing::set_settings(settings);
        dedupe(Event::new("shop", "order").with_id(id).with_body(body), config::settings()?)
    }

    #[test]
    fn the_second_of_two_is_dropped_until_the_window_is_over() {
        let settings = json!({ "window_seconds": 60 });
        testing::set_now_ms(1_000);
        assert_eq!(run("evt_1", ISSUE, &settings), keep());
        assert_eq!(run("evt_2", ISSUE, &settings), drop("the same as evt_1"));
        assert_eq!(run("evt_3", [ISSUE, b" "].concat(), &settings), keep());
        testing::set_now_ms(60_999);
        assert_eq!(run("evt_4", ISSUE, &settings), drop("the same as evt_1"), "what is dropped does not make the window longer");
        testing::set_now_ms(61_000);
        assert_eq!(run("evt_5", ISSUE, &settings), keep());
    }

    #[test]
    fn only_the_fields_are_compared() {
        let settings = json!({ "window_seconds": 60, "fields": ["order.id", "items[*].sku"] });
        let body = |id: &str, skus: &str, at: u8| format!(r#"{{"order": {{"id": {id}}}, "items": [{skus}], "at": {at}}}"#);
        let (a, b) = (r#"{"sku": "a"}"#, r#"{"sku": "b"}"#);
        assert_eq!(run("1", body("7", a, 1), &settings), keep());
        assert_eq!(run("2", body("7", a, 2), &settings), drop("the same as 1"));
        assert_eq!(run("3", body("8", a, 1), &settings), keep());
        assert_eq!(run("4", body("7", &format!("{a}, {b}"), 1), &settings), keep());
        assert_eq!(run("5", body("7", "", 1), &settings), keep());
        assert_eq!(run("6", body("7", "", 9), &settings), drop("the same as 5"));
    }

    #[test]
    fn an_event_without_the_fields_is_like_no_other() {
        let settings = json!({ "window_seconds": 60, "fields": ["id"] });
        assert_eq!(run("1", r#"{"a": 1}"#, &settings), keep());
        assert_eq!(run("2", r#"{"a": 1}"#, &settings), keep());
        assert!(testing::stored().is_empty());
        assert_eq!(run("3", "id=1", &settings).expect_err("no JSON").code(), "invalid-json");
    }

    #[test]
    fn sources_and_types_are_told_apart() {
        testing::set_settings(&json!({ "window_seconds": 60 }));
        for (source, event_type) in [("a", "bc"), ("ab", "c"), ("ab", "d")] {
            let event = Event::new(source, event_type).with_body("{}");
            assert_eq!(dedupe(event, config::settings().expect("settings")), keep(), "{source} {event_type}");
        }
    }

    #[test]
    fn without_the_grant_it_says_so() {
        testing::deny_state();
        assert_eq!(run("1", "", &json!({ "window_seconds": 60 })).expect_err("no grant").code(), "not-granted");
    }
}
