//! What the attributes generate against: one trait for each kind of plugin, in the types of this crate. No part of the API.
//!
//! The traits are there natively too, so that a wrong signature is found by `cargo check`, before anything is built for a guest.

use crate::config::{Config, Problem};
use crate::{Batch, Decision, Event, Message, Outcome, Request, Result, Verdict};
use serde::de::DeserializeOwned;

#[cfg(target_family = "wasm")]
pub use crate::guest::bindings::{batch, filter, lifecycle, transform, verify};

/// What `#[filter]` implements.
pub trait Filter {
    /// Judges an event.
    fn filter(event: Event) -> Result<Verdict>;
}

/// What `#[transform]` implements.
pub trait Transform {
    /// Changes an event.
    fn transform(event: Event) -> Result<Outcome>;
}

/// What `#[batch]` implements.
pub trait Fold {
    /// Which batch an event joins; none: it is delivered alone.
    fn key(event: &Event) -> Result<Option<String>>;
    /// Folds a batch.
    fn fold(batch: Batch) -> Result<Vec<Message>>;
}

/// What `#[verify]` implements.
pub trait Verify {
    /// Judges a request.
    fn verify(request: Request) -> Result<Decision>;
}

/// What `#[derive(Config)]` implements.
pub trait Lifecycle {
    /// Checks settings, the text of a JSON object.
    fn validate_config(config: &str) -> std::result::Result<(), Vec<Problem>>;
}

/// Checks settings by their type.
///
/// # Errors
/// All problems.
pub fn validate_config<T: Config + DeserializeOwned>(config: &str) -> std::result::Result<(), Vec<Problem>> {
    let settings = serde_json::from_str(config).map_err(|error| vec![Problem::new("", error.to_string())])?;
    crate::config::check_text::<T>(&settings, config)
}

/// Natively nothing is exported; this is what uses an implementation there.
#[cfg(not(target_family = "wasm"))]
pub const fn filter<P: Filter>(_: &P) {}

/// As [`filter`].
#[cfg(not(target_family = "wasm"))]
pub const fn transform<P: Transform>(_: &P) {}

/// As [`filter`].
#[cfg(not(target_family = "wasm"))]
pub const fn batch<P: Fold>(_: &P) {}

/// As [`filter`].
#[cfg(not(target_family = "wasm"))]
pub const fn verify<P: Verify>(_: &P) {}

/// As [`filter`].
#[cfg(not(target_family = "wasm"))]
pub const fn lifecycle<P: Lifecycle>(_: &P) {}

/// What a `#[filter]` function may return.
#[diagnostic::on_unimplemented(
    message = "`#[filter]` expects fn(Event[, Settings]) -> bool, Verdict, Result<bool> or Result<Verdict>",
    label = "returns `{Self}`"
)]
pub trait IntoVerdict {
    /// What was decided.
    fn into_verdict(self) -> Result<Verdict>;
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Result<Verdict> {
        Ok(self)
    }
}

impl IntoVerdict for bool {
    fn into_verdict(self) -> Result<Verdict> {
        Ok(if self { Verdict::Keep } else { Verdict::Drop("filtered out".to_owned()) })
    }
}

impl<T: IntoVerdict> IntoVerdict for Result<T> {
    fn into_verdict(self) -> Result<Verdict> {
        self?.into_verdict()
    }
}

/// What a `#[transform]` function may return.
#[diagnostic::on_unimplemented(
    message = "`#[transform]` expects fn(Event[, Settings]) -> Result<Outcome>",
    label = "returns `{Self}`"
)]
pub trait IntoOutcome {
    /// What was decided.
    fn into_outcome(self) -> Result<Outcome>;
}

impl IntoOutcome for Result<Outcome> {
    fn into_outcome(self) -> Result<Outcome> {
        self
    }
}

/// What a `#[batch]` function may return.
#[diagnostic::on_unimplemented(
    message = "`#[batch]` expects fn(Batch[, Settings]) -> Result<Message> or Result<Vec<Message>>",
    label = "returns `{Self}`"
)]
pub trait IntoMessages {
    /// What goes on.
    fn into_messages(self) -> Result<Vec<Message>>;
}

impl IntoMessages for Result<Message> {
    fn into_messages(self) -> Result<Vec<Message>> {
        Ok(vec![self?])
    }
}

impl IntoMessages for Result<Vec<Message>> {
    fn into_messages(self) -> Result<Vec<Message>> {
        self
    }
}

/// What a `#[verify]` function may return.
#[diagnostic::on_unimplemented(
    message = "`#[verify]` expects fn(Request[, Settings]) -> Result<Decision>",
    label = "returns `{Self}`"
)]
pub trait IntoDecision {
    /// What was decided.
    fn into_decision(self) -> Result<Decision>;
}

impl IntoDecision for Result<Decision> {
    fn into_decision(self) -> Result<Decision> {
        self
    }
}

/// What a function named as a batch's key may return.
#[diagnostic::on_unimplemented(
    message = "the key of `#[batch]` expects fn(&Event) -> Option<String> or Result<Option<String>>",
    label = "returns `{Self}`"
)]
pub trait IntoKey {
    /// Which batch the event joins.
    fn into_key(self) -> Result<Option<String>>;
}

impl IntoKey for Option<String> {
    fn into_key(self) -> Result<Option<String>> {
        Ok(self)
    }
}

impl IntoKey for Result<Option<String>> {
    fn into_key(self) -> Result<Option<String>> {
        self
    }
}

/// The key at a path of the body: a text as it is, a number or truth value as JSON. An event without one (no such value, another
/// kind of value, or no JSON at all) is in no batch, and no failure either.
pub fn key_at(event: &Event, path: &str) -> Option<String> {
    use serde_json::Value;
    match event.json_at::<Value>(path).ok()?? {
        Value::String(text) => Some(text),
        other @ (Value::Number(_) | Value::Bool(_)) => Some(other.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
