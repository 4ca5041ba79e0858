//! Dead letters are listed by when they were given up, whatever they were, and what is asked of them is found by indexes of their own.

use super::{batches, listings::plan, work, *};
use crate::{
    event::Failure,
    journal::{
        Arrival, DeadFilter, DeadKind, DeadPage, DeadPlace, DeadRecord, DeadSlice, DeliveryState, EventFilter, Narrow, Revival,
        Verdict, WorkFilter,
    },
};

pub(super) fn all() -> DeadFilter {
    let workspace = Name::default_workspace();
    DeadFilter { workspace, kind: None, rule: None, destination: None, narrow: Narrow::default() }
}

pub(super) fn newest(limit: usize) -> DeadSlice {
    DeadSlice { oldest_first: false, beyond: None, limit, attempts_max: 3 }
}

pub(super) fn page(world: &World, filter: DeadFilter, slice: DeadSlice) -> DeadPage {
    done(world.journal.dead_letters(filter, slice))
}

/// A delivery of `r` to `d`, given up with this code after its one attempt.
pub(super) fn dead_delivery(world: &World, code: &str) -> Delivery {
    let delivery = world.planned("a");
    let dead = Verdict::Dead(Failure::new(code, "3 of 3 attempts failed; the last: Refused"));
    done(world.journal.settle(vec![work::settled(&delivery, 500, dead)]));
    delivery
}

/// A run of `r` that was given up.
pub(super) fn dead_run(world: &World) -> Unrouted {
    let unrouted = work::pending_run(world);
    assert_eq!(done(world.journal.claim_runs(lane("r"), world.now(), 1)).items.len(), 1);
    let end = work::run_end(&unrouted, 1, Outcome::Dead(Failure::new("panic", "index out of bounds")));
    done(world.journal.end_runs(vec![end]));
    unrouted
}

/// A batch of `r` with these members that was given up.
pub(super) fn dead_batch(world: &World, members: &[&str]) -> crate::journal::Batch {
    for member in members {
        batches::joined(world, "k", member, batches::LIMITS);
    }
    world.pass_ms(batches::LIMITS.age_ms_max);
    let batch = batches::one(batches::claim(world, world.now()));
    done(world.journal.end_batches(vec![batches::end(&batch, Outcome::Dead(Failure::new("reject", "no pusher")))]));
    batch
}

fn kinds(page: &DeadPage) -> Vec<DeadKind> {
    page.items.iter().map(|letter| letter.place.kind).collect()
}

#[test]
fn all_kinds_stand_in_one_listing_that_is_paged_both_ways() {
    let world = World::new();
    dead_delivery(&world, "gone");
    dead_run(&world);
    // At the same time as the run: within a time, kinds stand one after the other.
    dead_delivery(&world, "gone");
    dead_batch(&world, &["a"]);
    let expected = [DeadKind::Batch, DeadKind::Run, DeadKind::Delivery, DeadKind::Delivery];
    for oldest_first in [false, true] {
        let (mut beyond, mut seen) = (None, Vec::new());
        loop {
            let page = page(&world, all(), DeadSlice { oldest_first, beyond, ..newest(1) });
            seen.extend(kinds(&page));
            beyond = page.next;
            if beyond.is_none() {
                break;
            }
        }
        if oldest_first {
            seen.reverse();
        }
        assert_eq!(seen, expected, "oldest first: {oldest_first}");
    }
    assert_eq!(kinds(&page(&world.reopen(), all(), newest(9))), expected, "also after a restart");
}

#[test]
fn a_letter_carries_its_last_attempts() {
    let world = World::new();
    let first = world.planned("a");
    done(world.journal.settle(vec![work::settled(&first, 502, Verdict::RetryAt(world.now()))]));
    let again = done(world.journal.claim_deliveries(lane("d"), world.now(), world.now().plus_ms(1), 1)).items.remove(0);
    done(world.journal.settle(vec![work::settled(&again, 503, Verdict::Dead(Failure::new("attempts-exhausted", "2 of 2")))]));
    let letter = page(&world, all(), DeadSlice { attempts_max: 1, ..newest(9) }).items.remove(0);
    assert_eq!((letter.attempts.len(), letter.attempts[0].number, letter.attempts[0].attempt.status), (1, 2, Some(503)));
    assert_eq!(letter.attempts[0].attempt.response_body.as_ref(), b"\xff");
    let DeadRecord::Delivery(record) = letter.record else { panic!("a delivery") };
    assert_eq!(
        (record.last_code.as_deref(), record.failure.expect("it failed").code.as_str()),
        (Some("status"), "attempts-exhausted")
    );
}

