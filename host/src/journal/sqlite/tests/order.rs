//! Order by key: what is sent when, over failures, restarts and runs that take their time.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use rusqlite::{Connection, TransactionBehavior, params};

use super::{batches::join, *};
use crate::{
    event::Failure,
    journal::{
        Batch, BatchEnd, BatchLimits, Join, OrderHold, RunEnd, Settled, StateEnd, Unrouted, Verdict,
        sqlite::{deliveries::WAITING, order, schema, writing::Writing},
    },
};

impl World {
    /// Events of which each goes to `d` with its own body's first letter as its key.
    fn in_order(&self, bodies: &[&str]) {
        for unrouted in self.appended(bodies) {
            let key = key_of(&unrouted);
            done(self.journal.route(vec![routed(&unrouted, "r", Some(keyed(&unrouted, Some(&key))))]));
        }
    }

    /// The bodies of what may be sent now; they are claimed.
    fn claimed(&self) -> Vec<Delivery> {
        done(self.journal.claim_deliveries(lane("d"), self.now(), self.now().plus_ms(30_000), 100)).items
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) {
        let (seq, lane, attempt_number) = (delivery.seq, delivery.lane.clone(), delivery.number);
        done(self.journal.settle(vec![Settled { seq, lane, attempt_number, attempt: None, verdict }]));
    }

    /// Routes an event to a rule whose plugins have to run first.
    fn pending(&self, body: &str) -> Unrouted {
        let unrouted = self.appended(&[body]).remove(0);
        let holds = vec![OrderHold { destination: name("d"), key: key_of(&unrouted) }];
        let runs = vec![NewRun { holds, ..new_run("p", None) }];
        done(self.journal.route(vec![Routed { runs, ..routed(&unrouted, "p", None) }]));
        unrouted
    }

    /// Ends its run, at this attempt.
    fn end(&self, unrouted: &Unrouted, attempt: u32, outcome: Outcome) {
        done(self.journal.end_runs(vec![RunEnd {
            seq: unrouted.seq,
            generation: unrouted.generation,
            lane: lane("p"),
            attempt,
            revision: 3,
            stages: Vec::new(),
            state: StateEnd::default(),
            saw: None,
            outcome,
        }]));
    }
}

fn key_of(unrouted: &Unrouted) -> String {
    String::from_utf8_lossy(&unrouted.event.body[..1]).into_owned()
}

fn keyed(unrouted: &Unrouted, key: Option<&str>) -> Outcome {
    let Outcome::Planned(planned) = planned(unrouted, "r", &["d"]) else { unreachable!("it is planned") };
    Outcome::Planned(planned.into_iter().map(|one| NewDelivery { order_key: key.map(str::to_owned), ..one }).collect())
}

fn bodies(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| String::from_utf8_lossy(&delivery.body).into_owned()).collect()
}

fn failure() -> Failure {
    Failure::new("failed", "it did")
}

#[test]
fn of_each_key_the_first_is_sent() {
    let world = World::new();
    world.in_order(&["a1", "a2", "b1", "a3", "b2"]);
    let first = world.claimed();
    assert_eq!(bodies(&first), ["a1", "b1"]);
    marked(&world.journal.feed().deliveries);
    world.settle(&first[1], Verdict::Delivered);
    assert!(marked(&world.journal.feed().deliveries).contains("d"), "the next is told of");
    assert_eq!(bodies(&world.claimed()), ["b2"]);
    world.settle(&first[0], Verdict::Dead(failure()));
    assert_eq!(bodies(&world.claimed()), ["a2"], "a dead letter holds nothing up");
}

#[test]
fn a_retry_holds_its_key_and_no_other_also_over_a_restart() {
    let world = World::new();
    world.in_order(&["a1", "a2", "b1"]);
    let first = world.claimed();
    assert_eq!(bodies(&first), ["a1", "b1"]);
    world.settle(&first[0], Verdict::RetryAt(world.now().plus_ms(1_000)));
    world.settle(&first[1], Verdict::Delivered);
    world.in_order(&["b2", "a3"]);
    assert_eq!(bodies(&world.claimed()), ["b2"]);
    let world = world.reopen();
    assert_eq!(bodies(&world.claimed()), ["b2"]);
    world.pass_ms(1_000);
    let again = world.claimed();
    assert_eq!(bodies(&again), ["a1"]);
    world.settle(&again[0], Verdict::Delivered);
    assert_eq!(bodies(&world.claimed()), ["a2"]);
}

