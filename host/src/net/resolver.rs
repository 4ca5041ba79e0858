//! Names to addresses, by the system's resolver.
//!
//! The system's lookup blocks a thread and cannot be called off, so a name server that does not answer could use up all threads, and
//! with them the lookups of everybody else. Therefore a name has at most one lookup under way, and all who ask for it meanwhile share its
//! answer. Nothing is kept after the answer: caching is the business of the system's resolver, which knows how long an answer is good for.

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

/// What a lookup found; shared, since many may wait for it.
pub(super) type Answer = Result<Arc<[IpAddr]>, Arc<io::Error>>;

/// Looks names up, each once at a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolver {
    /// The lookups under way. An entry is removed by the task that answers it.
    under_way: Arc<Mutex<HashMap<String, watch::Receiver<Option<Answer>>>>>,
}

impl Resolver {
    /// All addresses of `host`, which may be an address itself (in brackets where it is IPv6).
    pub(super) async fn lookup(&self, host: &str) -> Answer {
        let host = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(Arc::from([address]));
        }
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
        // Port 0, as the addresses are what is asked for.
        let found = tokio::net::lookup_host((host.as_str(), 0)).await;
        let answer = found.map(|all| all.map(|address| address.ip()).collect()).map_err(Arc::new);
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&host);
        sender.send_replace(Some(answer));
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
    async fn addresses_need_no_lookup() {
        let resolver = Resolver::default();
        for (host, address) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "::1"), ("[::ffff:10.0.0.1]", "::ffff:10.0.0.1")] {
            let found = resolver.lookup(host).await.expect("an address resolves to itself");
            assert_eq!(found.as_ref(), [address.parse::<IpAddr>().expect("an address")]);
        }
    }

    #[tokio::test]
    async fn one_lookup_answers_all_who_wait_and_is_forgotten() {
        let resolver = Resolver::default();
        let (first, second) = (resolver.join("localhost"), resolver.join("localhost"));
        assert!(first.same_channel(&second));
        let found = resolver.lookup("localhost").await.expect("localhost is in the hosts file");
        assert!(found.iter().all(IpAddr::is_loopback));
        assert!(resolver.under_way.lock().expect("not poisoned").is_empty());
    }
}
