//! Why a request is not its source's: for the operator's log and metrics, never for the sender.

use std::fmt;

/// The step that failed, in words and by its class. Holds no secret and nothing that a sender could not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{told}")]
pub struct Refusal {
    /// The class, for metrics.
    pub reason: Reason,
    /// For the log.
    pub told: String,
}

/// The classes of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Something that the scheme needs is not there.
    Missing,
    /// Something that has to stand once stands more often.
    Repeated,
    /// Something is not written as the provider writes it.
    Malformed,
    /// The time of signing is too far from now.
    Time,
    /// No signature and no secret fits.
    Mismatch,
    /// What is signed could be read in two ways.
    Ambiguous,
    /// A token is of somebody else, or for somebody else.
    Claim,
    /// A plugin refused.
    Plugin,
}

impl Refusal {
    pub(super) fn new(reason: Reason, told: impl Into<String>) -> Self {
        Self { reason, told: told.into() }
    }

    pub(super) fn missing(what: impl fmt::Display) -> Self {
        Self::new(Reason::Missing, format!("{what} is missing"))
    }

    pub(super) fn repeated(what: impl fmt::Display) -> Self {
        Self::new(Reason::Repeated, format!("{what} stands more than once"))
    }

    pub(super) fn malformed(told: impl Into<String>) -> Self {
        Self::new(Reason::Malformed, told)
    }

    pub(super) fn ambiguous(told: impl Into<String>) -> Self {
        Self::new(Reason::Ambiguous, told)
    }
}

impl Reason {
    /// As a metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Repeated => "repeated",
            Self::Malformed => "malformed",
            Self::Time => "time",
            Self::Mismatch => "mismatch",
            Self::Ambiguous => "ambiguous",
            Self::Claim => "claim",
            Self::Plugin => "plugin",
        }
    }
}