#[test]
fn what_has_no_key_is_in_no_order() {
    let world = World::new();
    world.in_order(&["a1", "a2"]);
    for unrouted in world.appended(&["x", "y"]) {
        done(world.journal.route(vec![routed(&unrouted, "r", Some(keyed(&unrouted, None)))]));
    }
    assert_eq!(bodies(&world.claimed()), ["a1", "x", "y"]);
}

#[test]
fn a_run_that_is_not_over_holds_its_key_also_over_a_restart() {
    let world = World::new();
    let slow = world.pending("a1");
    world.in_order(&["a2", "b1"]);
    assert_eq!(bodies(&world.claimed()), ["b1"]);
    world.end(&slow, 1, Outcome::Retry { due_at: world.now(), failure: failure(), counted: true });
    let world = world.reopen();
    assert_eq!(bodies(&world.claimed()), ["b1"]);
    world.end(&slow, 2, Outcome::Held { at: world.now(), failure: failure() });
    assert!(world.claimed().is_empty());
    done(world.journal.release_runs(lane("p"), 10));
    world.end(&slow, 2, keyed(&slow, Some("a")));
    let first = world.claimed();
    assert_eq!(bodies(&first), ["a1"]);
    world.settle(&first[0], Verdict::Delivered);
    assert_eq!(bodies(&world.claimed()), ["a2"]);
}

#[test]
fn a_run_that_plans_nothing_lets_its_key_go() {
    let dropped = Outcome::Dropped { reason: "not wanted".into() };
    for outcome in [dropped, Outcome::Dead(failure()), Outcome::Planned(Vec::new())] {
        let world = World::new();
        let slow = world.pending("a1");
        world.in_order(&["a2"]);
        assert!(world.claimed().is_empty());
        world.end(&slow, 1, outcome);
        assert_eq!(bodies(&world.claimed()), ["a2"]);
    }
}

#[test]
fn runs_that_end_the_other_way_round_are_sent_in_order() {
    let world = World::new();
    let (first, second) = (world.pending("a1"), world.pending("a2"));
    world.end(&second, 1, keyed(&second, Some("a")));
    assert!(world.claimed().is_empty());
    world.end(&first, 1, keyed(&first, Some("a")));
    let claimed = world.claimed();
    assert_eq!(bodies(&claimed), ["a1"]);
    world.settle(&claimed[0], Verdict::Delivered);
    assert_eq!(bodies(&world.claimed()), ["a2"]);
}

/// A batch stands where it was closed, whether it is folded by then or not.
#[test]
fn a_closed_batch_holds_what_comes_after_it() {
    let world = World::new();
    let limits = BatchLimits { events_max: 1, bytes_max: 1_000, age_ms_max: 1_000 };
    let member = world.appended(&["m"]).remove(0);
    let joined = Join { ordered: vec![name("d")], ..join("k", 0, &member, limits) };
    let joined = Outcome::Joined { joins: vec![joined], alone: Vec::new() };
    done(world.journal.route(vec![routed(&member, "r", Some(joined))]));
    for unrouted in world.appended(&["later"]) {
        done(world.journal.route(vec![routed(&unrouted, "r", Some(keyed(&unrouted, Some(""))))]));
    }
    assert!(world.claimed().is_empty());
    let batch = done(world.journal.claim_batches(lane("r"), world.now(), 1)).items.remove(0);
    fold(&world, &batch, b"batch");
    let claimed = world.claimed();
    assert_eq!(bodies(&claimed), ["batch"]);
    world.settle(&claimed[0], Verdict::Delivered);
    assert_eq!(bodies(&world.claimed()), ["later"]);
}

#[test]
fn batches_that_were_closed_behind_the_same_event_go_in_the_order_of_their_closing() {
    let world = World::new();
    let limits = BatchLimits { events_max: 1, bytes_max: 1_000, age_ms_max: 1_000 };
    // Both events are there before the first batch is closed.
    let members = world.appended(&["m", "n"]);
    for (key, member) in ["k", "l"].iter().zip(&members) {
        let joined = Join { ordered: vec![name("d")], ..join(key, 0, member, limits) };
        done(world.journal.route(vec![routed(member, "r", Some(Outcome::Joined { joins: vec![joined], alone: Vec::new() }))]));
    }
    let batches = done(world.journal.claim_batches(lane("r"), world.now(), 2)).items;
    fold(&world, &batches[1], b"second");
    assert!(world.claimed().is_empty(), "the first is not folded yet");
    fold(&world, &batches[0], b"first");
    let claimed = world.claimed();
    assert_eq!(bodies(&claimed), ["first"]);
    world.settle(&claimed[0], Verdict::Delivered);
    assert_eq!(bodies(&world.claimed()), ["second"]);
}

