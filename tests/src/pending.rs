//! A backlog: events whose deliveries all wait, seeded through the journal's own interface, as the flows use it.

use std::{path::Path, time::Instant};

use bytes::Bytes;
use sluicebox::{
    config::system_clock,
    event::{Event, EventId, Header, Message, MessageId, Name, RunId},
    journal::{self, EventFilter, Journal, NewDelivery, NewRun, Outcome, Pending, Routed, Unrouted},
};

use crate::lanes::Refusing;

/// Destinations of every event.
pub const DESTINATIONS: usize = 10;
/// What their names begin with.
const NAME: &str = "down";
/// Events of one call, and so of one transaction.
const CHUNK: usize = 2_000;
/// A body's size.
const BODY_BYTES: usize = 1_000;

/// The hub file: one source, whose events go to all destinations; they refuse every connection.
#[must_use]
pub fn hub(refusing: &Refusing, enabled: bool) -> String {
    let names: Vec<String> = (0..DESTINATIONS).map(|index| format!("\"{NAME}-{index}\"")).collect();
    let url = refusing.url();
    let destination = |name: &String| {
        let name = name.trim_matches('"');
        format!("[destinations.{name}]\nurl = \"{url}/\"\nenabled = {enabled}\n")
    };
    let destinations: String = names.iter().map(destination).collect();
    let names = names.join(", ");
    format!("[sources.open]\nverify = {{ scheme = \"none\" }}\n{destinations}[rules.all]\ndestinations = [{names}]\n")
}

/// Brings the journal of a data folder, whose host has stopped, to so many events that wait for so many destinations; without any they
/// are settled. What was seeded before counts, so that it can be gone on with. Tells how many there are now and then.
///
/// # Panics
///
/// Where the journal refuses.
pub async fn seed(data: &Path, events: usize, destinations: usize, mut tell: impl FnMut(usize)) {
    let options = journal::Options::in_folder(data.join("journal"));
    let journal =
        journal::open(&options, system_clock(), &mut prometheus_client::registry::Registry::default()).expect("a journal");
    let (mut seeded, mut told) = (newest(&*journal).await, Instant::now());
    while seeded < events {
        let next = CHUNK.min(events - seeded);
        done(journal.append((seeded..seeded + next).map(event).collect())).await;
        // Those too that a run before this one left without their deliveries.
        let unrouted = done(journal.claim_events(2 * CHUNK)).await;
        done(journal.route(unrouted.iter().map(|one| routed(one, destinations)).collect())).await;
        seeded += next;
        if told.elapsed().as_secs() >= 10 {
            tell(seeded);
            told = Instant::now();
        }
    }
    done(journal.close()).await;
}

/// The place of the newest event: they are numbered from 1.
async fn newest(journal: &dyn Journal) -> usize {
    let page = done(journal.events(EventFilter::newest(Name::default_workspace(), 1))).await;
    page.items.first().map_or(0, |event| usize::try_from(event.seq).expect("a number of events"))
}

/// The event of this number; no two have the same id.
#[must_use]
pub fn event(number: usize) -> Event {
    let now = system_clock()();
    let mut random = [0; 10];
    random[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    Event {
        workspace: Name::default_workspace(),
        id: EventId::new(now, random),
        source: "open".parse().expect("a name"),
        event_type: String::new(),
        subject: None,
        received_at: now,
        time: None,
        external_id: None,
        content_type: Some("application/json".to_owned()),
        headers: vec![header("content-type", "application/json"), header("user-agent", "a sender"), header("accept", "*/*")],
        body: body(number),
        attributes: Vec::new(),
    }
}

/// JSON of [`BODY_BYTES`].
#[must_use]
pub fn body(number: usize) -> Bytes {
    let filling = "x".repeat(BODY_BYTES - 40);
    format!("{{\"number\":{number:>12},\"filling\":\"{filling}\"}}").into()
}

fn routed(unrouted: &Unrouted, destinations: usize) -> Routed {
    let rule: Name = "all".parse().expect("a name");
    let run = RunId::of(&unrouted.event.workspace, unrouted.event.id, unrouted.generation, &rule);
    let delivery = |index| {
        let destination: Name = format!("{NAME}-{index}").parse().expect("a name");
        let id = MessageId::of_run(run, &destination, 0);
        NewDelivery { id, destination, message: Message::of(&unrouted.event), order_key: None }
    };
    let outcome = Some(Outcome::Planned((0..destinations).map(delivery).collect()));
    Routed {
        seq: unrouted.seq,
        generation: unrouted.generation,
        revision: 1,
        runs: vec![NewRun { rule, outcome, holds: Vec::new() }],
    }
}

async fn done<T>(pending: Pending<T>) -> T {
    pending.await.expect("the journal does it")
}
