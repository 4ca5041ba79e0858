//! A stream whose first bytes were looked at, and are read once more.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// How much is looked at in one go.
const LOOK_BYTES: usize = 512;

/// A stream, and what was looked at of it.
pub(super) struct Rewound<S> {
    seen: BytesMut,
    stream: S,
}

impl<S: AsyncRead + Unpin> Rewound<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { seen: BytesMut::new(), stream }
    }

    /// What was looked at and is yet to be read.
    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    /// Looks at some more. False: there is no more.
    pub(super) async fn look(&mut self) -> io::Result<bool> {
        let mut bytes = [0; LOOK_BYTES];
        let count = self.stream.read(&mut bytes).await?;
        self.seen.extend_from_slice(&bytes[..count]);
        Ok(count > 0)
    }

    /// So many bytes of what was looked at are done with.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.seen.advance(bytes.min(self.seen.len()));
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.seen.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let count = self.seen.len().min(into.remaining());
        into.put_slice(&self.seen[..count]);
        self.skip(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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