/// Ends a batch with one delivery of this body to `d`, in order.
fn fold(world: &World, batch: &Batch, body: &'static [u8]) {
    let message = Message { body: Some(Bytes::from_static(body)), ..batch.members[0].message.clone() };
    let id = MessageId::of_batch(batch.id, &name("d"), 0);
    let planned = NewDelivery { id, destination: name("d"), message, order_key: Some(String::new()) };
    let (seq, attempt, revision) = (batch.seq, batch.attempt, batch.revision);
    let (stages, state, outcome) = (Vec::new(), StateEnd::default(), Outcome::Planned(vec![planned]));
    done(world.journal.end_batches(vec![BatchEnd { seq, attempt, revision, stages, state, outcome }]));
}

/// Deliveries to `d`, of which so many wait with the key `k`, all behind the first, and one with another key was planned last.
fn file_of(blocked: u32) -> (TempDir, Connection) {
    let folder = TempDir::new().expect("a folder");
    let options = Options::in_folder(folder.path());
    let connection = schema::open_writer(&folder.path().join("file"), &options).expect("a file");
    let sql = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + 2) \
               INSERT INTO deliveries (workspace, id, rule, destination, event, state, created_at, due_at, message, order_key, place, blocked) \
               SELECT 'default', CAST(i AS BLOB), 'r', 'd', i, 0, 0, i, '', iif(i = ?1 + 2, 'other', 'k'), i, i > 1 AND i <= ?1 + 1 FROM n";
    connection.execute(sql, [blocked]).expect("rows");
    (folder, connection)
}

/// Counts the steps of the engine that this takes.
fn steps(connection: &mut Connection, work: impl FnOnce(&mut Connection)) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let count_one = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1, Some(count_one)).expect("counted");
    work(connection);
    connection.progress_handler(0, None::<fn() -> bool>).expect("not counted any more");
    count.load(Ordering::Relaxed)
}

fn claim_all(connection: &mut Connection) -> Vec<u64> {
    let mut statement = connection.prepare(WAITING).expect("a statement");
    let rows = statement.query_map(params!["default", "d"], |row| row.get::<_, i64>(0)).expect("rows");
    rows.map(|row| row.expect("a row").unsigned_abs()).collect()
}

fn line_up(connection: &mut Connection) {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).expect("a transaction");
    let mut writing = Writing::begin(&transaction, START, false);
    order::line_up(&mut writing, &lane("d"), "k").expect("in order");
    transaction.commit().expect("committed");
}

/// Measured with 1,000,000 that wait behind the first, too: the same.
#[test]
fn the_first_of_a_key_costs_the_same_before_few_and_many() {
    let count = |blocked: u32| {
        let (_folder, mut connection) = file_of(blocked);
        let claimed = steps(&mut connection, |sql| assert_eq!(claim_all(sql), [1, u64::from(blocked) + 2]));
        connection.execute("UPDATE deliveries SET state = 1 WHERE seq = 1", []).expect("delivered");
        let lined_up = steps(&mut connection, line_up);
        assert_eq!(claim_all(&mut connection), [2, u64::from(blocked) + 2]);
        (claimed, lined_up)
    };
    assert_eq!(count(10), count(50_000));
}

/// One that comes back, as a dead letter that is retried does, goes before those that are after it, and they keep when they are due.
#[test]
fn one_that_comes_back_goes_at_its_place() {
    let (_folder, mut connection) = file_of(3);
    let set = |connection: &Connection, sql: &str| assert_eq!(connection.execute(sql, []), Ok(1));
    set(&connection, "UPDATE deliveries SET state = 2 WHERE seq = 1");
    line_up(&mut connection);
    assert_eq!(claim_all(&mut connection), [2, 5]);
    set(&connection, "UPDATE deliveries SET state = 0, blocked = 1 WHERE seq = 1");
    line_up(&mut connection);
    assert_eq!(claim_all(&mut connection), [1, 5]);
    let due_at = connection.query_row("SELECT due_at FROM deliveries WHERE seq = 2", [], |row| row.get::<_, i64>(0));
    assert_eq!(due_at, Ok(2));
}
