//! What senders and destinations are answered where operators have an address of their own: nothing of the API, and no metrics.

use axum::Router;

use super::{Parts, answered, confirm, host, openapi::Routes};

/// The routes beside the ways in: `/healthz` for whoever balances senders, and what the URLs that destinations are given lead to.
pub fn for_senders(parts: Parts) -> Router {
    answered(Routes::tagged("Host").add(host::health()).merge(confirm::routes()), parts)
}
