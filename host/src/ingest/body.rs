//! The bodies of requests, read within bounds: of size, of time, and of all bodies together.
//!
//! A body is read before it can be verified, so anybody may send one. What it may come to is taken from a budget before its first byte
//! is read, and once more before it is decoded; where the budget is used up, the sender is told to come again, and nobody waits.

use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::{Instant, timeout_at},
};

use super::{
    Current, Problem,
    body_rate::{BodyRate, Late},
    coding::{self, Coding, Undecoded},
};

/// After so long a sender that found the budget used up may try again.
const BUSY_RETRY_SECS: u64 = 5;
/// Bodies that are decoded at the same time; a further one waits for its turn. Each may need a window of up to 16 MiB beside its bytes.
const DECODED_AT_ONCE: usize = 4;
/// The space that a body of unknown or great length begins with.
const SPACE_BYTES: usize = 16 * 1024;
/// What is set aside for a body of which nothing has come yet.
const SHARE_BYTES_MIN: usize = 1024;

/// Reads bodies.
pub(super) struct Bodies {
    /// A permit is a byte.
    budget: Arc<Semaphore>,
    held: Gauge,
    options: Current,
    turns: Arc<Semaphore>,
}

/// A body's share of the budget, given back when the value is dropped.
#[derive(Debug)]
pub(super) struct Share {
    permit: OwnedSemaphorePermit,
    held: Gauge,
}

impl Bodies {
    pub(super) fn new(options: Current, registry: &mut Registry) -> Self {
        let held = Gauge::default();
        registry.register("sluicebox_ingest_body_bytes_in_flight", "Bytes set aside for bodies", held.clone());
        let budget = Arc::new(Semaphore::new(options.load().body_bytes_in_flight_max.min(Semaphore::MAX_PERMITS)));
        let turns = Arc::new(Semaphore::new(DECODED_AT_ONCE));
        Self { budget, held, options, turns }
    }

    /// Reads a body of at most `max` bytes, and decodes it where it has one of these codings; its headers then no longer say that it has. The
    /// share is to be kept until the bytes are stored.
    ///
    /// What a body may come to is judged before a byte of it is read, what it comes to while reading, and so is its share of the budget.
    pub(super) async fn read(
        &self,
        headers: &mut HeaderMap,
        body: Body,
        max: usize,
        codings: &[Coding],
    ) -> Result<(Bytes, Share), Problem> {
        let coding = coding::coding_of(headers, codings)?;
        let (body, share) = self.collect(body, max).await?;
        let Some(coding) = coding else { return Ok((body, share)) };
        let decoded = self.decoded(coding, body, max).await?;
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        Ok(decoded)
    }