#[test]
fn letters_are_found_by_all_that_they_tell() {
    let world = World::new();
    dead_delivery(&world, "attempts-exhausted");
    dead_run(&world);
    world.pass_ms(1_000);
    let later = world.now();
    dead_delivery(&world, "gone");
    let found = |filter: DeadFilter| kinds(&page(&world, filter, newest(9))).len();
    let by = |narrow: Narrow| found(DeadFilter { narrow, ..all() });
    assert_eq!(found(all()), 3);
    assert_eq!(found(DeadFilter { kind: Some(DeadKind::Run), ..all() }), 1);
    assert_eq!(found(DeadFilter { destination: Some(name("d")), ..all() }), 2);
    assert_eq!(found(DeadFilter { destination: Some(name("e")), ..all() }), 0);
    assert_eq!(found(DeadFilter { rule: Some(name("r")), ..all() }), 3);
    assert_eq!(found(DeadFilter { rule: Some(name("other")), ..all() }), 0);
    assert_eq!(found(DeadFilter { workspace: name("other"), ..all() }), 0);
    assert_eq!(by(Narrow { code: Some("gone".into()), ..Narrow::default() }), 1);
    assert_eq!(by(Narrow { code: Some("status".into()), ..Narrow::default() }), 2, "why the last attempt failed");
    assert_eq!(by(Narrow { code: Some("panic".into()), ..Narrow::default() }), 1);
    assert_eq!(by(Narrow { text: Some("rEFUSED".into()), ..Narrow::default() }), 2);
    assert_eq!(by(Narrow { text: Some("%".into()), ..Narrow::default() }), 0);
    assert_eq!(by(Narrow { source: Some(name("github")), ..Narrow::default() }), 3);
    assert_eq!(by(Narrow { source: Some(name("stripe")), ..Narrow::default() }), 0);
    assert_eq!(by(Narrow { event_type: Some("issues".into()), ..Narrow::default() }), 3);
    assert_eq!(by(Narrow { since: Some(later), ..Narrow::default() }), 1);
    assert_eq!(by(Narrow { until: Some(later), ..Narrow::default() }), 2);

    let counts = done(world.journal.count_dead_letters(all()));
    let told: Vec<_> = counts.iter().map(|c| (c.kind, c.code.as_str(), c.last_code.as_deref(), c.count)).collect();
    assert_eq!(
        told,
        [
            (DeadKind::Delivery, "attempts-exhausted", Some("status"), 1),
            (DeadKind::Delivery, "gone", Some("status"), 1),
            (DeadKind::Run, "panic", None, 1)
        ]
    );
    assert_eq!(counts[0].destination, Some(name("d")));
    let gone = Narrow { code: Some("gone".into()), ..Narrow::default() };
    assert_eq!(done(world.journal.count_dead_letters(DeadFilter { narrow: gone, ..all() })).len(), 1);
}

/// A retry as it was needs the plugins that it ran by.
#[test]
fn what_is_dead_keeps_its_revision_until_it_is_taken_up() {
    let world = World::new();
    assert!(done(world.journal.revisions_pinned()).is_empty());
    dead_run(&world);
    let world = world.reopen();
    assert_eq!(done(world.journal.revisions_pinned()), [3].into());
    let seq = page(&world, all(), newest(1)).items[0].place.seq;
    done(world.journal.revive(vec![Revival::Letter { kind: DeadKind::Run, seq }]));
    assert!(done(world.journal.revisions_pinned()).is_empty());
}

#[test]
fn batches_are_found_by_the_source_of_their_members() {
    let world = World::new();
    dead_batch(&world, &["a", "b"]);
    let by = |source: &str| {
        let narrow = Narrow { source: Some(name(source)), ..Narrow::default() };
        kinds(&page(&world, DeadFilter { narrow, ..all() }, newest(9))).len()
    };
    assert_eq!((by("github"), by("stripe")), (1, 0));
}

