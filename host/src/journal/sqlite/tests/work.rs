//! Work is handed out once while somebody has it, ended once, and found again after a restart.

use super::*;
use crate::{
    event::{Digest, Failure, Stage},
    journal::{
        Attempt, DeliveryState, Feed, Run, RunEnd, RunState, Settled, StateEnd, Verdict,
        sqlite::{lease, recent::Recent, resume},
    },
};

#[test]
fn an_event_is_claimed_once_in_a_life_until_it_is_routed() {
    let world = World::new();
    let claimed = world.appended(&["a", "b", "c"]);
    assert!(done(world.journal.claim_events(9)).is_empty());
    done(world.journal.route(vec![routed(&claimed[1], "r", None)]));
    let world = world.reopen();
    let seqs: Vec<_> = done(world.journal.claim_events(9)).iter().map(|unrouted| unrouted.seq).collect();
    assert_eq!(seqs, [claimed[0].seq, claimed[2].seq]);
}

#[test]
fn an_open_finds_the_lanes_of_all_workspaces_without_looking_at_what_waits_in_them() {
    let world = World::new();
    for workspace in ["a", "b"] {
        done(world.journal.append(vec![Event { workspace: name(workspace), ..event(b"x") }]));
    }
    done(world.journal.append((0..1_000).map(|_| event(b"x")).collect()));
    let waiting = done(world.journal.claim_events(2_000));
    done(world.journal.route(waiting.iter().map(|one| routed(one, "r", Some(planned(one, "r", &["d", "e"])))).collect()));
    let mut file = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    let thousands = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&thousands);
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    file.progress_handler(1_000, Some(count)).expect("is set");
    let feed = Feed::default();
    resume::resume(&file, &feed).expect("it finds them");
    assert_eq!(taken(&feed.deliveries).len(), 6);
    assert_eq!(thousands.load(Ordering::Relaxed), 0, "thousands of steps for six lanes");
}

#[test]
fn routing_again_changes_nothing() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    for destinations in [&["d", "e"][..], &["f"]] {
        done(world.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", destinations)))]));
    }
    let (event, runs, deliveries) = history(&world, &unrouted);
    assert!(event.routed);
    assert_eq!((runs.len(), runs[0].state, runs[0].revision), (1, RunState::Planned, 3));
    let to: Vec<_> = deliveries.iter().map(|delivery| delivery.destination.as_str()).collect();
    assert_eq!(to, ["d", "e"]);
    assert_eq!(marked(&world.journal.feed().deliveries), ["d".to_owned(), "e".to_owned()].into());
}

#[test]
fn a_pending_run_is_claimed_once_and_ended_once() {
    let world = World::new();
    let unrouted = pending_run(&world);
    let claim = done(world.journal.claim_runs(lane("r"), world.now(), 9));
    let run = &claim.items[0];
    assert_eq!((claim.items.len(), claim.next_due, run.attempt, run.revision), (1, None, 1, 3));
    assert_eq!(run.event, unrouted.event);
    assert!(done(world.journal.claim_runs(lane("r"), world.now(), 9)).items.is_empty());

    done(world.journal.end_runs(vec![run_end(&unrouted, 1, planned(&unrouted, "r", &["d"]))]));
    done(world.journal.end_runs(vec![run_end(&unrouted, 1, planned(&unrouted, "r", &["e"]))]));
    let (_, runs, deliveries) = history(&world, &unrouted);
    assert_eq!((runs[0].state, deliveries.len()), (RunState::Planned, 1));
    assert_eq!(runs[0].stages[0]["plugin"], "redact");
    assert!(done(world.journal.claim_runs(lane("r"), world.now(), 9)).items.is_empty());
}

#[test]
fn a_run_put_off_is_due_again_and_only_counted_failures_count() {
    let world = World::new();
    let unrouted = pending_run(&world);
    let due_at = world.now().plus_ms(1_000);
    for (counted, attempt) in [(false, 1), (true, 2)] {
        done(world.journal.claim_runs(lane("r"), world.now().plus_ms(1_000), 1));
        marked(&world.journal.feed().runs);
        let outcome = Outcome::Retry { due_at, failure: Failure::new("limit-fuel", "too long"), counted };
        done(world.journal.end_runs(vec![run_end(&unrouted, 1, outcome)]));
        assert_eq!(marked(&world.journal.feed().runs), ["r".to_owned()].into());
        let early = done(world.journal.claim_runs(lane("r"), world.now(), 9));
        assert_eq!((early.items.len(), early.next_due), (0, Some(due_at)));
        let claim = done(world.journal.claim_runs(lane("r"), due_at, 9));
        assert_eq!(claim.items[0].attempt, attempt);
    }
}

