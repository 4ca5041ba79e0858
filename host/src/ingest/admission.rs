//! What is judged before a byte of the body is read: what cannot be stored, or may not be sent like this, need not be sent.

use http::{Method, StatusCode};

use super::{Problem, Source, problem::method_not_allowed};
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

/// Why this method is none of the source's, where it is not; of no source, only `POST` is one.
///
/// Sources take `POST`, and `GET` where a plugin or a handshake may answer it.
pub(super) async fn refused_method(source: Option<&Source>, method: &Method) -> Option<Problem> {
    let answers_get = source.is_some_and(|source| source.plugin.is_some() || source.scheme.answers_get());
    match *method {
        Method::POST => None,
        Method::GET if answers_get => None,
        _ => {
            let allowed = if answers_get { "GET,POST" } else { "POST" };
            Some(method_not_allowed(method.clone()).await.allow(allowed))
        }
    }
}
