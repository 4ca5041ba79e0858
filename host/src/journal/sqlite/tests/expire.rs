//! What is settled goes after its time with all that hangs on it; what waits for anything stays, whatever its age.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::{
    super::expire::{IS_OPEN, STANDING, WITH_BATCH, WITH_EVENT},
    batches::{LIMITS, folded, join, joining},
    state::{found, put, run_end},
    *,
};
use crate::{
    event::{Failure, StateChange},
    journal::{Arrival, Attempt, BatchEnd, Expired, Expiry, Once, RunEnd, Saw, Settled, StateEnd, Verdict},
};

const DAY_MS: u64 = 86_400_000;

#[test]
fn a_settled_event_goes_after_its_time_with_all_that_hangs_on_it() {
    let world = World::new();
    settle(&world, &world.planned("a"), Verdict::RetryAt(START));
    world.pass_ms(DAY_MS);
    settle(&world, &claimed(&world), Verdict::Delivered);
    assert_eq!(rows(&world), [("attempts", 2), ("deliveries", 1), ("events", 1), ("runs", 1)].into());
    world.pass_ms(7 * DAY_MS);
    assert_eq!(round(&world), 0, "it was settled seven days ago, and not more");
    world.pass_ms(1);
    assert_eq!(round(&world), 5);
    assert_eq!(rows(&world), [].into());
}

#[test]
fn an_event_that_no_rule_matched_is_settled() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    done(world.journal.route(vec![Routed { runs: Vec::new(), ..routed(&unrouted, "r", None) }]));
    world.pass_ms(7 * DAY_MS + 1);
    assert_eq!(round(&world), 1);
}

#[test]
fn what_waits_for_anything_is_kept() {
    let world = World::new();
    // Not routed; with a pending run; with a held one; with a waiting delivery; in an open batch.
    world.appended(&["not routed"]);
    let [pending, held, waiting, batched] = <[Unrouted; 4]>::try_from(world.appended(&["a", "b", "c", "d"])).expect("four");
    let outcomes =
        [(&pending, None), (&waiting, Some(planned(&waiting, "w", &["d"]))), (&batched, Some(joins(&batched))), (&held, None)];
    done(world.journal.route(outcomes.map(|(of, outcome)| routed(of, "r", outcome)).to_vec()));
    let hold = Outcome::Held { at: START, failure: Failure::new("plugin-tripped", "it waits") };
    done(world.journal.end_runs(vec![RunEnd { outcome: hold, ..run_end(&held, 1, &[]) }]));
    let before = rows(&world);
    world.pass_ms(400 * DAY_MS);
    assert_eq!(round(&world), 0);
    assert_eq!(rows(&world), before);
}

#[test]
fn members_of_a_batch_are_kept_until_its_deliveries_are_settled_and_it_goes_with_the_last() {
    let world = World::new();
    let events = world.appended(&["a", "b", "c"]);
    done(world.journal.route(events.iter().map(|event| routed(event, "r", Some(joins(event)))).collect()));
    let batch = done(world.journal.claim_batches(lane("r"), START, 1)).items.remove(0);
    world.pass_ms(400 * DAY_MS);
    assert_eq!(round(&world), 0, "it is closed and not folded");
    let end =
        |outcome| BatchEnd { seq: batch.seq, attempt: 1, revision: 3, stages: Vec::new(), state: StateEnd::default(), outcome };
    done(world.journal.end_batches(vec![end(folded(batch.id))]));
    world.pass_ms(400 * DAY_MS);
    assert_eq!(round(&world), 0, "its delivery waits");
    settle(&world, &claimed(&world), Verdict::Delivered);
    assert_eq!(round(&world), 0, "it was settled just now");
    world.pass_ms(8 * DAY_MS);
    // Of each event the row, the run and the member; of the batch the row, the delivery and the attempt.
    assert_eq!(round(&world), 3 * 3 + 3);
    assert_eq!(rows(&world), [].into());
}

#[test]
fn dead_letters_are_kept_for_longer() {
    let world = World::new();
    settle(&world, &world.planned("a"), Verdict::Dead(Failure::new("gone", "410")));
    let unrouted = world.appended(&["b"]).remove(0);
    done(world.journal.route(vec![routed(&unrouted, "r", Some(Outcome::Dead(Failure::new("trap", "unreachable"))))]));
    world.pass_ms(30 * DAY_MS);
    assert_eq!(round(&world), 0);
    world.pass_ms(1);
    assert_eq!(round(&world), 4 + 2);
    assert_eq!(rows(&world), [].into());
}

#[test]
fn what_waits_is_passed_over_and_chunks_are_bounded() {
    let world = World::new();
    let bodies = vec!["x"; 1_500];
    let waiting = world.appended(&bodies);
    done(world.journal.route(waiting.iter().map(|one| routed(one, "r", None)).collect()));
    for settled in world.appended(&bodies) {
        done(world.journal.route(vec![routed(&settled, "r", Some(Outcome::Planned(Vec::new())))]));
    }
    world.pass_ms(8 * DAY_MS);
    let mut chunks = Vec::new();
    let mut after = 0;
    while let Some(next) = chunk(&world, after, &mut chunks) {
        after = next;
    }
    assert!(chunks.iter().all(|rows| *rows <= 512), "{chunks:?}");
    assert_eq!(chunks.iter().sum::<u64>(), 2 * 1_500);
    assert_eq!(rows(&world), [("events", 1_500), ("runs", 1_500)].into());
}

