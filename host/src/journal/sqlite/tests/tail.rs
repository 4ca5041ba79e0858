//! Live tails: everything once, in the order of the journal.

use super::*;
use crate::journal::{Tail, TailFilter};

fn from(after: u64) -> TailFilter {
    let workspace = Name::default_workspace();
    TailFilter { workspace, source: None, event_type: None, after, events_max: 100, body_bytes: 1_000 }
}

fn bodies(tail: &Tail) -> Vec<&[u8]> {
    tail.events.iter().map(|record| &record.event.body[..]).collect()
}

#[test]
fn events_come_in_the_order_of_the_journal_with_their_bodies() {
    let world = World::new();
    // The second is stored last, and was received first.
    let late = Event { id: EventId::new(Timestamp(1), [1; 10]), ..event(b"late") };
    done(world.journal.append(vec![event(b"one"), event(b"two")]));
    done(world.journal.append(vec![late]));
    let all = done(world.journal.tail(from(0)));
    assert_eq!((bodies(&all), all.more), (vec![&b"one"[..], b"two", b"late"], false));
    let rest = done(world.journal.tail(from(all.events[0].seq)));
    assert_eq!(bodies(&rest), [&b"two"[..], b"late"]);
    let nothing = done(world.journal.tail(from(all.reached)));
    assert_eq!((nothing.events.len(), nothing.reached, nothing.more), (0, all.reached, false));
}

#[test]
fn a_part_ends_at_its_bounds_and_the_next_goes_on_there() {
    let world = World::new();
    done(world.journal.append((0..10).map(|n| event(format!("{n:0>100}").as_bytes())).collect()));
    for bounds in [TailFilter { body_bytes: 250, ..from(0) }, TailFilter { events_max: 3, ..from(0) }] {
        let (mut seen, mut bounds) = (Vec::new(), bounds);
        loop {
            let part = done(world.journal.tail(bounds.clone()));
            assert!(part.events.len() <= 3, "{}", part.events.len());
            seen.extend(part.events.iter().map(|record| record.seq));
            bounds.after = part.reached;
            if !part.more {
                break;
            }
        }
        assert_eq!(seen.len(), 10);
        assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
    }
    let tight = TailFilter { body_bytes: 0, ..from(0) };
    assert_eq!(done(world.journal.tail(tight)).events.len(), 1, "one at least");
}

#[test]
fn what_is_of_another_type_is_passed_and_not_looked_at_again() {
    let world = World::new();
    let of_type = |text: &str| Event { event_type: text.into(), ..event(b"x") };
    done(world.journal.append(vec![of_type("a"), of_type("b"), of_type("a"), of_type("b")]));
    let only = TailFilter { event_type: Some("a".into()), ..from(0) };
    let found = done(world.journal.tail(only.clone()));
    assert_eq!(found.events.len(), 2);
    assert!(found.reached > found.events[1].seq, "the last is another's");
    assert_eq!(
        done(world.journal.tail(TailFilter { events_max: 2, ..only })).events.len(),
        1,
        "the bound is on what is looked at"
    );
    let other = TailFilter { workspace: name("other"), ..from(0) };
    assert_eq!(done(world.journal.tail(other)).events.len(), 0);
    let source = |text| done(world.journal.tail(TailFilter { source: Some(name(text)), ..from(0) })).events.len();
    assert_eq!((source("github"), source("stripe")), (4, 0));
}