#[test]
fn a_dropped_and_a_dead_run_keep_their_reason() {
    let world = World::new();
    for (outcome, state, code) in [
        (Outcome::Dropped { reason: "a bot".to_owned() }, RunState::Dropped, "dropped"),
        (Outcome::Dead(Failure::new("trap", "unreachable")), RunState::Dead, "trap"),
    ] {
        let unrouted = pending_run(&world);
        done(world.journal.end_runs(vec![run_end(&unrouted, 1, outcome)]));
        let (_, runs, deliveries) = history(&world, &unrouted);
        let failure = runs[0].failure.as_ref().expect("a reason");
        assert_eq!((runs[0].state, failure.code.as_str(), deliveries.len()), (state, code, 0));
    }
}

#[test]
fn held_runs_wait_in_order_until_they_are_released_and_outlive_a_restart() {
    let world = World::new();
    let unrouted = world.appended(&["a", "b", "c"]);
    done(world.journal.route(unrouted.iter().map(|one| routed(one, "r", None)).collect()));
    let claim = |world: &World| done(world.journal.claim_runs(lane("r"), world.now(), 9)).items;
    let hold = |world: &World, run: &Run| RunEnd {
        seq: run.seq,
        generation: run.generation,
        lane: run.lane.clone(),
        attempt: run.attempt,
        revision: run.revision,
        stages: Vec::new(),
        state: StateEnd::default(),
        saw: None,
        outcome: Outcome::Held { at: world.now(), failure: Failure::new("plugin-tripped", "it waits") },
    };
    let claimed = claim(&world);
    assert!(claimed.iter().all(|run| run.put_off.is_none()));
    done(world.journal.end_runs(claimed.iter().map(|run| hold(&world, run)).collect()));
    assert_eq!(marked(&world.journal.feed().held), ["r".to_owned()].into());
    assert!(claim(&world).is_empty(), "what is held is not handed out");

    let world = world.reopen();
    assert_eq!(marked(&world.journal.feed().held), ["r".to_owned()].into());
    assert!(claim(&world).is_empty());
    done(world.journal.release_runs(lane("r"), 1));
    assert_eq!(marked(&world.journal.feed().held), ["r".to_owned()].into(), "there may be more");
    let probe = claim(&world);
    assert_eq!((probe.len(), probe[0].seq, probe[0].attempt), (1, unrouted[0].seq, 1), "the first, and nothing is counted");
    assert_eq!(probe[0].put_off.as_ref().map(|failure| failure.code.as_str()), Some("plugin-tripped"));

    world.pass_ms(1);
    done(world.journal.end_runs(vec![hold(&world, &probe[0])]));
    done(world.journal.release_runs(lane("r"), 1));
    let probe = claim(&world);
    assert_eq!(probe[0].seq, unrouted[1].seq, "who was tried is tried again after the others");
    done(world.journal.end_runs(vec![hold(&world, &probe[0])]));
    done(world.journal.release_runs(lane("r"), 9));
    let all: Vec<u64> = claim(&world).iter().map(|run| run.seq).collect();
    assert_eq!(all, unrouted.iter().map(|one| one.seq).collect::<Vec<_>>(), "in the order in which they were made");
}

#[test]
fn a_delivery_carries_the_bytes_of_its_event_or_those_a_plugin_made() {
    let world = World::new();
    let unrouted = world.appended(&["original"]).remove(0);
    let Outcome::Planned(mut deliveries) = planned(&unrouted, "r", &["d", "d2"]) else { panic!("planned") };
    deliveries[1].message = Message {
        body: Some(Bytes::from_static(b"\xffmade")),
        route: Some(name("d2")),
        headers: vec![Header { name: "x-b".to_owned(), value: "1".to_owned() }],
        ..Message::of(&unrouted.event)
    };
    let made = deliveries[1].message.clone();
    done(world.journal.route(vec![routed(&unrouted, "r", Some(Outcome::Planned(deliveries)))]));
    // What is recent is in memory with its body.
    let world = world.reopen();
    let claim = |to: &str| done(world.journal.claim_deliveries(lane(to), START, START.plus_ms(9), 1)).items.remove(0);
    let (plain, changed) = (claim("d"), claim("d2"));
    assert_eq!((&plain.body[..], &plain.message), (&b"original"[..], &Message::of(&unrouted.event)));
    assert_eq!((&changed.body[..], &changed.message), (&b"\xffmade"[..], &made));
    assert_eq!(event_of(&changed), unrouted.event.id);
    assert_eq!((event_body(&plain).len(), event_body(&changed).len()), (8, 0), "a body that nothing reads is not read");
}