#[test]
fn an_event_with_more_rows_than_a_chunk_goes_in_parts() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let names: Vec<String> = (0..700).map(|number| format!("d{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    done(world.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", &names)))]));
    for name in names {
        let claim = done(world.journal.claim_deliveries(lane(name), START, START.plus_ms(1), 1));
        settle(&world, &claim.items[0], Verdict::Delivered);
    }
    world.pass_ms(8 * DAY_MS);
    let (mut chunks, mut after) = (Vec::new(), 0);
    while let Some(next) = chunk(&world, after, &mut chunks) {
        after = next;
    }
    assert!(chunks.len() > 2 && chunks.iter().all(|rows| *rows <= 512), "{chunks:?}");
    assert_eq!(chunks.iter().sum::<u64>(), 2 + 2 * 700);
    assert_eq!(rows(&world), [].into());
}

#[test]
fn what_runs_saw_and_what_idle_plugins_left_to_expire_goes_on_its_own() {
    let world = World::new();
    let unrouted = state::pending_run(&world);
    let mut put = put("a", None, 1, "one");
    if let Some(StateChange::Put(entry)) = &mut put.left {
        entry.expires_at = Some(START.plus_ms(DAY_MS));
    }
    done(world.journal.end_runs(vec![run_end(&unrouted, 1, &[put])]));
    let failed = state::pending_run(&world);
    let saw = Saw { now: START, attempt: 1, state: Vec::new(), cut: false };
    let retry = Outcome::Retry { due_at: START, failure: Failure::new("trap", "unreachable"), counted: true };
    done(world.journal.end_runs(vec![RunEnd { saw: Some(saw), outcome: retry, ..run_end(&failed, 1, &[]) }]));
    world.pass_ms(DAY_MS);
    assert_eq!(round(&world), 1, "the entry");
    assert_eq!((found(&world, "a").entry, found(&world, "a").bytes), (None, 0));
    let sees = |world: &World| done(world.journal.saw(Name::default_workspace(), failed.event.id, name("r"))).is_some();
    assert!(sees(&world));
    world.pass_ms(2 * DAY_MS + 1);
    assert_eq!(round(&world), 1);
    assert!(!sees(&world));
}

#[test]
fn keys_of_events_that_are_stored_once_go_when_their_time_is_over() {
    let world = World::new();
    let keys = |world: &World| {
        let file = Connection::open(world.folder.path().join("journal.db")).expect("opens");
        file.query_row("SELECT count(*) FROM duplicates", [], |row| row.get::<_, u32>(0)).expect("a count")
    };
    let once = |number: u32| {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        let until = START.plus_ms(if number < 1_200 { DAY_MS } else { 9 * DAY_MS });
        Arrival { once: Some(Once { key, until }), ..Arrival::of(event(b"x")) }
    };
    done(world.journal.append_once((0..1_300).map(once).collect()));
    assert_eq!((round(&world), keys(&world)), (0, 1_300));
    world.pass_ms(DAY_MS + 1);
    assert_eq!((round(&world), keys(&world)), (1_200, 100));
}

#[test]
fn what_goes_with_an_event_is_found_by_it_and_not_among_all() {
    let world = World::new();
    let file = Connection::open(world.folder.path().join("journal.db")).expect("opens");
    let statements = WITH_EVENT.iter().chain(WITH_BATCH).map(|(_, sql)| *sql).chain([IS_OPEN, STANDING]);
    for sql in statements {
        let mut plan = file.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a statement");
        let values = rusqlite::params_from_iter(vec![rusqlite::types::Null; plan.parameter_count()]);
        let steps = plan.query_map(values, |row| row.get::<_, String>(3)).expect("a plan");
        let steps = steps.collect::<Result<Vec<_>, _>>().expect("steps");
        let wide = |step: &&String| step.starts_with("SCAN ") && *step != "SCAN CONSTANT ROW" || step.ends_with("(workspace=?)");
        assert_eq!(steps.iter().find(wide), None, "{sql}: {steps:#?}");
    }
}

/// Goes round once with the defaults, and gives how many rows went.
pub(super) fn round(world: &World) -> u64 {
    let (mut chunks, mut after) = (Vec::new(), 0);
    while let Some(next) = chunk(world, after, &mut chunks) {
        after = next;
    }
    chunks.iter().sum()
}

fn chunk(world: &World, after: u64, chunks: &mut Vec<u64>) -> Option<u64> {
    let before = |days: u64| Timestamp(world.now().0 - days * DAY_MS);
    let expiry = Expiry {
        now: world.now(),
        settled_before: before(7),
        dead_before: before(30),
        saw_before: before(3),
        audit_before: before(400),
        after,
    };
    let Expired { rows, next } = done(world.journal.expire(expiry));
    chunks.push(rows);
    next
}

/// How many rows each table has that has any.
fn rows(world: &World) -> BTreeMap<&'static str, u32> {
    let file = Connection::open(world.folder.path().join("journal.db")).expect("opens");
    ["events", "runs", "batches", "batch_members", "deliveries", "attempts", "plugin_state"]
        .into_iter()
        .map(|table| (table, file.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a count")))
        .filter(|(_, rows)| *rows > 0)
        .collect()
}

fn joins(unrouted: &Unrouted) -> Outcome {
    joining(vec![join("k", 0, unrouted, LIMITS)])
}

/// The one delivery that is due now.
fn claimed(world: &World) -> Delivery {
    done(world.journal.claim_deliveries(lane("d"), world.now(), world.now().plus_ms(1), 1)).items.remove(0)
}

pub(super) fn settle(world: &World, delivery: &Delivery, verdict: Verdict) {
    let attempt = Attempt {
        started_at: world.now(),
        duration_ms: 1,
        status: Some(200),
        failure: None,
        response_headers: Vec::new(),
        response_body: Bytes::from_static(b"answer"),
    };
    done(world.journal.settle(vec![Settled {
        seq: delivery.seq,
        lane: delivery.lane.clone(),
        attempt_number: delivery.number,
        attempt: Some(attempt),
        verdict,
    }]));
}
