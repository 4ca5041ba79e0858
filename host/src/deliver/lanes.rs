//! The lanes at work: waits for marks, alarms and ends, and does what the schedule says. One task owns the schedule; claims and
//! deliveries are tasks of its own set, so that they end with it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{sleep, timeout},
};

use super::{
    Book, Options, Parts,
    metrics::Metrics,
    schedule::Schedule,
    send::{Courier, DISABLED_AGAIN_MS, LEASE_MS},
};
use crate::{
    event::{Clock, Timestamp},
    journal::{Claim, Delivery, Journal, JournalError, Lane},
};

/// After a claim that failed, or that found nothing where something was due.
const CLAIM_AGAIN_MS: u64 = 1_000;
/// Enough to clear away what a deleted destination left behind.
const DELETED_CONCURRENCY: usize = 16;
/// No sleep is longer, since the clock may be set while it lasts.
const SLEEP_MS_MAX: u64 = 60_000;

/// Flow 3 at work.
pub(super) struct Lanes {
    journal: Arc<dyn Journal>,
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
    clock: Clock,
    courier: Arc<Courier>,
    schedule: Schedule,
    tasks: JoinSet<Done>,
    /// What each task is for, kept here because a task that panics can no longer tell.
    duties: HashMap<Id, Duty>,
}

/// What a task is for.
enum Duty {
    /// Claiming with so many places.
    Claim(Lane, usize),
    /// Delivering.
    Delivery(Lane),
}

/// What a task came to.
enum Done {
    Claimed(Result<Claim<Delivery>, JournalError>),
    /// The lane has to be looked at again then.
    Delivered(Option<Timestamp>),
}

impl Lanes {
    pub(super) fn new(options: &Options, parts: Parts, metrics: Metrics) -> Self {
        Self {
            journal: parts.journal.clone(),
            book: parts.book.clone(),
            clock: parts.clock.clone(),
            schedule: Schedule::new(options.in_flight_max),
            tasks: JoinSet::new(),
            duties: HashMap::new(),
            courier: Arc::new(Courier::new(parts, metrics)),
        }
    }

    /// Works until `shutdown`, then gives what is under way `drain_ms` to end.
    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>, drain_ms: u64) {
        loop {
            self.schedule.ring((self.clock)());
            self.take_turns();
            let alarm = self.schedule.next_alarm().map(|at| at.ms_since((self.clock)()));
            tokio::select! {
                lanes = self.journal.feed().deliveries.take() => lanes.iter().for_each(|lane| self.schedule.mark(lane)),
                Some(ended) = self.tasks.join_next_with_id() => self.end(ended),
                () = wait_for(alarm) => {}
                () = stopped(&mut shutdown) => break,
            }
        }
        self.drain(drain_ms).await;
    }

    /// Starts a claim for each lane in line, while there are places.
    fn take_turns(&mut self) {
        while let Some(lane) = self.schedule.next_in_line() {
            match self.concurrency(&lane) {
                None => self.schedule.put_off(&lane, (self.clock)().plus_ms(DISABLED_AGAIN_MS)),
                Some(concurrency) => match self.schedule.take(&lane, concurrency) {
                    0 => {}
                    places => self.claim(lane, places),
                },
            }
        }
    }

    /// How many deliveries of the lane may be under way; `None` while it is disabled.
    fn concurrency(&self, lane: &Lane) -> Option<usize> {
        match self.book.load().destinations.get(lane) {
            Some(destination) => destination.enabled.then_some(destination.concurrency),
            None => Some(DELETED_CONCURRENCY),
        }
    }

    fn claim(&mut self, lane: Lane, places: usize) {
        let now = (self.clock)();
        let pending = self.journal.claim_deliveries(lane.clone(), now, now.plus_ms(LEASE_MS), places);
        let task = self.tasks.spawn(async move { Done::Claimed(pending.await) });
        self.duties.insert(task.id(), Duty::Claim(lane, places));
    }

    fn end(&mut self, ended: Result<(Id, Done), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        match (self.duties.remove(&id), ended) {
            (Some(Duty::Claim(lane, places)), Ok((_, Done::Claimed(Ok(claim))))) => self.start(&lane, places, claim),
            (Some(Duty::Delivery(lane)), Ok((_, Done::Delivered(again_at)))) => self.schedule.ended(&lane, again_at),
            (Some(Duty::Claim(lane, places)), other) => self.claim_failed(&lane, places, other),
            (Some(Duty::Delivery(lane)), other) => self.delivery_failed(&lane, other.err()),
            (None, _) => {}
        }
    }

    fn start(&mut self, lane: &Lane, places: usize, claim: Claim<Delivery>) {
        let now = (self.clock)();
        let unused = places.saturating_sub(claim.items.len());
        // Due, and yet not handed out: it must not be asked for over and over.
        let stuck = claim.items.is_empty() && claim.next_due.is_some_and(|due| due <= now);
        let next_due = if stuck { Some(now.plus_ms(CLAIM_AGAIN_MS)) } else { claim.next_due };
        for delivery in claim.items {
            let courier = self.courier.clone();
            let task = self.tasks.spawn(async move { Done::Delivered(courier.deliver(delivery).await) });
            self.duties.insert(task.id(), Duty::Delivery(lane.clone()));
        }
        self.schedule.claimed(lane, unused, next_due, now);
    }

    fn claim_failed(&mut self, lane: &Lane, places: usize, ended: Result<(Id, Done), JoinError>) {
        match ended {
            Ok((_, Done::Claimed(Err(error)))) => tracing::warn!(destination = %lane.name, %error, "deliveries were not claimed"),
            _ => tracing::error!(destination = %lane.name, "claiming deliveries panicked"),
        }
        let now = (self.clock)();
        self.schedule.claimed(lane, places, Some(now.plus_ms(CLAIM_AGAIN_MS)), now);
    }

    /// The delivery is not settled, so it is claimed again when its lease is over.
    fn delivery_failed(&mut self, lane: &Lane, error: Option<JoinError>) {
        tracing::error!(destination = %lane.name, error = error.map(|error| error.to_string()), "a delivery panicked");
        self.schedule.ended(lane, Some((self.clock)().plus_ms(LEASE_MS)));
    }

    /// Claims nothing more and waits for what is under way. What does not end in time is called off; the next start repeats it.
    async fn drain(mut self, drain_ms: u64) {
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(Duration::from_millis(drain_ms), all_ended).await.is_err() {
            tracing::warn!(deliveries = self.tasks.len(), "stopping before all deliveries ended; they will be repeated");
        }
    }
}