#[test]
fn other_listings_are_narrowed_too() {
    let world = World::new();
    dead_delivery(&world, "gone");
    world.planned("waits");
    dead_run(&world);
    let narrow = |code: &str| Narrow { code: Some(code.into()), ..Narrow::default() };
    let filter = |narrow| WorkFilter::<DeliveryState> { narrow, ..WorkFilter::newest(Name::default_workspace(), 9) };
    assert_eq!(done(world.journal.deliveries(filter(narrow("gone")))).items.len(), 1);
    assert_eq!(done(world.journal.deliveries(filter(Narrow::default()))).items.len(), 2);
    let since = Narrow { since: Some(START.plus_ms(1)), ..Narrow::default() };
    assert_eq!(done(world.journal.deliveries(filter(since))).items.len(), 0);
    let runs = WorkFilter { narrow: narrow("panic"), ..WorkFilter::newest(Name::default_workspace(), 9) };
    assert_eq!(done(world.journal.runs(runs)).items.len(), 1);
}

#[test]
fn events_are_found_by_the_time_that_they_were_received_at() {
    let world = World::new();
    for hour in 0..5 {
        let at = START.plus_ms(hour * 3_600_000);
        let mut random = [0; 10];
        random[0] = u8::try_from(hour).expect("small");
        done(world.journal.append(vec![Event { id: EventId::new(at, random), received_at: at, ..event(b"a") }]));
    }
    let hours = |from: Option<u64>, to: Option<u64>| {
        let at = |hour| START.plus_ms(hour * 3_600_000);
        EventFilter { since: from.map(at), until: to.map(at), ..EventFilter::newest(Name::default_workspace(), 9) }
    };
    let found = |filter| {
        let page = done(world.journal.events(filter));
        page.items.iter().map(|record| record.event.received_at.ms_since(START) / 3_600_000).collect::<Vec<_>>()
    };
    assert_eq!(found(hours(Some(1), Some(3))), [2, 1]);
    assert_eq!(found(hours(None, Some(1))), [0]);
    assert_eq!(found(hours(Some(4), None)), [4]);
    assert!(found(hours(Some(5), None)).is_empty());
    assert_eq!(found(EventFilter { after: Some(0), ..hours(Some(3), None) }), [3, 4], "oldest first");
    assert_eq!(found(EventFilter { subject: Some("42".into()), ..hours(Some(4), None) }), [4]);
    assert!(found(EventFilter { external_id: Some("x".into()), ..hours(None, None) }).is_empty());
    assert_eq!(done(world.journal.count_events(hours(Some(1), Some(4)))), [(name("github"), "issues".to_owned(), 3)]);
    assert!(done(world.journal.count_events(hours(Some(9), None))).is_empty());
}

/// Beside thousands that are settled, dead letters are found within the first look at the clock, some thousand steps.
#[test]
fn dead_letters_are_found_beside_any_number_of_others() {
    let folder = TempDir::new().expect("a folder");
    let options = Options { listing_ms_max: 0, ..Options::in_folder(folder.path()) };
    let clock = Arc::new(AtomicU64::new(START.0));
    let journal = open(&options, clock_of(&clock), &mut Registry::default()).expect("opens");
    let world = World { journal, folder, clock };
    dead_delivery(&world, "gone");
    dead_run(&world);
    for _ in 0..4 {
        let bodies = vec!["a"; 500];
        let unrouted = world.appended(&bodies);
        let plain = |one: &Unrouted| routed(one, "r", Some(planned(one, "r", &["d"])));
        done(world.journal.route(unrouted.iter().map(plain).collect()));
        let claimed = done(world.journal.claim_deliveries(lane("d"), START, START.plus_ms(9), 500)).items;
        done(world.journal.settle(claimed.iter().map(|delivery| work::settled(delivery, 200, Verdict::Delivered)).collect()));
    }
    for filter in [all(), DeadFilter { destination: Some(name("d")), ..all() }, DeadFilter { rule: Some(name("r")), ..all() }] {
        assert!(!page(&world, filter, newest(9)).items.is_empty());
    }
    let counts = done(world.journal.count_dead_letters(all()));
    assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 2);
}

/// Stores an event that is given up as it comes in.
fn dead_event(world: &World) -> Event {
    let event = event(b"{}");
    let given_up = Some(Failure::new("schema", "`/a`: value is not of type \"integer\""));
    done(world.journal.append_once(vec![Arrival { given_up, ..Arrival::of(event.clone()) }]));
    event
}

