//! What a handler says of its own entry in the audit log: what cannot be told before the call is read.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use aide::operation::OperationInput;
use axum::extract::FromRequestParts;
use http::request;

/// Said by the handler, read when it has answered. Where the call has no entry, nobody reads it.
#[derive(Clone, Debug, Default)]
pub(in crate::api) struct Remark(Arc<Said>);

#[derive(Debug, Default)]
struct Said {
    changes_nothing: AtomicBool,
    of_host: AtomicBool,
}

impl Remark {
    /// The call only asks what would be done.
    pub(in crate::api) fn changes_nothing(&self) {
        self.0.changes_nothing.store(true, Ordering::Relaxed);
    }

    /// What it changes is the host's, and no workspace's.
    pub(in crate::api) fn is_of_host(&self) {
        self.0.of_host.store(true, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> (bool, bool) {
        (self.0.changes_nothing.load(Ordering::Relaxed), self.0.of_host.load(Ordering::Relaxed))
    }
}

impl<S: Sync> FromRequestParts<S> for Remark {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(head: &mut request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(head.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

impl OperationInput for Remark {}
