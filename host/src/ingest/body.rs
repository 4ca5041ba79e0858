//! The bodies of requests, read within bounds: of size, of time, and of all bodies together.
//!
//! A body is read before it can be verified, so anybody may send one. What it may come to is taken from a budget before its first byte
//! is read; where the budget is used up, the sender is told to come again, and nobody waits.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, HttpBody as _};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Options, Problem};

/// After so long a sender that found the budget used up may try again.
const BUSY_RETRY_SECS: u64 = 5;

/// Reads bodies.
#[derive(Debug)]
pub(super) struct Bodies {
    /// A permit is a byte.
    budget: Arc<Semaphore>,
    held: Gauge,
    timeout: Duration,
}

/// A body's share of the budget, given back when the value is dropped.
#[derive(Debug)]
pub(super) struct Share {
    permit: OwnedSemaphorePermit,
    held: Gauge,
}

impl Bodies {
    pub(super) fn new(options: &Options, registry: &mut Registry) -> Self {
        let held = Gauge::default();
        registry.register("sluicebox_ingest_body_bytes_in_flight", "Bytes set aside for bodies", held.clone());
        let budget = Arc::new(Semaphore::new(options.body_bytes_in_flight_max.min(Semaphore::MAX_PERMITS)));
        Self { budget, held, timeout: Duration::from_millis(options.body_timeout_ms) }
    }

    /// Reads a body of at most `max` bytes. The share is to be kept until the bytes are stored.
    ///
    /// What a body may come to is judged before a byte of it is read, what it comes to while reading.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body, max: usize) -> Result<(Bytes, Share), Problem> {
        if headers.contains_key(header::CONTENT_ENCODING) {
            let detail = "send the body without a Content-Encoding";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding", detail));
        }
        // Of the framing, not of the header, which HTTP/1.1 ignores where the body is chunked.
        let declared = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if declared.is_some_and(|bytes| bytes > max) {
            return Err(too_large(max));
        }
        let share = self.share(declared.unwrap_or(max))?;
        match timeout(self.timeout, Limited::new(body, max).collect()).await {
            Ok(Ok(collected)) => {
                let body = collected.to_bytes();
                let share = share.of(body.len());
                Ok((body, share))
            }
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large(max)),
            Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "body-broken", "the body ended before it was complete")),
            Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body-too-slow", "the body took too long to arrive")),
        }
    }

    fn share(&self, bytes: usize) -> Result<Share, Problem> {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget).try_acquire_many_owned(permits).map_err(|_| {
            let detail = "more is coming in than can be held at once; try again";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(BUSY_RETRY_SECS)
        })?;
        self.held.inc_by(i64::from(permits));
        Ok(Share { permit, held: self.held.clone() })
    }
}

impl Share {
    /// As much of it as is needed: what is left is given back.
    fn of(mut self, bytes: usize) -> Self {
        let more = self.bytes().saturating_sub(bytes);
        if let Some(more) = self.permit.split(more) {
            drop(Self { permit: more, held: self.held.clone() });
        }
        self
    }

    pub(super) fn bytes(&self) -> usize {
        self.permit.num_permits()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.held.dec_by(i64::try_from(self.permit.num_permits()).unwrap_or(i64::MAX));
    }
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body is larger than {max} bytes, the most that is taken here (of a source: its max_body_bytes)");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;

    /// Ten bytes for all bodies together.
    fn bodies() -> Bodies {
        Bodies::new(&Options { body_bytes_in_flight_max: 10, ..Options::default() }, &mut Registry::default())
    }

    /// A body that does not tell its length, as a chunked one.
    struct Unsized(Body);

    impl axum::body::HttpBody for Unsized {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Pin::new(&mut self.0).poll_frame(context)
        }
    }

    async fn read(bodies: &Bodies, body: Body) -> Result<(Bytes, Share), &'static str> {
        bodies.read(&HeaderMap::new(), body, 8).await.map_err(|problem| problem.kind)
    }

    #[tokio::test]
    async fn bodies_together_have_a_bound_and_give_back_what_they_took() {
        let bodies = bodies();
        let (body, share) = read(&bodies, Body::from("12345678")).await.expect("there is space");
        assert_eq!((body.as_ref(), bodies.held.get()), (b"12345678".as_slice(), 8));
        assert_eq!(read(&bodies, Body::from("123")).await.expect_err("too many"), "busy");
        let (_, other) = read(&bodies, Body::from("12")).await.expect("so many are left");
        drop((share, other));
        assert_eq!(bodies.held.get(), 0);
        read(&bodies, Body::from("12345678")).await.expect("there is space again");
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_takes_what_it_may_come_to() {
        let bodies = bodies();
        let _share = bodies.share(3).expect("three bytes");
        let unknown = Body::new(Unsized(Body::from("1")));
        assert_eq!(read(&bodies, unknown).await.expect_err("eight are needed and seven are left"), "busy");
    }

    #[tokio::test]
    async fn a_body_keeps_only_what_it_came_to() {
        let bodies = bodies();
        let (_, share) = read(&bodies, Body::new(Unsized(Body::from("12")))).await.expect("there is space for eight");
        assert_eq!((share.bytes(), bodies.held.get(), bodies.budget.available_permits()), (2, 2, 8));
    }

    #[tokio::test]
    async fn what_is_too_large_takes_nothing() {
        let bodies = bodies();
        assert_eq!(read(&bodies, Body::from("123456789")).await.expect_err("nine"), "body-too-large");
        assert_eq!(bodies.budget.available_permits(), 10);
    }
}
