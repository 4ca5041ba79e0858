//! No attempt to connect to a forbidden address, however it is spelled and whatever a name server says. The connector is replaced by one
//! that records what it is asked for and connects to nothing; which addresses are forbidden is judged by a table of these tests' own.

#![expect(clippy::cast_possible_truncation, reason = "parts of addresses are cut out of them")]

pub(super) mod name_server;
mod oracle;
mod proxied;
mod rebinding;
mod spellings;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Options,
    connect::{Connect, Connected},
    dialer::{BoxFuture, DialError, Dialer},
};

/// Notes which addresses it is asked for.
#[derive(Debug, Default)]
struct Recorder {
    asked: Mutex<Vec<SocketAddr>>,
}

impl Recorder {
    /// What it was asked for since the last time.
    fn take(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Connect for Recorder {
    fn connect(&self, address: SocketAddr) -> BoxFuture<Connected, io::Error> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) })
    }
}

/// A dialer that connects to nothing, and its record. All ports are open, so that none hides what happens with an address.
fn dialer(dns_servers: Vec<SocketAddr>) -> (Dialer, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let options = Options { dns_servers, allow_ports: vec![1..=u16::MAX], ..Options::default() };
    (Dialer::through(recorder.clone(), &options), recorder)
}

/// Why there is no connection, and what was asked for; `None` for a text that is no URI at all.
async fn dial(dialer: &Dialer, recorder: &Recorder, url: &str) -> Option<(DialError, Vec<IpAddr>)> {
    let failed = dialer.clone().dial(url.parse().ok()?).await.expect_err("nothing is connected to");
    let asked: Vec<IpAddr> = recorder.take().iter().map(SocketAddr::ip).collect();
    for address in &asked {
        assert_eq!(oracle::forbidden(*address), None, "{url} was about to be connected to at {address}");
    }
    assert_eq!(asked.is_empty(), !matches!(failed, DialError::Connect { .. }), "{url}: {failed:?}");
    Some((failed, asked))
}

/// Numbers that are the same on each run (SplitMix64).
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }

    fn one_of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}
