//! A connection's bytes: those that come are told its [`Activity`], and its end is a gentle one.
//!
//! Where an answer came before the body was read, closing at once would have the system send a reset for the bytes that are still coming,
//! and the sender might lose the answer. So what comes is read and thrown away for a little while first (RFC 9112, section 9.6).

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use super::activity::Activity;

/// What is thrown away of a body that nobody wanted, at most.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// And for how long.
const LINGER_MS: u64 = 1_000;

/// A connection's bytes, whatever they go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection's bytes.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    activity: Arc<Activity>,
    lingering: Option<Lingering>,
}

struct Lingering {
    end: Pin<Box<Sleep>>,
    bytes: usize,
}

impl Wire {
    pub(super) fn new(stream: Box<dyn Stream>, activity: Arc<Activity>) -> Self {
        Self { stream, activity, lingering: None }
    }

    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let lingering =
            self.lingering.get_or_insert_with(|| Lingering { end: Box::pin(sleep(Duration::from_millis(LINGER_MS))), bytes: 0 });
        let mut space = [0; 4096];
        while lingering.bytes < LINGER_BYTES_MAX && lingering.end.as_mut().poll(context).is_pending() {
            let mut thrown_away = ReadBuf::new(&mut space);
            match ready!(Pin::new(&mut self.stream).poll_read(context, &mut thrown_away)) {
                Ok(()) if !thrown_away.filled().is_empty() => lingering.bytes += thrown_away.filled().len(),
                // The sender is done, or gone.
                _ => break,
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        if into.filled().len() > before {
            self.activity.bytes_came();
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
        }
        if self.activity.has_left_body() {
            ready!(self.poll_linger(context));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
