//! What a plugin decides: [`Verdict`] of a filter, [`Outcome`] of a transform, and the words that make them.

use crate::{Message, Result};

/// What a filter makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Keep,
    /// It ends here, for this reason.
    Drop(String),
}

/// What a transform makes of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it is, to the byte.
    Keep,
    /// It ends here, for this reason.
    Drop(String),
    /// These go on in its place; several: it is split.
    Emit(Vec<Message>),
}

/// What both [`Verdict`] and [`Outcome`] can say, so that [`keep`] and [`drop`] serve both.
pub trait KeepOrDrop {
    /// The event goes on as it is.
    fn keep() -> Self;
    /// The event ends here.
    fn drop(reason: String) -> Self;
}

impl KeepOrDrop for Verdict {
    fn keep() -> Self {
        Self::Keep
    }

    fn drop(reason: String) -> Self {
        Self::Drop(reason)
    }
}

impl KeepOrDrop for Outcome {
    fn keep() -> Self {
        Self::Keep
    }

    fn drop(reason: String) -> Self {
        Self::Drop(reason)
    }
}

/// The event goes on as it is, to the byte.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn keep<T: KeepOrDrop>() -> Result<T> {
    Ok(T::keep())
}

/// The event ends here; the reason is shown with the run, and counted.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn drop<T: KeepOrDrop>(reason: impl Into<String>) -> Result<T> {
    Ok(T::drop(reason.into()))
}

/// This message goes on in the event's place.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn emit(message: Message) -> Result<Outcome> {
    emit_all([message])
}

/// These messages go on in the event's place.
///
/// # Errors
/// Never: the `Result` is what a plugin returns.
pub fn emit_all(messages: impl IntoIterator<Item = Message>) -> Result<Outcome> {
    Ok(Outcome::Emit(messages.into_iter().collect()))
}
