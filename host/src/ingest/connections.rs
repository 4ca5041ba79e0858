//! How many connections are held: in all, and from one address.
//!
//! A connection more from an address that has its share is closed at once. When there are too many in all, those make room that wait for a
//! request, of the addresses that hold most; so that some slow addresses keep nobody out. Where none waits, new ones wait in the kernel's queue.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ipnet::IpNet;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{Options, activity::Activity, forwarded::within};

/// One of so many connections makes room when there are too many: looking for them is shared by those that get in.
const ROOM_PART: usize = 64;
/// After so long without a place it is looked again for connections that may make room.
const ROOM_PAUSE: Duration = Duration::from_millis(50);

/// All connections that are held.
#[derive(Debug)]
pub(super) struct Connections {
    places: Arc<Semaphore>,
    max: u32,
    per_address_max: usize,
    /// Of these networks any number may come.
    exempt: Vec<IpNet>,
    held: Mutex<Held>,
    open: Gauge,
}

#[derive(Debug, Default)]
struct Held {
    next: u64,
    seats: HashMap<u64, Known>,
    by_address: HashMap<IpAddr, usize>,
}

/// What is known of one connection.
#[derive(Debug)]
struct Known {
    /// `None`: not counted, or not known yet.
    address: Option<IpAddr>,
    activity: Arc<Activity>,
    leave: Arc<Notify>,
}

/// One connection's place, given back when the value is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    id: u64,
    pub(super) activity: Arc<Activity>,
    leave: Arc<Notify>,
    connections: Arc<Connections>,
    _place: OwnedSemaphorePermit,
}

impl Connections {
    pub(super) fn new(options: &Options, registry: &mut Registry) -> Arc<Self> {
        let open = Gauge::default();
        registry.register("sluicebox_ingest_connections_open", "Connections that are held", open.clone());
        let max = u32::try_from(options.connections_max).unwrap_or(u32::MAX).max(1);
        // Where an address is only known from the PROXY protocol, it is counted then.
        let exempt = [options.trusted_proxies.as_slice(), &options.proxy_protocol_from].concat();
        Arc::new(Self {
            places: Arc::new(Semaphore::new(max as usize)),
            max,
            per_address_max: options.connections_per_address_max,
            exempt,
            held: Mutex::default(),
            open,
        })
    }

    /// As many again, told with these.
    pub(super) fn another(&self) -> Arc<Self> {
        Arc::new(Self {
            places: Arc::new(Semaphore::new(self.max as usize)),
            max: self.max,
            per_address_max: self.per_address_max,
            exempt: self.exempt.clone(),
            held: Mutex::default(),
            open: self.open.clone(),
        })
    }

    /// A place, as soon as there is one. `None` where there never will be.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        loop {
            let place = Arc::clone(&self.places).acquire_owned();
            if self.places.available_permits() > 0 {
                return place.await.ok();
            }
            self.make_room();
            if let Ok(place) = timeout(ROOM_PAUSE, place).await {
                return place.ok();
            }
        }
    }

    /// Gives a connection its seat.
    pub(super) fn seat(self: &Arc<Self>, place: OwnedSemaphorePermit, now: Instant) -> Seat {
        let (activity, leave) = (Activity::new(now), Arc::new(Notify::new()));
        let mut held = self.held();
        let id = held.next;
        held.next += 1;
        let known = Known { address: None, activity: Arc::clone(&activity), leave: Arc::clone(&leave) };
        held.seats.insert(id, known);
        drop(held);
        self.open.inc();
        Seat { id, activity, leave, connections: Arc::clone(self), _place: place }
    }

    /// Waits until all connections have ended.
    pub(super) async fn ended(&self) {
        drop(self.places.acquire_many(self.max).await);
    }

    fn make_room(&self) {
        let held = self.held();
        let waiting = held.seats.iter().filter_map(|(id, known)| {
            let beside = known.address.and_then(|address| held.by_address.get(&address)).copied().unwrap_or(0);
            Some(Waiting { id: *id, beside, since: known.activity.quiet_since()? })
        });
        for id in to_close(waiting.collect(), (held.seats.len() / ROOM_PART).max(1)) {
            held.seats[&id].leave.notify_one();
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Counts the connection for an address. False where that has as many as it may.
    pub(super) fn count(&self, address: IpAddr) -> bool {
        if within(&self.connections.exempt, address) {
            return true;
        }
        let address = counted_as(address);
        let mut held = self.connections.held();
        let held = &mut *held;
        let Some(known) = held.seats.get_mut(&self.id) else { return false };
        let count = held.by_address.entry(address).or_insert(0);
        if *count >= self.connections.per_address_max {
            return false;
        }
        *count += 1;
        known.address = Some(address);
        true
    }

    /// Waits until the connection is to make room for another; it does, unless it has a request by then.
    pub(super) async fn has_to_leave(&self) {
        loop {
            self.leave.notified().await;
            if self.activity.quiet_since().is_some() {
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.connections.open.dec();
        let mut held = self.connections.held();
        let Some(address) = held.seats.remove(&self.id).and_then(|known| known.address) else { return };
        if let Some(count) = held.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                held.by_address.remove(&address);
            }
        }
    }
}

/// What an address is counted as: whoever has an IPv6 address has the 2^64 of its network.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => four.into(),
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// A connection that waits for a request.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    id: u64,
    /// How many its address has.
    beside: usize,
    since: Instant,
}

