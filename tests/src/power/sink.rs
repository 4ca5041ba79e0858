//! A receiver that remembers little: hosts without number send to it.

use std::{collections::HashSet, sync::Arc};

use axum::response::IntoResponse;
use http::StatusCode;
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

use crate::{PATIENCE, Receiver};

/// How a body begins that somebody waits for.
const AWAITED: &[u8] = b"awaited ";

/// A running receiver that knows which of the awaited bodies came.
pub(super) struct Sink {
    receiver: Receiver,
    came: Arc<(Mutex<HashSet<Vec<u8>>>, Notify)>,
}

impl Sink {
    pub(super) async fn start() -> Self {
        let came: Arc<(Mutex<HashSet<Vec<u8>>>, Notify)> = Arc::default();
        let seen = Arc::clone(&came);
        let receiver = Receiver::answering(move |received| {
            if received.body.starts_with(AWAITED) {
                seen.0.lock().unwrap_or_else(PoisonError::into_inner).insert(received.body.to_vec());
                seen.1.notify_waiters();
            }
            StatusCode::NO_CONTENT.into_response()
        });
        Self { receiver: receiver.await, came }
    }

    pub(super) fn url(&self) -> &str {
        self.receiver.url()
    }

    /// A body that can be waited for.
    pub(super) fn awaited(what: &str) -> Vec<u8> {
        [AWAITED, what.as_bytes()].concat()
    }

    /// Whether it came in time.
    pub(super) async fn comes(&self, body: &[u8]) -> bool {
        let waiting = async {
            loop {
                let came = self.came.1.notified();
                if self.came.0.lock().unwrap_or_else(PoisonError::into_inner).contains(body) {
                    return;
                }
                came.await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.is_ok()
    }
}