#[test]
fn a_lease_holds_until_it_is_over() {
    let world = World::new();
    let first = world.planned("a");
    let claim = |at: Timestamp| done(world.journal.claim_deliveries(lane("d"), at, at.plus_ms(30_000), 9));
    assert!(claim(START.plus_ms(29_999)).items.is_empty());
    let again = claim(START.plus_ms(30_000)).items;
    assert_eq!((again.len(), again[0].id, again[0].attempt), (1, first.id, 1));
    assert!(claim(START.plus_ms(30_000)).items.is_empty());
}

#[test]
fn leases_that_are_over_mark_their_lanes() {
    let (held, feed, recent) = (lease::Held::default(), crate::journal::Feed::default(), Recent::default());
    let world = World::new();
    world.planned("a");
    let view = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    let terms = lease::Terms { lane: Some(lane("d")), now: START, until: START.plus_ms(10), max: 1, bytes_max: 9 };
    let claim = super::super::deliveries::claim(&view, (&held.deliveries, &recent), &lane("d"), &terms).expect("claims");
    assert_eq!(claim.items.len(), 1);
    held.lapse(START.plus_ms(9), &feed);
    assert!(marked(&feed.deliveries).is_empty());
    held.lapse(START.plus_ms(10), &feed);
    assert_eq!(marked(&feed.deliveries), ["d".to_owned()].into());
}

#[test]
fn a_claim_that_is_full_tells_when_the_rest_is_due() {
    let world = World::new();
    for body in ["a", "b", "c"] {
        let unrouted = world.appended(&[body]).remove(0);
        done(world.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", &["d"])))]));
        world.pass_ms(10);
    }
    let claim = done(world.journal.claim_deliveries(lane("d"), world.now(), world.now().plus_ms(1), 2));
    assert_eq!((claim.items.len(), claim.next_due), (2, Some(START.plus_ms(20))));
    assert_eq!(&claim.items[0].body[..], b"a");
}

#[test]
fn a_claim_hands_out_no_more_bytes_than_it_may_but_always_one_piece() {
    let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(AtomicU64::new(START.0)));
    let options = Options { claim_bytes_max: 100, ..Options::in_folder(folder.path()) };
    let journal = open(&options, clock_of(&clock), &mut Registry::default()).expect("opens");
    let world = World { journal, folder, clock };
    let bodies = [&[1; 1_000][..], &[2; 60], &[3; 60], &[4; 60]];
    done(world.journal.append(bodies.map(event).to_vec()));
    let mut unrouted = Vec::new();
    for count in [1, 2, 1, 0] {
        let claimed = done(world.journal.claim_events(9));
        assert_eq!(claimed.len(), count);
        unrouted.extend(claimed);
    }
    for one in &unrouted {
        let runs = vec![new_run("p", None), new_run("r", Some(planned(one, "r", &["d"])))];
        done(world.journal.route(vec![Routed { runs, ..routed(one, "r", None) }]));
    }
    for (count, next_due) in [(1, Some(START)), (2, Some(START)), (1, None)] {
        let runs = done(world.journal.claim_runs(lane("p"), START, 9));
        assert_eq!((runs.items.len(), runs.next_due), (count, next_due));
        let deliveries = done(world.journal.claim_deliveries(lane("d"), START, START.plus_ms(9), 9));
        assert_eq!((deliveries.items.len(), deliveries.next_due), (count, next_due));
    }
}

