//! Asking a plugin whether it can run with its settings, before any event meets them.

use wasmtime::Engine;

use super::{
    Bound,
    call::{Asked, Done, Session},
    limits::{POINTER_BYTES_MAX, PROBLEMS_MAX},
    metrics::Metrics,
    text::one_line,
};
use crate::event::{Invalid, Timestamp, plain_words};

/// What of its settings the plugin refuses, each with its place in the entry; a plugin that cannot be asked is a problem too. Settings
/// that are right today have to be right tomorrow, so the guest is told no time.
pub(super) fn check(engine: &Engine, metrics: &Metrics, plugin: &Bound) -> Vec<Invalid> {
    let mut session = Session::start(engine, metrics, Timestamp(0));
    let settings = &plugin.settings.all;
    let asked = Asked { export: "validate-config", id: "", input_bytes: settings.len() };
    let answer = session.call(
        plugin,
        asked,
        |store| plugin.loaded.guest.validate_config(store, settings),
        |problems| {
            let result = if problems.is_empty() { "valid" } else { "invalid" };
            Ok(Done { value: problems, result, messages: 0 })
        },
    );
    match answer {
        Ok(problems) => problems.into_iter().take(PROBLEMS_MAX).map(refine).collect(),
        Err(fault) => vec![Invalid::at("/config", format!("it could not be checked: {}", fault.failure.message))],
    }
}

/// A problem as the guest told it: a pointer within its settings, and a text.
fn refine((path, message): (String, String)) -> Invalid {
    let mut pointer = "/config".to_owned();
    let path = one_line(&path);
    if !path.is_empty() && path.len() <= POINTER_BYTES_MAX {
        pointer += if path.starts_with('/') { "" } else { "/" };
        pointer += &path;
    }
    let message = plain_words(&one_line(&message));
    Invalid::at(pointer, if message.is_empty() { "the plugin refuses it, and does not say why".to_owned() } else { message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_within_the_settings_whatever_the_guest_says() {
        let refined = |path: &str, message: &str| {
            let invalid = refine((path.into(), message.into()));
            (invalid.pointer, invalid.message)
        };
        assert_eq!(refined("/fields/0", "bad"), ("/config/fields/0".into(), "bad".into()));
        assert_eq!(refined("fields", "two\nlines"), ("/config/fields".into(), "two lines".into()));
        let serdes = refined("n", "invalid type: sequence, expected usize");
        assert_eq!(serdes, ("/config/n".into(), "expected a whole number, 0 or more, found a list".into()));
        assert_eq!(refined("", ""), ("/config".into(), "the plugin refuses it, and does not say why".into()));
        assert_eq!(refined(&"x".repeat(2_000), "far").0, "/config");
    }
}
