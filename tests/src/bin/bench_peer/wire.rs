//! HTTP/1.1 between programs that know each other: messages with a `content-length`, one after the other on a connection. What a load and
//! a receiver need and no more, since a library's comfort would be measured along.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::{io::AsyncReadExt, net::TcpStream};

/// Of a connection at first: thousands may be open.
const BUFFER_BYTES: usize = 4 << 10;
/// More than any message here.
const BUFFER_BYTES_MAX: usize = 4 << 20;

/// What comes in on a connection.
pub(crate) struct Incoming {
    buffer: Vec<u8>,
    /// What of the buffer is filled,
    filled: usize,
    /// and what of that was taken.
    taken: usize,
}

/// Where a message is in the buffer.
pub(crate) struct Message<'a> {
    /// Start line and headers.
    pub(crate) head: &'a [u8],
    /// Its body.
    pub(crate) body: &'a [u8],
    /// When its first byte was there, in nanoseconds since 1970.
    pub(crate) begun_ns: u64,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self { buffer: vec![0; BUFFER_BYTES], filled: 0, taken: 0 }
    }

    /// The next message; `None`: the other side closed between two.
    pub(crate) async fn next(&mut self, stream: &mut TcpStream) -> io::Result<Option<Message<'_>>> {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.taken = 0;
        let mut begun_ns = if self.filled == 0 { 0 } else { now_ns() };
        let mut looked = 0;
        let head = loop {
            if let Some(at) = find(&self.buffer[looked..self.filled], b"\r\n\r\n") {
                break looked + at + 4;
            }
            looked = self.filled.saturating_sub(3);
            if self.fill(stream).await? == 0 {
                return if self.filled == 0 { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
            if begun_ns == 0 {
                begun_ns = now_ns();
            }
        };
        let length = content_length(&self.buffer[..head])?;
        while self.filled < head + length {
            if self.fill(stream).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.taken = head + length;
        Ok(Some(Message { head: &self.buffer[..head], body: &self.buffer[head..self.taken], begun_ns }))
    }

    async fn fill(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        if self.filled == self.buffer.len() {
            if self.filled >= BUFFER_BYTES_MAX {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.buffer.resize(2 * self.filled, 0);
        }
        let read = stream.read(&mut self.buffer[self.filled..]).await?;
        self.filled += read;
        Ok(read)
    }
}

/// Where `wanted` begins.
pub(crate) fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if line[..colon].eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(&line[colon + 1..]).ok().and_then(|text| text.trim().parse().ok());
            return value.ok_or_else(|| io::ErrorKind::InvalidData.into());
        }
    }
    Ok(0)
}

/// Nanoseconds since the Unix epoch: the clock that all processes of a machine share.
pub(crate) fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