/// Which connections make room: of the addresses that have most, those that have waited longest.
fn to_close(mut waiting: Vec<Waiting>, count: usize) -> impl Iterator<Item = u64> {
    waiting.sort_by_key(|waiting| (usize::MAX - waiting.beside, waiting.since));
    waiting.into_iter().take(count).map(|waiting| waiting.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(options: &Options) -> Arc<Connections> {
        Connections::new(options, &mut Registry::default())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    async fn seat(connections: &Arc<Connections>) -> Seat {
        let place = connections.place().await.expect("a place");
        connections.seat(place, Instant::now())
    }

    #[test]
    fn addresses_of_ipv6_are_counted_by_network() {
        assert_eq!(counted_as(address("2001:db8::1:2:3:4")), counted_as(address("2001:db8::9")));
        assert_ne!(counted_as(address("2001:db8::1")), counted_as(address("2001:db8:0:1::1")));
        assert_eq!(counted_as(address("::ffff:192.0.2.7")), address("192.0.2.7"));
        assert_ne!(counted_as(address("192.0.2.7")), counted_as(address("192.0.2.8")));
    }

    #[tokio::test]
    async fn an_address_has_as_many_as_it_may_and_gives_them_back() {
        let connections = connections(&Options { connections_per_address_max: 2, ..Options::default() });
        let seats = [seat(&connections).await, seat(&connections).await, seat(&connections).await];
        let one = address("192.0.2.7");
        assert!(seats[0].count(one) && seats[1].count(one));
        assert!(!seats[2].count(one));
        assert!(seats[2].count(address("192.0.2.8")));
        drop(seats);
        assert!(seat(&connections).await.count(one));
        assert!(connections.held().by_address.is_empty(), "nothing is kept of who has gone");
    }

    #[tokio::test]
    async fn trusted_proxies_are_not_counted() {
        let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        let connections = connections(&Options { connections_per_address_max: 0, trusted_proxies, ..Options::default() });
        let seat = seat(&connections).await;
        assert!(seat.count(address("10.1.2.3")));
        assert!(!seat.count(address("192.0.2.7")));
    }

    #[test]
    fn those_of_the_largest_address_that_wait_longest_make_room() {
        let begun = Instant::now();
        let waiting = |id, beside, secs| Waiting { id, beside, since: begun + Duration::from_secs(secs) };
        let all = vec![waiting(1, 1, 0), waiting(2, 9, 5), waiting(3, 9, 3), waiting(4, 2, 0)];
        assert_eq!(to_close(all, 3).collect::<Vec<_>>(), [3, 2, 4]);
    }

    #[tokio::test]
    async fn a_connection_without_a_request_makes_room_and_one_with_a_request_does_not() {
        let connections = connections(&Options { connections_max: 2, ..Options::default() });
        let (busy, quiet) = (seat(&connections).await, seat(&connections).await);
        let _request = busy.activity.request();
        let leaving = tokio::spawn(async move { quiet.has_to_leave().await });
        let third = connections.place().await;
        assert!(third.is_some());
        leaving.await.expect("it left");
        assert!(busy.activity.quiet_since().is_none());
    }
}
