//! Names to addresses, by the system's resolver, or by name servers of the operator's choice.
//!
//! The system's lookup blocks a thread and cannot be called off, so a name server that does not answer could use up all threads, and
//! with them the lookups of everybody else. Therefore a name has at most one lookup under way, and all who ask for it meanwhile share its
//! answer. Nothing is kept after the answer: caching is the business of the system's resolver, or of the library that asks the chosen
//! servers; both know how long an answer is good for.

use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
};
use tokio::sync::watch;

/// What a lookup found; shared, since many may wait for it.
pub(super) type Answer = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// Looks names up, each once at a time.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    asked: Arc<Asked>,
    /// The lookups under way. An entry is removed by the task that answers it.
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Answer>>>>>,
}

/// Who is asked.
enum Asked {
    System,
    Servers(Box<TokioResolver>),
    /// The library could not be set up; it says why at each lookup.
    Nobody(NetError),
}

impl Resolver {
    /// Asks these name servers, or the system's resolver where there are none.
    pub(super) fn new(servers: &[SocketAddr]) -> Self {
        let asked = if servers.is_empty() { Asked::System } else { asked_of(servers) };
        Self { asked: Arc::new(asked), under_way: Arc::default() }
    }

    /// All addresses of the name `host`.
    pub(super) async fn lookup(&self, host: &str) -> Answer {
        let mut answer = self.join(host);
        match answer.wait_for(Option::is_some).await {
            Ok(found) => found.clone().unwrap_or_else(given_up),
            Err(_) => given_up(),
        }
    }

    /// The lookup of `host` that is under way, or a new one.
    fn join(&self, host: &str) -> watch::Receiver<Option<Answer>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(host) {
            return answer.clone();
        }
        let (sender, receiver) = watch::channel(None);
        under_way.insert(host.to_owned(), receiver.clone());
        // A task of its own: it outlives the request that asked first, whose time may run out before the answer comes.
        tokio::spawn(self.clone().answer(host.to_owned(), sender));
        receiver
    }

    async fn answer(self, host: String, sender: watch::Sender<Option<Answer>>) {
        let answer = self.asked.lookup(&host).await.map_err(Arc::new);
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
        sender.send_replace(Some(answer));
    }
}

impl Asked {
    async fn lookup(&self, host: &str) -> io::Result<Arc<[IpAddr]>> {
        match self {
            // Port 0, as the addresses are what is asked for.
            Self::System => Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect()),
            Self::Servers(resolver) => Ok(resolver.lookup_ip(host).await.map_err(io::Error::other)?.into_iter().collect()),
            Self::Nobody(error) => Err(io::Error::other(error.clone())),
        }
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::Servers(_) => "Servers",
            Self::Nobody(_) => "Nobody",
        })
    }
}

/// By UDP, and by TCP where an answer does not fit.
fn asked_of(servers: &[SocketAddr]) -> Asked {
    let server = |address: &SocketAddr| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        NameServerConfig::new(address.ip(), true, connections.into())
    };
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.iter().map(server).collect());
    match TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).build() {
        Ok(resolver) => Asked::Servers(Box::new(resolver)),
        Err(error) => Asked::Nobody(error),
    }
}

/// The runtime is shutting down: the task ended without an answer.
fn given_up() -> Answer {
    Err(Arc::new(io::Error::other("the lookup was given up")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_lookup_answers_all_who_wait_and_is_forgotten() {
        let resolver = Resolver::new(&[]);
        let (first, second) = (resolver.join("localhost"), resolver.join("localhost"));
        assert!(first.same_channel(&second));
        let found = resolver.lookup("localhost").await.expect("localhost is in the hosts file");
        assert!(found.iter().all(IpAddr::is_loopback));
        assert!(resolver.under_way.lock().expect("not poisoned").is_empty());
    }
}
