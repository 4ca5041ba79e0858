//! Connections on which nothing happens: those that do not begin, and those that have nothing more to say.
//!
//! hyper's timer of headers begins once it knows the HTTP version, and to know it hyper waits for ever; and an HTTP/2 connection that
//! answers pings is never idle to it. Here both have an end.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A socket that holds the beginning of a preface is readable all the time; without a pause that would be a busy loop.
const PREFACE_PAUSE: Duration = Duration::from_millis(20);

/// Waits until the bytes that have come tell the HTTP version, and leaves them where they are. False where the other side closed.
pub(super) async fn version_is_told(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        if count == 0 || count == PREFACE.len() || seen[..count] != PREFACE[..count] {
            return Ok(count > 0);
        }
        sleep(PREFACE_PAUSE).await;
    }
}

/// How many requests of one connection are under way. Each request carries it, for an answer that goes on after it has begun.
#[derive(Clone, Debug)]
pub struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    pub(super) fn none() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Counts a request as under way while the value lives.
    #[must_use]
    pub fn one(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.clone())
    }

    /// Waits until no request has been under way for this long.
    pub(super) async fn quiet_for(&self, time: Duration) {
        let mut count = self.0.subscribe();
        loop {
            // The sender is `self`, so there is no end to wait for but that of the time.
            drop(count.wait_for(|count| *count == 0).await);
            if timeout(time, count.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A request under way, also where it is called off.
#[derive(Debug)]
pub struct One(UnderWay);

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_is_not_quiet_while_a_request_is_under_way() {
        let (under_way, moment) = (UnderWay::none(), Duration::from_millis(5));
        let request = under_way.one();
        assert!(timeout(10 * moment, under_way.quiet_for(moment)).await.is_err());
        drop(request);
        under_way.quiet_for(moment).await;
    }
}