    async fn collect(&self, mut body: Body, max: usize) -> Result<(Bytes, Share), Problem> {
        // Of the framing, not of the header, which HTTP/1.1 ignores where the body is chunked.
        let declared = body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if declared.is_some_and(|bytes| bytes > max) {
            return Err(too_large(max));
        }
        let most = declared.unwrap_or(max);
        let mut share = self.share(most.min(SHARE_BYTES_MIN))?;
        let (begun, rate) = (Instant::now(), BodyRate::new(&self.options.load()));
        let mut collected = BytesMut::with_capacity(declared.unwrap_or(SPACE_BYTES).min(SPACE_BYTES));
        loop {
            let (patience, late) = rate.patience(collected.len());
            let frame = match timeout_at(begun + patience, body.frame()).await {
                Ok(None) => break,
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(_))) => {
                    return Err(Problem::new(StatusCode::BAD_REQUEST, "body-broken", "the body ended before it was complete"));
                }
                Err(_) => return Err(too_late(late)),
            };
            // What is no data is a trailer, which nobody asked for.
            let Ok(data) = frame.into_data() else { continue };
            if collected.len() + data.len() > max {
                return Err(too_large(max));
            }
            self.extend(&mut share, collected.len() + data.len(), most)?;
            if Some(data.len()) == declared {
                return Ok((data, share));
            }
            collected.extend_from_slice(&data);
        }
        let share = share.of(collected.len());
        Ok((collected.freeze(), share))
    }

    /// What comes out has a share of its own, taken before anything does.
    async fn decoded(&self, coding: Coding, body: Bytes, max: usize) -> Result<(Bytes, Share), Problem> {
        let ratio_max = self.options.load().decode_ratio_max;
        let bytes_max = coding::bytes_max(body.len(), max, ratio_max);
        // Only for those whose turn it is: others would set much aside and wait.
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        let share = self.share(bytes_max)?;
        let decoding = spawn_blocking(move || {
            let _turn = turn;
            coding.decode(&body, bytes_max)
        });
        match decoding.await {
            Ok(Ok(decoded)) => {
                let share = share.of(decoded.len());
                Ok((decoded.into(), share))
            }
            Ok(Err(Undecoded::TooLarge)) if bytes_max < max => Err(compressed_too_well(ratio_max)),
            Ok(Err(Undecoded::TooLarge)) => Err(too_large(max)),
            Ok(Err(Undecoded::Broken)) | Err(_) => {
                let detail = "the body is not, or not only, what its Content-Encoding says";
                Err(Problem::new(StatusCode::BAD_REQUEST, "body-not-decodable", detail))
            }
        }
    }

    /// Where a body came to more than its share, it takes as much again: a share grows with what was sent and not with what was said, or
    /// a few who say much and send little would use up the budget.
    fn extend(&self, share: &mut Share, bytes: usize, most: usize) -> Result<(), Problem> {
        let has = share.bytes();
        if bytes > has {
            share.join(self.share(bytes.max(2 * has).min(most.max(bytes)) - has)?);
        }
        Ok(())
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

    /// With another's.
    fn join(&mut self, mut other: Self) {
        let bytes = other.bytes();
        if let Some(permit) = other.permit.split(bytes) {
            self.permit.merge(permit);
        }
        // `other` has nothing left to give back, and what it had is counted already.
        drop(other);
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

fn too_late(late: Late) -> Problem {
    let (kind, detail) = match late {
        Late::Rate => ("body-rate", "the body came too slowly"),
        Late::Whole => ("body-too-slow", "the body took too long to arrive"),
    };
    Problem::new(StatusCode::REQUEST_TIMEOUT, kind, detail)
}

fn compressed_too_well(ratio_max: usize) -> Problem {
    let detail = format!("the body comes to more than {ratio_max} times its size when it is decoded; send it as it is");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-ratio", detail)
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
    use crate::ingest::Options;

    /// Ten bytes for all bodies together.
    fn bodies() -> Bodies {
        Bodies::new(Options { body_bytes_in_flight_max: 10, ..Options::default() }.fixed(), &mut Registry::default())
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
        bodies.read(&mut HeaderMap::new(), body, 8, &[]).await.map_err(|problem| problem.kind)
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

    /// Who says much and sends nothing sets aside next to nothing.
    #[tokio::test]
    async fn a_share_grows_with_what_has_come() {
        let bodies =
            Bodies::new(Options { body_bytes_in_flight_max: 1 << 20, ..Options::default() }.fixed(), &mut Registry::default());
        let most = 1 << 19;
        let mut share = bodies.share(most.min(SHARE_BYTES_MIN)).expect("there is space");
        assert_eq!(share.bytes(), 1024);
        for (came, has) in [(1024, 1024), (1025, 2048), (10_000, 10_000), (10_001, 20_000), (most - 1, most - 1), (most, most)] {
            bodies.extend(&mut share, came, most).expect("there is space");
            assert_eq!((share.bytes(), bodies.held.get()), (has, i64::try_from(has).expect("small")), "{came}");
        }
        let _others = bodies.share(1 << 19).expect("what is left");
        assert_eq!(bodies.extend(&mut share, most + 1, most).expect_err("none is left").kind, "busy");
        drop(share);
        assert_eq!(bodies.held.get(), 1 << 19);
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
    /// A body that has this coding.
    fn coded(bytes: &'static [u8]) -> (HeaderMap, Body) {
        let coding = http::HeaderValue::from_static("gzip");
        (
            HeaderMap::from_iter([(header::CONTENT_ENCODING, coding), (header::CONTENT_LENGTH, bytes.len().into())]),
            Body::from(bytes),
        )
    }

    #[tokio::test]
    async fn a_decoded_body_is_one_that_came_without_a_coding() {
        // `printf hi | gzip -n`
        const HI: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xcb\xc8\x04\x00\xac\x2a\x93\xd8\x02\x00\x00\x00";
        let bodies =
            Bodies::new(Options { body_bytes_in_flight_max: 64, ..Options::default() }.fixed(), &mut Registry::default());
        let (mut headers, body) = coded(HI);
        let (body, share) = bodies.read(&mut headers, body, 40, &[Coding::Gzip]).await.expect("it is good");
        assert_eq!((body.as_ref(), share.bytes(), bodies.held.get()), (b"hi".as_slice(), 2, 2));
        assert!(headers.is_empty(), "{headers:?}");

        let (mut headers, body) = coded(b"hi");
        let refused = bodies.read(&mut headers, body, 40, &[Coding::Gzip]).await.expect_err("it is no gzip");
        assert_eq!((refused.kind, bodies.held.get()), ("body-not-decodable", 2));
    }

    #[tokio::test]
    async fn what_a_body_may_come_to_is_set_aside_before_it_is_decoded() {
        let bodies = bodies();
        let (mut headers, body) = coded(b"12");
        let refused = bodies.read(&mut headers, body, 9, &[Coding::Gzip]).await.expect_err("two and nine are too many");
        assert_eq!((refused.kind, bodies.held.get()), ("busy", 0));
    }

    /// A body that never goes on.
    struct Stalled;

    impl axum::body::HttpBody for Stalled {
        type Data = Bytes;
        type Error = axum::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_ends_by_its_rate_or_by_its_time() {
        for (body_grace_ms, body_timeout_ms, kind) in [(1, 60_000, "body-rate"), (60_000, 1, "body-too-slow")] {
            let options = Options { body_grace_ms, body_timeout_ms, ..Options::default() };
            let bodies = Bodies::new(options.fixed(), &mut Registry::default());
            assert_eq!(read(&bodies, Body::new(Stalled)).await.expect_err("it stalls"), kind);
        }
    }
}
