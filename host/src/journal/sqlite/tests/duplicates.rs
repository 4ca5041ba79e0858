//! Events with one key are stored once, for as long as the key is known.

use super::*;
use crate::journal::{Arrival, Once};

const WINDOW_MS: u64 = 60_000;

fn once(key: u8) -> Once {
    Once { key: [key; 32], until: START.plus_ms(WINDOW_MS) }
}

fn arrival(event: Event, once: Once) -> Arrival {
    Arrival { once: Some(once), ..Arrival::of(event) }
}

fn bodies(world: &World) -> Vec<Bytes> {
    done(world.journal.claim_events(100)).into_iter().map(|unrouted| unrouted.event.body.clone()).collect()
}

#[test]
fn the_first_of_a_key_is_stored_and_the_others_are_told_its_id() {
    let world = World::new();
    let (first, second, other) = (event(b"first"), event(b"second"), event(b"other"));
    let ids = [&first, &other].map(|event| event.id);
    let together = vec![arrival(first, once(1)), arrival(second, once(1)), arrival(other, once(2))];
    assert_eq!(done(world.journal.append_once(together)), [ids[0], ids[0], ids[1]]);
    let world = world.reopen();
    assert_eq!(done(world.journal.append_once(vec![arrival(event(b"after a restart"), once(1))])), [ids[0]]);
    assert_eq!(bodies(&world), ["first", "other"]);
}

#[test]
fn a_key_is_of_its_source_and_workspace() {
    let world = World::new();
    let of = |source: &str, workspace: &str| Event { source: name(source), workspace: name(workspace), ..event(b"") };
    let events = [of("a", "default"), of("b", "default"), of("a", "other")];
    let ids = events.clone().map(|event| event.id);
    assert_eq!(done(world.journal.append_once(events.map(|event| arrival(event, once(1))).to_vec())), ids);
}

#[test]
fn a_key_is_forgotten_when_its_time_is_over() {
    let world = World::new();
    let first = event(b"first");
    done(world.journal.append_once(vec![arrival(first.clone(), once(1))]));
    world.pass_ms(WINDOW_MS - 1);
    assert_eq!(done(world.journal.append_once(vec![arrival(event(b"early"), once(1))])), [first.id]);
    world.pass_ms(1);
    let late = event(b"late");
    let again = Once { until: world.now().plus_ms(WINDOW_MS), ..once(1) };
    assert_eq!(done(world.journal.append_once(vec![arrival(late.clone(), again)])), [late.id]);
    world.pass_ms(WINDOW_MS - 1);
    assert_eq!(done(world.journal.append_once(vec![arrival(event(b"again"), once(1))])), [late.id], "its time began anew");
    assert_eq!(bodies(&world), ["first", "late"]);
}

#[test]
fn what_comes_at_the_same_time_is_stored_once() {
    let world = World::new();
    let waiting: Vec<_> = (0..50).map(|_| world.journal.append_once(vec![arrival(event(b"same"), once(1))])).collect();
    let told: BTreeSet<EventId> = waiting.into_iter().flat_map(done).collect();
    assert_eq!((told.len(), bodies(&world).len()), (1, 1));
}

#[test]
fn what_has_no_key_is_stored_beside_what_has_one() {
    let world = World::new();
    let (keyed, first, second) = (event(b"keyed"), event(b"same"), event(b"same"));
    let ids = [&keyed, &first, &second].map(|event| event.id);
    let together = vec![arrival(keyed, once(1)), Arrival::of(first), Arrival::of(second)];
    assert_eq!(done(world.journal.append_once(together)), ids);
    assert_eq!(bodies(&world), ["keyed", "same", "same"]);
}