#[test]
fn an_event_that_is_given_up_as_it_comes_in_is_a_dead_letter_and_goes_to_no_rule() {
    let world = World::new();
    let event = dead_event(&world);
    let world = world.reopen();
    assert!(done(world.journal.claim_events(9)).is_empty());
    let letters = page(&world, all(), newest(9));
    let [letter] = &letters.items[..] else { panic!("one letter: {letters:?}") };
    let DeadRecord::Event(record) = &letter.record else { panic!("an event: {letter:?}") };
    assert_eq!((record.event.id, record.routed), (event.id, true));
    assert_eq!(record.dead.as_ref().map(|(at, failure)| (*at, failure.code.as_str())), Some((START, "schema")));
    let filter = |code: &str| DeadFilter { narrow: Narrow { code: Some(code.to_owned()), ..Narrow::default() }, ..all() };
    let count = |filter| done(world.journal.count_dead_letters(filter)).len();
    assert_eq!((count(filter("schema")), count(filter("other"))), (1, 0));
    assert_eq!(count(DeadFilter { rule: Some(name("r")), ..all() }), 0, "it is no rule's");
}

#[test]
fn an_event_that_was_given_up_goes_through_the_rules_of_today_once() {
    for as_it_was in [false, true] {
        let world = World::new();
        let event = dead_event(&world);
        let seq = page(&world, all(), newest(9)).items[0].place.seq;
        let revival = match as_it_was {
            true => Revival::Event { seq, rule: None, destination: None },
            false => Revival::Letter { kind: DeadKind::Event, seq },
        };
        let revived = done(world.journal.revive(vec![revival.clone(), revival]));
        assert_eq!((revived.events, revived.letters), (1, 1));
        assert!(page(&world, all(), newest(9)).items.is_empty());
        let claimed = done(world.journal.claim_events(9));
        assert_eq!(claimed.iter().map(|unrouted| (unrouted.event.id, unrouted.generation)).collect::<Vec<_>>(), [(event.id, 1)]);
    }
}

#[test]
fn what_is_asked_of_dead_letters_has_its_index_in_its_order() {
    let world = World::new();
    let view = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    let place = |table: &str, index: &str, also: &str| {
        let sql = format!(
            "SELECT dead_at, seq FROM {table} INDEXED BY {index} WHERE workspace = ? AND dead_at IS NOT NULL{also} \
             AND (dead_at, seq) < (?, ?) ORDER BY dead_at DESC, seq DESC LIMIT 9"
        );
        let plan = plan(&view, &sql);
        assert!(plan.contains(index) && plan.contains("dead_at<") && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    };
    place("deliveries", "deliveries_given_up", "");
    place("deliveries", "deliveries_given_up_to", " AND destination = ?");
    place("runs", "runs_given_up", "");
    place("runs", "runs_given_up_of", " AND rule = ?");
    place("batches", "batches_given_up", "");
    place("events", "events_given_up", "");
    for table in ["runs", "batches"] {
        let sql = format!("SELECT revision FROM {table} WHERE dead_at IS NOT NULL ORDER BY 1 DESC");
        assert!(plan(&view, &sql).contains(&format!("COVERING INDEX {table}_given_up_by")), "{}", plan(&view, &sql));
    }
    for (sql, index) in [
        ("SELECT seq FROM runs r WHERE r.workspace = ? AND r.dead_id = ?", "runs_dead_id"),
        ("SELECT seq FROM batches b WHERE b.workspace = ? AND b.id = ?", "batches_id"),
        (
            "SELECT min(seq), max(seq) FROM events INDEXED BY events_id WHERE workspace = ? AND id >= ?",
            "COVERING INDEX events_id",
        ),
        (
            "SELECT e.seq FROM events e WHERE e.workspace = ? AND e.source = ? AND e.seq >= ? AND +e.id >= ? ORDER BY e.seq DESC LIMIT 9",
            "events_of_source",
        ),
    ] {
        let plan = plan(&view, sql);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

#[test]
fn kinds_that_died_together_stand_one_after_the_other() {
    let at = |kind, seq| DeadPlace { dead_at: START, kind, seq };
    assert!(at(DeadKind::Delivery, 9) < at(DeadKind::Run, 1) && at(DeadKind::Run, 9) < at(DeadKind::Batch, 1));
    assert!(at(DeadKind::Batch, 9) < at(DeadKind::Event, 1));
}