#[test]
fn settling_records_every_attempt_and_what_follows() {
    let world = World::new();
    let delivery = world.planned("a");
    let due_at = START.plus_ms(5_000);
    marked(&world.journal.feed().deliveries);
    done(world.journal.settle(vec![settled(&delivery, 500, Verdict::RetryAt(due_at))]));
    assert_eq!(marked(&world.journal.feed().deliveries), ["d".to_owned()].into());
    let early = done(world.journal.claim_deliveries(lane("d"), START, due_at, 9));
    assert_eq!((early.items.len(), early.next_due), (0, Some(due_at)));
    let again = done(world.journal.claim_deliveries(lane("d"), due_at, due_at.plus_ms(1), 9)).items.remove(0);
    assert_eq!((again.id, again.attempt), (delivery.id, 2));

    world.pass_ms(6_000);
    done(world.journal.settle(vec![settled(&again, 200, Verdict::Delivered)]));
    let found = done(world.journal.delivery(Name::default_workspace(), delivery.id)).expect("on record");
    let (_, record, attempts) = found;
    assert_eq!((record.state, record.attempts, record.last_status), (DeliveryState::Delivered, 2, Some(200)));
    assert_eq!((record.settled_at, record.due_at, record.failure), (Some(world.now()), None, None));
    let seen: Vec<_> = attempts.iter().map(|record| (record.number, record.attempt.status)).collect();
    assert_eq!(seen, [(1, Some(500)), (2, Some(200))]);
    assert_eq!(&attempts[0].attempt.response_body[..], b"\xff");
}

#[test]
fn a_delivery_that_is_put_off_keeps_its_last_failure_and_its_count() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![settled(&delivery, 500, Verdict::RetryAt(START))]));
    let again = done(world.journal.claim_deliveries(lane("d"), START, START.plus_ms(1), 9)).items.remove(0);
    done(world.journal.settle(vec![Settled { attempt: None, ..settled(&again, 0, Verdict::RetryAt(START.plus_ms(9))) }]));
    let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), delivery.id)).expect("on record");
    assert_eq!((record.attempts, attempts.len(), record.due_at), (1, 1, Some(START.plus_ms(9))));
    assert_eq!(record.failure, attempts[0].attempt.failure);
}

#[test]
fn two_copies_of_a_run_count_once() {
    let world = World::new();
    let unrouted = pending_run(&world);
    let claim = |at| done(world.journal.claim_runs(lane("r"), at, 9)).items;
    let lapsed = world.now().plus_ms(Options::default().lease_ms);
    assert_eq!((claim(world.now())[0].attempt, claim(lapsed)[0].attempt), (1, 1), "both have the first attempt");
    for due_at in [lapsed, lapsed.plus_ms(5_000)] {
        let outcome = Outcome::Retry { due_at, failure: Failure::new("trap", "unreachable"), counted: true };
        done(world.journal.end_runs(vec![run_end(&unrouted, 1, outcome)]));
    }
    assert_eq!(claim(lapsed)[0].attempt, 2);
    done(world.journal.end_runs(vec![run_end(&unrouted, 1, planned(&unrouted, "r", &["late"]))]));
    assert!(claim(lapsed).is_empty(), "a late end gives nothing back that another holds");
    let (_, runs, deliveries) = history(&world, &unrouted);
    assert_eq!((runs[0].state, runs[0].attempts, deliveries.len()), (RunState::Pending, 1, 0));
}

#[test]
fn two_copies_of_a_delivery_count_once() {
    let world = World::new();
    let first = world.planned("a");
    let at = START.plus_ms(30_000);
    let claim = || done(world.journal.claim_deliveries(lane("d"), at, at.plus_ms(30_000), 9)).items;
    assert_eq!(claim()[0].attempt, first.attempt);
    done(world.journal.settle(vec![settled(&first, 500, Verdict::RetryAt(at))]));
    let second = claim().remove(0);
    done(world.journal.settle(vec![settled(&first, 503, Verdict::Dead(Failure::new("gone", "late")))]));
    assert!(claim().is_empty(), "a late settlement gives nothing back that another holds");
    let standing = || {
        let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), first.id)).expect("on record");
        (record.state, record.attempts, attempts.iter().map(|record| record.attempt.status).collect::<Vec<_>>())
    };
    assert_eq!(standing(), (DeliveryState::Waiting, 1, vec![Some(500)]));

    done(world.journal.settle(vec![settled(&first, 200, Verdict::Delivered)]));
    let delivered = (DeliveryState::Delivered, 2, vec![Some(500), Some(200)]);
    assert_eq!(standing(), delivered, "what a late copy delivered is delivered");
    done(world.journal.settle(vec![settled(&second, 500, Verdict::RetryAt(at))]));
    assert_eq!(standing(), delivered);
}

