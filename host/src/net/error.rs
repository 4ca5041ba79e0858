//! Why there is no response: one class out of seven, found by type in the client's error, never by its text.

use std::error::Error;

use hyper_util::client::legacy;

use super::dialer::DialError;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SendError {
    /// The kind.
    pub class: Class,
    /// For people; it names the host, never the path, which may hold a secret.
    pub message: String,
    /// What the layer below said.
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// Kinds of failure, told apart for retries, metrics and people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The name did not resolve.
    Dns,
    /// No connection.
    Connect,
    /// No TLS session.
    Tls,
    /// Not within the time.
    Timeout,
    /// An address that the operator did not allow, or a URL that hides one.
    Forbidden,
    /// What came was no HTTP, or broke off before its headers had ended.
    Protocol,
    /// The token endpoint gave no token to authorize with.
    Token,
}

impl SendError {
    /// No head of a response came within the time.
    pub(super) fn timed_out(host: &str, timeout_ms: u64) -> Self {
        Self { class: Class::Timeout, message: format!("no response from `{host}` within {timeout_ms} ms"), source: None }
    }

    /// The client failed before there was a response.
    pub(super) fn before_response(host: &str, error: legacy::Error) -> Self {
        let (class, message) = match causes(&error).find_map(|cause| cause.downcast_ref::<DialError>()) {
            Some(dial) => (class_of(dial), told(dial)),
            // The dialer's own failures are typed, so what else went wrong while connecting is the TLS handshake.
            None if error.is_connect() => (Class::Tls, format!("no TLS session with `{host}`: {}", root(&error))),
            None => (Class::Protocol, format!("`{host}` gave no HTTP response: {}", root(&error))),
        };
        Self { class, message, source: Some(error.into()) }
    }
}

fn class_of(error: &DialError) -> Class {
    match error {
        DialError::Lookup { .. } | DialError::NoAddress { .. } => Class::Dns,
        DialError::Url(_) | DialError::Port(_) | DialError::Forbidden { .. } => Class::Forbidden,
        DialError::Connect { .. } => Class::Connect,
        DialError::TimedOut { .. } => Class::Timeout,
    }
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// An error with its causes, as one sentence.
fn told(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The innermost cause: hyper's own layers say little more than where they were.
fn root(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
