//! A fleet of destinations: some that are well, some whose port refuses, some that accept and never answer.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    net::{TcpListener, TcpSocket},
    task::JoinHandle,
};

/// The most destinations of one rule.
const OF_A_RULE: usize = 100;

/// So many destinations of each kind.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// Paths of a receiver.
    pub healthy: usize,
    /// On a port that nobody listens on.
    pub refusing: usize,
    /// On one that never answers.
    pub hanging: usize,
    /// How long one that hangs is waited for, as hub files write it.
    pub timeout: &'static str,
}

impl Fleet {
    /// Destinations `well-N`, `refuses-N` and `hangs-N` with paths of their names, mixed in rules `fleet-N` of a hundred each; `condition` is what
    /// stands in the table of a rule beside them.
    pub fn hub(&self, receiver: &str, silent: &Silent, condition: impl Fn(usize) -> String) -> String {
        let of_kind = |kind: &'static str, url: String, count: usize| {
            (0..count).map(move |number| (number * 1000 / count.max(1), format!("{kind}-{number}"), url.clone()))
        };
        let mut all: Vec<_> = of_kind("well", receiver.to_owned(), self.healthy)
            .chain(of_kind("refuses", silent.refusing.url(), self.refusing))
            .chain(of_kind("hangs", silent.url(), self.hanging))
            .collect();
        // Each rule has its part of each kind.
        all.sort_by_key(|(share, ..)| *share);
        let mut hub = String::new();
        for (_, name, url) in &all {
            let _ = writeln!(hub, "[destinations.{name}]\nurl = \"{url}/{name}\"\ntimeout = \"{}\"", self.timeout);
        }
        for (number, part) in all.chunks(OF_A_RULE).enumerate() {
            let names: Vec<&str> = part.iter().map(|(_, name, _)| name.as_str()).collect();
            let _ = writeln!(hub, "[rules.fleet-{number}]\n{}\ndestinations = {names:?}", condition(number));
        }
        hub
    }

    /// How many rules that makes.
    #[must_use]
    pub fn rules(&self) -> usize {
        (self.healthy + self.refusing + self.hanging).div_ceil(OF_A_RULE)
    }
}

/// A port that refuses connections: bound, so that nobody else gets it, and not listened on.
#[derive(Debug)]
pub struct Refusing(TcpSocket);

impl Refusing {
    /// Until it is dropped.
    #[must_use]
    pub fn bind() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        Self(socket)
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }
}

/// A port that accepts connections and never answers, and one that refuses them.
#[derive(Debug)]
pub struct Silent {
    address: SocketAddr,
    refusing: Refusing,
    connections: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Silent {
    /// Accepts until it is dropped.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let accepting = tokio::spawn(async move {
            let mut kept = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                kept.push(stream);
            }
        });
        Self { address, refusing: Refusing::bind(), connections, accepting }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections it holds.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
