//! What plugins remember is stored with the outcome that it rests on, or not at all.

use super::{super::state::EXPIRED_MAX, *};
use crate::{
    event::{Failure, KeyUse, StateChange, StateEntry, StateUse},
    journal::{EventHistory, RunEnd, RunState, Saw, SawState, StateEnd, StoredState},
};

/// Room for one key of three bytes and a value of seven.
const BYTES_MAX: u64 = 10;
/// A run that conflicts is due again then.
const AGAIN_AT: Timestamp = Timestamp(START.0 + 77);

#[test]
fn what_a_run_leaves_is_there_with_its_outcome_also_after_a_restart() {
    let world = World::new();
    assert_eq!(end(&world, &[put("a", None, 1, "one")]), 0);
    assert_eq!((found(&world, "a").entry, found(&world, "b").bytes), (Some(entry(1, "one")), 4));
    let world = world.reopen();
    assert_eq!(end(&world, &[put("a", Some(1), 2, "two!"), put("b", None, 3, "")]), 0);
    assert_eq!((found(&world, "a").entry, found(&world, "b").entry), (Some(entry(2, "two!")), Some(entry(3, ""))));
    assert_eq!(end(&world, &[removed("a", 2), read("b", Some(3))]), 0);
    assert_eq!((found(&world, "a").entry, found(&world, "a").bytes), (None, 1));
    let others = done(world.journal.state(Name::default_workspace(), name("other"), "b".into(), START));
    assert_eq!((others.entry, others.bytes), (None, 0), "each plugin has its own");
}

#[test]
fn an_outcome_that_rests_on_what_was_changed_is_not_stored_and_its_run_is_due_again() {
    let world = World::new();
    end(&world, &[put("a", None, 1, "one")]);
    for stale in [put("a", None, 9, "x"), put("a", Some(7), 9, "x"), read("a", None), read("gone", Some(1)), removed("a", 2)] {
        let unrouted = pending_run(&world);
        marked(&world.journal.feed().runs);
        let conflicts = done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[put("new", None, 8, ""), stale.clone()])]));
        assert_eq!(conflicts, 1, "{stale:?}");
        assert_eq!(marked(&world.journal.feed().runs), ["r".to_owned()].into());
        let (_, runs, deliveries) = history(&world, &unrouted);
        assert_eq!((runs[0].state, runs[0].attempts, runs[0].due_at), (RunState::Pending, 0, Some(AGAIN_AT)));
        assert_eq!((runs[0].failure.as_ref().map(|f| f.code.as_str()), deliveries.len()), (Some("state-conflict"), 0));
        assert_eq!((found(&world, "a").entry, found(&world, "new").entry), (Some(entry(1, "one")), None));
        let claimed = done(world.journal.claim_runs(lane("r"), AGAIN_AT, 9)).items.remove(0);
        assert_eq!((claimed.attempt, claimed.conflicts), (1, 1), "no attempt was counted");
        assert_eq!(done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[])])), 0);
        assert_eq!(history(&world, &unrouted).1[0].failure, None);
    }
}

#[test]
fn of_two_in_one_transaction_the_second_conflicts() {
    let world = World::new();
    let (first, second) = (pending_run(&world), pending_run(&world));
    let both = [(&first, 1), (&second, 2)].map(|(of, version)| run_end(of, 1, &[put("a", None, version, "x")]));
    assert_eq!(done(world.journal.end_runs(both.to_vec())), 1);
    assert_eq!(found(&world, "a").entry, Some(entry(1, "x")));
    let states = [&first, &second].map(|of| history(&world, of).1[0].state);
    assert_eq!(states, [RunState::Planned, RunState::Pending]);
}

#[test]
fn a_run_that_was_ended_by_another_copy_leaves_nothing() {
    let world = World::new();
    let unrouted = pending_run(&world);
    done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[put("a", None, 1, "x")])]));
    assert_eq!(done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[put("a", Some(1), 2, "y")])])), 0);
    assert_eq!(
        done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[put("a", Some(7), 2, "y")])])),
        0,
        "nor does it conflict"
    );
    assert_eq!(found(&world, "a").entry, Some(entry(1, "x")));
}

#[test]
fn an_entry_is_there_until_its_time_is_over_and_then_gives_its_room_back() {
    let world = World::new();
    let until = |key: &str, seen: Option<u64>, version, ms| {
        let mut put = put(key, seen, version, "1234567");
        if let Some(StateChange::Put(entry)) = &mut put.left {
            entry.expires_at = Some(START.plus_ms(ms));
        }
        put
    };
    end(&world, &[until("aaa", None, 1, 1_000)]);
    assert!(found(&world, "aaa").entry.is_some());
    assert_eq!(end(&world, &[put("b", None, 2, "")]), 1, "there is no room");
    world.pass_ms(1_000);
    let gone = found(&world, "aaa");
    assert_eq!((gone.entry, gone.bytes), (None, 0));
    assert_eq!(end(&world, &[read("aaa", Some(1))]), 1, "who saw it while it was there saw what is not so any more");
    assert_eq!(end(&world, &[until("bbb", None, 2, 2_000), read("aaa", None)]), 0);
    let view = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    let rows = view.query_row("SELECT count(*) FROM plugin_state", [], |row| row.get::<_, i64>(0)).expect("a count");
    assert_eq!((rows, found(&world, "bbb").bytes), (1, 10), "the expired one was removed");
}

