//! What stands in for the host when a plugin is tested natively: one for each thread, and so for each test.

use crate::log::Level;
use serde::Serialize;
use serde_json::Value;
use std::cell::RefCell;

/// A line that the plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How much it matters.
    pub level: Level,
    /// Its text.
    pub message: String,
    /// The facts beside it.
    pub fields: Vec<(String, String)>,
}

/// One thread's host.
struct Host {
    settings: Value,
    log: Vec<Line>,
}

thread_local! {
    static HOST: RefCell<Host> = const { RefCell::new(Host { settings: Value::Null, log: Vec::new() }) };
}

/// Sets what [`config`](crate::config) reads on this thread.
///
/// # Panics
/// Where the settings cannot be written as JSON.
pub fn set_settings(settings: &impl Serialize) {
    let settings = serde_json::to_value(settings).expect("settings are JSON");
    HOST.with_borrow_mut(|host| host.settings = settings);
}

/// Takes the lines that were logged on this thread.
pub fn take_log() -> Vec<Line> {
    HOST.with_borrow_mut(|host| std::mem::take(&mut host.log))
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields = fields.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    HOST.with_borrow_mut(|host| host.log.push(Line { level, message: message.to_owned(), fields }));
}

pub(crate) fn setting(key: &str) -> Option<String> {
    HOST.with_borrow(|host| match host.settings.get(key)? {
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    })
}

/// As the host has it: no settings are an empty object.
pub(crate) fn settings() -> String {
    HOST.with_borrow(|host| if host.settings.is_null() { "{}".to_owned() } else { host.settings.to_string() })
}