#[test]
fn a_delivery_without_a_destination_dies_without_an_attempt() {
    let world = World::new();
    let delivery = world.planned("a");
    let verdict = Verdict::Dead(Failure::new("destination-gone", "deleted"));
    done(world.journal.settle(vec![Settled { attempt: None, ..settled(&delivery, 0, verdict) }]));
    let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), delivery.id)).expect("on record");
    assert_eq!((record.state, record.attempts, attempts.len()), (DeliveryState::Dead, 0, 0));
    assert_eq!(record.failure.expect("a reason").code, "destination-gone");
}

#[test]
fn what_is_not_settled_goes_on_by_itself_after_a_restart() {
    let world = World::new();
    pending_run(&world);
    let done_one = world.planned("a");
    let claimed = world.planned("b");
    done(world.journal.settle(vec![settled(&done_one, 200, Verdict::Delivered)]));
    let world = world.reopen();
    assert_eq!(marked(&world.journal.feed().runs), ["r".to_owned()].into());
    assert_eq!(marked(&world.journal.feed().deliveries), ["d".to_owned()].into());
    let claim = done(world.journal.claim_deliveries(lane("d"), START, START.plus_ms(1), 9));
    assert_eq!(claim.items.iter().map(|delivery| delivery.id).collect::<Vec<_>>(), [claimed.id]);
}

#[test]
fn an_end_that_is_refused_keeps_its_lease_while_it_is_tried_again() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    // The commit fails: no event has this place, so the member's size cannot be known.
    let mut join = super::batches::join("k", 0, &unrouted, super::batches::LIMITS);
    join.message.body = None;
    let outcome = Outcome::Joined { joins: vec![join], alone: Vec::new() };
    let view = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    view.execute_batch("ALTER TABLE batches RENAME TO gone").expect("renamed");
    assert!(world.journal.route(vec![routed(&unrouted, "r", Some(outcome))]).wait().is_err());
    view.execute_batch("ALTER TABLE gone RENAME TO batches").expect("renamed back");
    world.pass_ms(Options::default().lease_ms - 1);
    assert!(done(world.journal.claim_events(1)).is_empty(), "who asked still holds it, and tries again");
    world.pass_ms(1);
    assert_eq!(done(world.journal.claim_events(1))[0].seq, unrouted.seq, "who asked is lost");
}

/// An event whose one rule, `r`, has plugins.
pub(super) fn pending_run(world: &World) -> Unrouted {
    let unrouted = world.appended(&["a"]).remove(0);
    done(world.journal.route(vec![routed(&unrouted, "r", None)]));
    unrouted
}

pub(super) fn run_end(unrouted: &Unrouted, attempt: u32, outcome: Outcome) -> RunEnd {
    let stage = Stage {
        plugin: name("redact"),
        digest: Digest::of(b"wasm"),
        export: "filter",
        result: "keep".to_owned(),
        messages: 1,
        fuel: u64::MAX,
        memory_bytes: 65_536,
        elapsed_us: 12,
        instantiate_us: 3,
        logs: vec!["hello".to_owned()],
    };
    RunEnd {
        seq: unrouted.seq,
        generation: unrouted.generation,
        lane: lane("r"),
        attempt,
        revision: 3,
        stages: vec![stage],
        state: StateEnd::default(),
        saw: None,
        outcome,
    }
}

pub(super) fn settled(delivery: &Delivery, status: u16, verdict: Verdict) -> Settled {
    let attempt = Attempt {
        started_at: START,
        duration_ms: 12,
        status: Some(status),
        failure: (status != 200).then(|| Failure::new("status", "refused")),
        response_headers: Vec::new(),
        response_body: Bytes::from_static(b"\xff"),
    };
    let (seq, lane, attempt_number) = (delivery.seq, delivery.lane.clone(), delivery.number);
    Settled { seq, lane, attempt_number, attempt: Some(attempt), verdict }
}

pub(super) fn history(world: &World, unrouted: &Unrouted) -> crate::journal::EventHistory {
    done(world.journal.event(Name::default_workspace(), unrouted.event.id)).expect("on record")
}