#[test]
fn of_many_expired_entries_only_what_the_next_outcome_removes_counts_as_room() {
    let world = World::new();
    let expiring = |number: u32| KeyUse {
        left: Some(StateChange::Put(StateEntry { expires_at: Some(START.plus_ms(1)), ..entry(1, "") })),
        ..read(&format!("{number:04}"), None)
    };
    let all: Vec<KeyUse> = (0..2 * EXPIRED_MAX + 1).map(expiring).collect();
    let bytes_max = 4 * u64::from(2 * EXPIRED_MAX + 1);
    let end = |keys: &[KeyUse], outcome: Option<Outcome>| {
        let unrouted = pending_run(&world);
        let uses = vec![StateUse { plugin: name("p"), bytes_max, keys: keys.to_vec() }];
        let state = StateEnd { uses, now: world.now(), again_at: AGAIN_AT };
        let end = run_end(&unrouted, 1, &[]);
        let outcome = outcome.unwrap_or_else(|| end.outcome.clone());
        done(world.journal.end_runs(vec![RunEnd { state, outcome, ..end }]))
    };
    assert_eq!(end(&all, None), 0);
    world.pass_ms(1);
    let left = 4 * u64::from(EXPIRED_MAX + 1);
    assert_eq!(found(&world, "x").bytes, left, "as after the next outcome");
    let again = Outcome::Retry { due_at: START, failure: Failure::new("retry-asked", "no room"), counted: true };
    assert_eq!(end(&[], Some(again)), 0);
    assert_eq!(found(&world, "x").bytes, 4, "a try that is repeated has made room");
    assert_eq!(end(&[read("x", None)], None), 0);
    assert_eq!(found(&world, "x").bytes, 0);
}

#[test]
fn a_plugin_that_has_no_room_is_run_again_to_be_told_so() {
    let world = World::new();
    assert_eq!(end(&world, &[put("aaa", None, 1, "1234567")]), 0);
    assert_eq!(end(&world, &[put("b", None, 2, "")]), 1);
    assert_eq!(found(&world, "aaa").bytes, BYTES_MAX);
    assert_eq!(end(&world, &[put("aaa", Some(1), 3, "123456"), put("b", None, 4, "")]), 0, "in place of what gives way");
    assert_eq!(end(&world, &[put("aaa", Some(3), 5, "1234567")]), 1);
    assert_eq!(end(&world, &[removed("aaa", 3), read("b", Some(4))]), 0);
    assert_eq!(found(&world, "b").bytes, 1);
}

#[test]
fn what_a_failed_run_saw_is_kept_until_it_does_not_fail() {
    let world = World::new();
    let unrouted = pending_run(&world);
    let seen = |key: &str, entry| SawState { plugin: name("p"), key: key.to_owned(), entry };
    let expiring = StateEntry { expires_at: Some(START), ..entry(7, "\u{ff}") };
    let saw = Saw { now: START, attempt: 3, state: vec![seen("a", Some(expiring)), seen("b\0", None)], cut: true };
    let asked = || done(world.journal.saw(Name::default_workspace(), unrouted.event.id, name("r")));
    assert_eq!(asked(), None);
    let failure = Failure::new("trap", "unreachable");
    let outcome = Outcome::Retry { due_at: START, failure, counted: true };
    done(world.journal.end_runs(vec![RunEnd { outcome, saw: Some(saw.clone()), ..run_end(&unrouted, 1, &[]) }]));
    assert_eq!(asked(), Some(saw));
    done(world.journal.end_runs(vec![run_end(&unrouted, 2, &[])]));
    assert_eq!(asked(), None);
    assert_eq!(done(world.journal.saw(Name::default_workspace(), unrouted.event.id, name("other"))), None);
}

fn entry(version: u64, value: &str) -> StateEntry {
    StateEntry { value: Bytes::copy_from_slice(value.as_bytes()), version, expires_at: None }
}

fn read(key: &str, seen: Option<u64>) -> KeyUse {
    KeyUse { key: key.to_owned(), seen: seen.map(|version| entry(version, "as it was")), left: None }
}

pub(super) fn put(key: &str, seen: Option<u64>, version: u64, value: &str) -> KeyUse {
    KeyUse { left: Some(StateChange::Put(entry(version, value))), ..read(key, seen) }
}

fn removed(key: &str, seen: u64) -> KeyUse {
    KeyUse { left: Some(StateChange::Removed), ..read(key, Some(seen)) }
}

/// Has a new run do this, and gives how many conflicted.
fn end(world: &World, keys: &[KeyUse]) -> usize {
    let unrouted = pending_run(world);
    done(world.journal.end_runs(vec![RunEnd { state: state_end(world.now(), keys), ..run_end(&unrouted, 1, &[]) }]))
}

fn state_end(now: Timestamp, keys: &[KeyUse]) -> StateEnd {
    let uses = vec![StateUse { plugin: name("p"), bytes_max: BYTES_MAX, keys: keys.to_vec() }];
    StateEnd { uses, now, again_at: AGAIN_AT }
}

pub(super) fn run_end(unrouted: &Unrouted, attempt: u32, keys: &[KeyUse]) -> RunEnd {
    RunEnd {
        seq: unrouted.seq,
        generation: unrouted.generation,
        lane: lane("r"),
        attempt,
        revision: 3,
        stages: Vec::new(),
        state: state_end(START, keys),
        saw: None,
        outcome: planned(unrouted, "r", &["d"]),
    }
}

pub(super) fn found(world: &World, key: &str) -> StoredState {
    done(world.journal.state(Name::default_workspace(), name("p"), key.to_owned(), world.now()))
}

fn history(world: &World, unrouted: &Unrouted) -> EventHistory {
    done(world.journal.event(Name::default_workspace(), unrouted.event.id)).expect("on record")
}

/// An event whose one rule, `r`, has plugins.
pub(super) fn pending_run(world: &World) -> Unrouted {
    let unrouted = world.appended(&["a"]).remove(0);
    done(world.journal.route(vec![routed(&unrouted, "r", None)]));
    unrouted
}
