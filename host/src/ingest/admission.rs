//! What is judged before a byte of the body is read: what cannot be stored, or may not be sent like this, need not be sent.

use http::{Method, StatusCode};

use super::{Problem, Source, methods::Methods, peer::Peer, problem::method_not_allowed};
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

/// Whether the source lets the sender's address in. Who sends from an address that is not known is not let in.
pub(super) fn address(source: &Source, peer: Option<&Peer>) -> Result<(), Problem> {
    let Some(allowed) = &source.allow_from else { return Ok(()) };
    if peer.is_some_and(|peer| allowed.has(peer.0)) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "address-not-allowed", "this source takes no requests from your address"))
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
