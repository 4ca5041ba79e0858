//! How a plugin fails: for good, or for now.
//!
//! As in `anyhow`, [`Error`] is made from any error by `?`, and is therefore none itself.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

/// What a plugin's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a plugin does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kebab case, stable, for machines: `invalid-json`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// How a plugin fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// For good: the event becomes a dead letter of its rule.
    Reject(Failure),
    /// For now: the rule's whole chain is run again, later.
    Retry {
        /// Why.
        failure: Failure,
        /// Not before this long; none: the host's own backoff.
        after: Option<Duration>,
    },
}

impl Error {
    /// The event can never be handled.
    pub fn reject(code: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::Reject(Failure { code: code.into(), message: message.to_string() })
    }

    /// The event can be handled later.
    pub fn retry(code: impl Into<String>, message: impl fmt::Display, after: Option<Duration>) -> Self {
        Self::Retry { failure: Failure { code: code.into(), message: message.to_string() }, after }
    }

    /// What is told to machines.
    pub fn code(&self) -> &str {
        &self.failure().code
    }

    /// Why, for both ways to fail.
    pub fn failure(&self) -> &Failure {
        match self {
            Self::Reject(failure) | Self::Retry { failure, .. } => failure,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { code, message } = self.failure();
        write!(f, "{code}: {message}")
    }
}

/// A rejection with the code `failed`, and the text of the error and of what caused it.
impl<E: StdError> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::reject("failed", message)
    }
}

/// Ends the call: the event can never be handled, and becomes a dead letter of its rule.
///
/// ```
/// # use sluicebox_sdk::prelude::*;
/// #[transform]
/// fn euros(event: Event) -> Result<Outcome> {
///     if event.header("x-currency") != Some("EUR") { return reject("unknown-currency", "only EUR is known here"); }
///     keep()
/// }
/// # assert_eq!(euros(Event::new("shop", "paid")).unwrap_err().code(), "unknown-currency");
/// ```
pub fn reject<T>(code: impl Into<String>, message: impl fmt::Display) -> Result<T> {
    Err(Error::reject(code, message))
}

/// Ends the call: the event can be handled, but not before `after`.
///
/// ```
/// # use sluicebox_sdk::prelude::*;
/// # fn later() -> Result<Outcome> {
/// retry_after(30.secs())
/// # }
/// # assert!(matches!(later(), Err(Error::Retry { .. })));
/// ```
pub fn retry_after<T>(after: Duration) -> Result<T> {
    Err(Error::retry("retry", format_args!("the plugin asked to be called again in {after:?}"), Some(after)))
}

/// `30.secs()`, for [`retry_after`].
pub trait DurationExt {
    /// So many seconds.
    fn secs(self) -> Duration;
    /// So many minutes.
    fn mins(self) -> Duration;
}

impl DurationExt for u64 {
    fn secs(self) -> Duration {
        Duration::from_secs(self)
    }

    fn mins(self) -> Duration {
        Duration::from_secs(self.saturating_mul(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_a_rejection() {
        fn parse(text: &str) -> Result<u32> {
            Ok(text.parse::<u32>()?)
        }
        assert_eq!(parse("x").unwrap_err(), Error::reject("failed", "invalid digit found in string"));
    }
}
