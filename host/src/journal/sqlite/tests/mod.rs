//! Tests of the engine: real files in a temporary folder, and a clock that stands still until it is moved.

mod acknowledge;
mod audit;
mod backlog;
mod batches;
mod commits;
mod copy;
mod dead;
mod duplicates;
mod expire;
mod facts;
mod key_uses;
mod listings;
mod order;
mod order_histories;
mod revive;
mod space;
mod state;
mod tail;
mod work;
mod workspace;

use std::{
    collections::{BTreeSet, HashSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tempfile::TempDir;

use super::{Options, open, schema};
use crate::{
    event::{Attribute, Clock, Event, EventId, Header, Message, MessageId, Name, RunId, Timestamp},
    journal::{Delivery, Journal, Lane, Lanes, NewDelivery, NewRun, Origin, Outcome, Pending, Routed, Unrouted},
};

/// Where the clock stands at first.
const START: Timestamp = Timestamp(1_790_000_000_000);

/// What waits is counted right.
fn assert_counted(folder: &TempDir) {
    let view = schema::open_reader(&folder.path().join("journal.db")).expect("opens");
    let told = |sql| {
        let mut select = view.prepare(sql).expect("is SQL");
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?))).expect("rows");
        rows.collect::<Result<Vec<(String, String, i64)>, _>>().expect("rows")
    };
    let waiting = told("SELECT workspace, destination, count(*) FROM deliveries WHERE state = 0 GROUP BY 1, 2 ORDER BY 1, 2");
    assert_eq!(told("SELECT workspace, destination, waiting FROM lane_depths ORDER BY 1, 2"), waiting);
}

/// A journal, and what is around it.
struct World {
    journal: Arc<dyn Journal>,
    folder: TempDir,
    clock: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(AtomicU64::new(START.0)));
        Self { journal: open_at(&folder, &clock), folder, clock }
    }

    /// As after a restart.
    fn reopen(self) -> Self {
        let Self { journal, folder, clock } = self;
        done(journal.close());
        drop(journal);
        assert_counted(&folder);
        Self { journal: open_at(&folder, &clock), folder, clock }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.clock.load(Ordering::Relaxed))
    }

    fn pass_ms(&self, ms: u64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// Appends events with these bodies, and claims them.
    fn appended(&self, bodies: &[&str]) -> Vec<Unrouted> {
        let events = bodies.iter().map(|body| event(body.as_bytes())).collect();
        done(self.journal.append(events));
        done(self.journal.claim_events(bodies.len()))
    }

    /// One event that goes from one rule to one destination, as it is.
    fn planned(&self, body: &str) -> Delivery {
        let unrouted = self.appended(&[body]).remove(0);
        done(self.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", &["d"])))]));
        let lease = self.now().plus_ms(30_000);
        done(self.journal.claim_deliveries(lane("d"), self.now(), lease, 1)).items.remove(0)
    }
}

fn open_at(folder: &TempDir, clock: &Arc<AtomicU64>) -> Arc<dyn Journal> {
    open(&Options::in_folder(folder.path()), clock_of(clock), &mut Registry::default()).expect("opens")
}

fn clock_of(clock: &Arc<AtomicU64>) -> Clock {
    let clock = Arc::clone(clock);
    Arc::new(move || Timestamp(clock.load(Ordering::Relaxed)))
}

fn done<T>(pending: Pending<T>) -> T {
    pending.wait().expect("the journal does it")
}

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn lane(text: &str) -> Lane {
    Lane { workspace: Name::default_workspace(), name: name(text) }
}

/// The names of the lanes that are marked now.
fn marked(lanes: &Lanes) -> BTreeSet<String> {
    taken(lanes).into_iter().map(|lane| lane.name.to_string()).collect()
}

/// The lanes that are marked now.
fn taken(lanes: &Lanes) -> HashSet<Lane> {
    match pin!(lanes.take()).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(taken) => taken,
        Poll::Pending => HashSet::new(),
    }
}

/// An event with everything set, and an id of its own.
fn event(body: &[u8]) -> Event {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&COUNT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Event {
        workspace: Name::default_workspace(),
        id: EventId::new(START, random),
        source: name("github"),
        event_type: "issues".to_owned(),
        subject: Some("42".to_owned()),
        received_at: START,
        time: Some(Timestamp(7)),
        external_id: Some("ext\0ernal".to_owned()),
        content_type: Some("application/json".to_owned()),
        headers: vec![Header { name: "x-a".to_owned(), value: "\u{fc}\"".to_owned() }; 2],
        body: Bytes::copy_from_slice(body),
        attributes: vec![Attribute { key: "k".to_owned(), value: "v".to_owned() }],
    }
}

fn routed(unrouted: &Unrouted, rule: &str, outcome: Option<Outcome>) -> Routed {
    let runs = vec![new_run(rule, outcome)];
    Routed { seq: unrouted.seq, generation: unrouted.generation, revision: 3, runs }
}

fn new_run(rule: &str, outcome: Option<Outcome>) -> NewRun {
    NewRun { rule: name(rule), outcome, holds: Vec::new() }
}

/// The event as it is, to these destinations.
fn planned(unrouted: &Unrouted, rule: &str, destinations: &[&str]) -> Outcome {
    let run = RunId::of(&Name::default_workspace(), unrouted.event.id, unrouted.generation, &name(rule));
    let to = |destination: &&str| NewDelivery {
        id: MessageId::of_run(run, &name(destination), 0),
        destination: name(destination),
        message: Message::of(&unrouted.event),
        order_key: None,
    };
    Outcome::Planned(destinations.iter().map(to).collect())
}

fn event_body(delivery: &Delivery) -> &[u8] {
    let Origin::Event(event) = &delivery.origin else { panic!("of a batch") };
    &event.body
}

fn event_of(delivery: &Delivery) -> EventId {
    match &delivery.origin {
        Origin::Event(event) => event.id,
        Origin::Batch { id, .. } => panic!("{id} is a batch"),
    }
}
