//! What is judged before a byte of the body is read: what cannot be stored, or may not be sent like this, need not be sent.

use http::{HeaderMap, Method, StatusCode};

use super::{Problem, Source, append::Appender, methods::Methods, peer::Peer, problem::method_not_allowed};
use crate::journal::{Journal, Space};

/// After so long a sender that found no space may try again.
const FULL_RETRY_SECS: u64 = 60;

/// Whether the store has space for an event at all.
pub(super) fn space(journal: &dyn Journal) -> Result<(), Problem> {
    if let Space::Full(_) = journal.space() { Err(storage_full()) } else { Ok(()) }
}

pub(super) fn storage_full() -> Problem {
    let detail = "no space to store the event; try again later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-full", detail).retry_after(FULL_RETRY_SECS)
}

/// After so long a sender that found the journal behind may try again.
const BEHIND_RETRY_SECS: u64 = 5;
/// What HTTP/2 counts for each header beside its name and value (RFC 9113, section 6.5.2); as much as HTTP/1 needs, roughly.
const HEADER_OVERHEAD_BYTES: usize = 32;

/// Whether the journal keeps up with what comes.
pub(super) fn backlog(appender: &Appender) -> Result<(), Problem> {
    if !appender.is_full() {
        return Ok(());
    }
    let detail = "more is coming in than can be stored in time; try again";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(BEHIND_RETRY_SECS))
}

/// Whether the source lets the sender's address in. Who sends from an address that is not known is not let in.
pub(super) fn address(source: &Source, peer: Option<&Peer>) -> Result<(), Problem> {
    let Some(allowed) = &source.allow_from else { return Ok(()) };
    if peer.is_some_and(|peer| allowed.has(peer.0)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "address-not-allowed", "this source takes no requests from your address"))
}

/// Whether the headers are within what their source takes.
pub(super) fn headers(source: &Source, headers: &HeaderMap) -> Result<(), Problem> {
    let Some(max) = source.limits.header_bytes_max else { return Ok(()) };
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES).sum();
    if bytes <= max {
        return Ok(());
    }
    let detail = format!("the headers are larger than {max} bytes, which is this source's max_header_bytes");
    Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", detail))
}

/// Why this method is none of the source's, where it is not; of no source, only `POST` is one.
///
/// A `GET` is one too where a plugin or a handshake may answer it.
pub(super) async fn refused_method(source: Option<&Source>, method: &Method) -> Option<Problem> {
    let asks = source.is_some_and(|source| source.plugin.is_some() || source.scheme.answers_get());
    let default = Methods::default();
    let methods = source.map_or(&default, |source| &source.methods);
    if methods.take(method) || (asks && *method == Method::GET) {
        return None;
    }
    Some(method_not_allowed(method.clone()).await.allow(&methods.allow(asks)))
}