async fn wait_for(ms: Option<u64>) {
    match ms {
        Some(ms) => sleep(Duration::from_millis(ms.clamp(1, SLEEP_MS_MAX))).await,
        None => std::future::pending().await,
    }
}

/// The host stops, or whoever could say so is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use arc_swap::ArcSwap;
    use prometheus_client::registry::Registry;
    use tokio::{sync::mpsc, task::JoinHandle};

    use super::*;
    use crate::{
        deliver::{fake, start},
        journal::{Settled, Verdict},
        net,
    };

    /// Flow 3 over a fake journal, with these destinations.
    struct World {
        journal: Arc<fake::Journal>,
        settled: mpsc::UnboundedReceiver<Settled>,
        shutdown: watch::Sender<bool>,
        task: JoinHandle<()>,
    }

    fn world(destinations: &[(&str, SocketAddr)], options: &Options) -> World {
        let all = destinations
            .iter()
            .map(|(name, address)| (fake::lane(name), Arc::new(fake::destination(&format!("http://{address}/")))));
        let book: ArcSwap<Book> = ArcSwap::from_pointee(Book { destinations: all.collect() });
        let (journal, settled) = fake::Journal::new();
        let (shutdown, receiver) = watch::channel(false);
        let allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
        let parts = Parts {
            journal: journal.clone(),
            book: Arc::new(book),
            client: net::Client::new(&net::Options { allow_networks, ..net::Options::default() }),
            clock: Arc::new(|| Timestamp(1_790_000_000_000)),
            shutdown: receiver,
        };
        let task = start(options, parts, &mut Registry::default());
        World { journal, settled, shutdown, task }
    }

    async fn stop(world: World) {
        world.shutdown.send(true).expect("flow 3 listens");
        world.task.await.expect("it ends");
    }

    #[tokio::test]
    async fn a_lane_that_hangs_delays_no_other() {
        let (hanging, healthy) = (fake::silent_server().await, fake::server("200 OK").await);
        let options = Options { in_flight_max: 12, drain_ms: 0 };
        let mut world = world(&[("hanging", hanging), ("healthy", healthy)], &options);
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
        let mut world = world(&[], &Options::default());
        world.journal.plan([fake::delivery("gone", 1)]);
        let settled = world.settled.recv().await.expect("a settlement");
        assert!(settled.attempt.is_none());
        assert!(matches!(&settled.verdict, Verdict::Dead(failure) if failure.code == "destination-deleted"), "{settled:?}");
        stop(world).await;
    }

    #[tokio::test]
    async fn a_failure_is_settled_with_its_attempt() {
        let mut world = world(&[("crm", fake::server("500 Oops").await)], &Options::default());
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
        let mut world = world(&[("slow", address)], &Options::default());
        world.journal.plan([fake::delivery("slow", 1)]);
        arrived.recv().await.expect("the request arrives");
        world.shutdown.send(true).expect("flow 3 listens");
        gate.add_permits(1);
        world.task.await.expect("it ends");
        assert!(matches!(world.settled.recv().await.expect("a settlement").verdict, Verdict::Delivered));
    }
}
