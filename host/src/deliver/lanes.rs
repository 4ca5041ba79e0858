//! The lanes at work: one a destination, each with as many places as its pace allows.

use std::sync::Arc;

use arc_swap::access::DynAccess;

use super::{
    Book, Paces, metrics, onward,
    send::{Courier, LEASE_MS},
};
use crate::{
    event::Timestamp,
    journal::{Claim, Delivery, Journal, Lane, Lanes, Pending, Places, Work},
};

/// A lane whose messages are fetched is looked at this often, lest it has become one that is sent to.
const PULLED_AGAIN_MS: u64 = 60_000;
/// Messages that one destination of kind `hub` passes on at once: what it takes is a commit, which they share.
const ONWARD_PLACES: usize = 64;

/// Deliveries, as the pump works them off.
pub(super) struct Deliveries {
    pub(super) journal: Arc<dyn Journal>,
    pub(super) book: Arc<dyn DynAccess<Book> + Send + Sync>,
    pub(super) paces: Arc<Paces>,
    pub(super) courier: Courier,
    pub(super) places: metrics::Places,
}

impl Work for Deliveries {
    type Piece = Delivery;

    const WHAT: &'static str = "deliveries";

    fn lease_ms(&self) -> u64 {
        LEASE_MS
    }

    fn marked(&self) -> &Lanes {
        &self.journal.feed().deliveries
    }

    fn places(&self, lane: &Lane) -> Places {
        // Who fetches is told of new messages without this flow.
        if self.book.load().pulls.contains_key(lane) {
            return Places::NotFor { ms: PULLED_AGAIN_MS };
        }
        match self.book.load().onwards.get(lane) {
            Some(onward) if onward.enabled() => Places::UpTo(ONWARD_PLACES),
            Some(_) => {
                self.paces.note_off(lane);
                Places::NotFor { ms: onward::DISABLED_AGAIN_MS }
            }
            None => self.paces.places(lane),
        }
    }

    fn claim(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Delivery>> {
        self.paces.claim(&lane, max);
        let claim = self.journal.claim_deliveries(lane.clone(), now, now.plus_ms(LEASE_MS), max);
        let (answer, pending) = Pending::new();
        let paces = Arc::clone(&self.paces);
        tokio::spawn(async move {
            let claim = claim.await;
            paces.claimed(&lane, claim.as_ref().map_or(0, |claim| claim.items.len()), max);
            // Nobody waits for it any more where the host stops.
            let _ = answer.send(claim);
        });
        pending
    }

    async fn work(&self, delivery: Delivery) -> Option<Timestamp> {
        self.courier.deliver(delivery).await
    }

    fn held(&self, all: usize, unproven: usize) {
        self.places.held(all, unproven);
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use arc_swap::ArcSwap;
    use prometheus_client::registry::Registry;
    use tokio::{sync::mpsc, task::JoinHandle};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        deliver::{Callbacks, Options, Parts, fake, start},
        event::Clock,
        journal::{Settled, Verdict},
        net,
        observe::Tracer,
        sign::TokenKey,
    };

    /// Flow 3 over a fake journal, with these destinations.
    struct World {
        journal: Arc<fake::Journal>,
        settled: mpsc::UnboundedReceiver<Settled>,
        shutdown: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    async fn world(destinations: &[(&str, SocketAddr)], options: &Options) -> World {
        let all = destinations
            .iter()
            .map(|(name, address)| (fake::lane(name), Arc::new(fake::destination(&format!("http://{address}/")))));
        let token_key = TokenKey::new(zeroize::Zeroizing::new([7; 32]));
        let book = Arc::new(ArcSwap::from_pointee(Book { destinations: all.collect(), ..Book::default() }));
        let (clock, mut registry): (Clock, _) = (Arc::new(|| Timestamp(1_790_000_000_000)), Registry::default());
        let (journal, settled) = fake::Journal::new();
        let (shutdown, receiver) = watch::channel(false);
        let allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
        let paces = Paces::open(journal.clone(), book.clone(), clock.clone(), &mut registry).await;
        let parts = Parts {
            journal: journal.clone(),
            book,
            paces: paces.expect("the fake journal tells"),
            client: net::Client::new(&net::Options { allow_networks, ..net::Options::default() }),
            tracer: Tracer::default(),
            clock,
            callbacks: Callbacks::new(token_key.clone(), None).expect("none is good"),
            token_key,
            shutdown: receiver,
        };
        let tasks = start(options, parts, &mut registry).tasks;
        let task = tokio::spawn(async move {
            for task in tasks {
                task.await.expect("no panic");
            }
        });
        World { journal, settled, shutdown, task }
    }

    async fn stop(world: World) {
        world.shutdown.send(true).expect("flow 3 listens");
        world.task.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_lane_that_hangs_delays_no_other() {
        let (hanging, healthy) = (fake::silent_server().await, fake::server("200 OK").await);
        let options = Options { in_flight_max: 12, in_flight_healthy_only: 6, drain_ms: 0, ..Options::default() };
        let mut world = world(&[("hanging", hanging), ("healthy", healthy)], &options).await;
        world.journal.plan((0..40).map(|n| fake::delivery("hanging", n)));
        world.journal.plan((40..80).map(|n| fake::delivery("healthy", n)));
        for _ in 0..40 {
            let settled = world.settled.recv().await.expect("a settlement");
            assert_eq!(settled.lane, fake::lane("healthy"));
            assert!(matches!(settled.verdict, Verdict::Delivered), "{settled:?}");
        }
        stop(world).await;
    }

    #[tokio::test]
    async fn what_a_deleted_destination_left_is_dead() {
        let mut world = world(&[], &Options::default()).await;
        world.journal.plan([fake::delivery("gone", 1)]);
        let settled = world.settled.recv().await.expect("a settlement");
        assert!(settled.attempt.is_none());
        assert!(matches!(&settled.verdict, Verdict::Dead(failure) if failure.code == "destination-deleted"), "{settled:?}");
        stop(world).await;
    }

    #[tokio::test]
    async fn a_failure_is_settled_with_its_attempt() {
        let mut world = world(&[("crm", fake::server("500 Oops").await)], &Options::default()).await;
        world.journal.plan([fake::delivery("crm", 1)]);
        let settled = world.settled.recv().await.expect("a settlement");
        assert!(matches!(settled.verdict, Verdict::RetryAt(_)), "{settled:?}");
        assert_eq!(settled.attempt.expect("it was tried").status, Some(500));
        stop(world).await;
    }

    #[tokio::test]
    async fn the_end_waits_for_what_is_under_way() {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        let (address, mut arrived) = fake::gated_server(gate.clone()).await;
        let mut world = world(&[("slow", address)], &Options::default()).await;
        world.journal.plan([fake::delivery("slow", 1)]);
        arrived.recv().await.expect("the request arrives");
        world.shutdown.send(true).expect("flow 3 listens");
        gate.add_permits(1);
        world.task.await.expect("it ends");
        assert!(matches!(world.settled.recv().await.expect("a settlement").verdict, Verdict::Delivered));
    }
}
