//! Listings are newest first, come in pages, and cost what they show.

use super::*;
use crate::{
    event::Failure,
    journal::{DeliveryState, EventFilter, JournalError, RunState, WorkFilter},
};

#[test]
fn events_come_newest_first_in_pages_and_without_their_bodies() {
    let world = World::new();
    let appended = world.appended(&["a", "bb", "ccc"]);
    let all = EventFilter::newest(Name::default_workspace(), 2);
    let first = done(world.journal.events(all.clone()));
    let seen: Vec<_> = first.items.iter().map(|record| (record.seq, record.body_bytes, record.event.body.len())).collect();
    assert_eq!(seen, [(appended[2].seq, 3, 0), (appended[1].seq, 2, 0)]);
    let second = done(world.journal.events(EventFilter { before: first.next, ..all.clone() }));
    assert_eq!((second.items.len(), second.items[0].seq, second.next), (1, appended[0].seq, None));

    let count = |filter| done(world.journal.events(filter)).items.len();
    assert_eq!(count(EventFilter { source: Some(name("github")), event_type: Some("issues".into()), ..all.clone() }), 2);
    assert_eq!(count(EventFilter { source: Some(name("stripe")), ..all.clone() }), 0);
    assert_eq!(count(EventFilter { event_type: Some("push".into()), ..all.clone() }), 0);
    assert_eq!(count(EventFilter { workspace: name("other"), ..all }), 0);
}

#[test]
fn the_runs_of_one_event_are_not_lost_between_pages() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let rules = ["r1", "r2", "r3"].map(|rule| NewRun { rule: name(rule), outcome: None, holds: Vec::new() });
    done(world.journal.route(vec![Routed { runs: rules.to_vec(), ..routed(&unrouted, "r", None) }]));
    let filter = |before| WorkFilter { before, limit: 2, ..all::<RunState>() };
    let first = done(world.journal.runs(filter(None)));
    let second = done(world.journal.runs(filter(first.next)));
    let rules: Vec<_> = first.items.iter().chain(&second.items).map(|run| run.rule.as_str()).collect();
    assert_eq!((rules, second.next), (vec!["r3", "r2", "r1"], None));
    assert_eq!(first.items[0].id, RunId::of(&Name::default_workspace(), unrouted.event.id, 0, &name("r3")));
}

#[test]
fn work_is_found_by_rule_destination_and_state() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let dead =
        NewRun { rule: name("dead"), outcome: Some(Outcome::Dead(Failure::new("trap", "unreachable"))), holds: Vec::new() };
    let good = NewRun { rule: name("r"), outcome: Some(planned(&unrouted, "r", &["d", "e"])), holds: Vec::new() };
    done(world.journal.route(vec![Routed { runs: vec![dead, good], ..routed(&unrouted, "r", None) }]));

    let runs = |filter| done(world.journal.runs(filter)).items.len();
    assert_eq!(runs(all()), 2);
    for (state, count) in [
        (RunState::Pending, 0),
        (RunState::Held, 0),
        (RunState::Batched, 0),
        (RunState::Planned, 1),
        (RunState::Dropped, 0),
        (RunState::Dead, 1),
    ] {
        assert_eq!(runs(WorkFilter { state: Some(state), ..all() }), count, "{state:?}");
        assert!(runs(WorkFilter { state: Some(state), rule: Some(name("r")), ..all() }) <= count, "{state:?}");
    }
    assert_eq!(runs(WorkFilter { state: Some(RunState::Planned), rule: Some(name("r")), ..all() }), 1);
    assert_eq!(runs(WorkFilter { state: Some(RunState::Dead), rule: Some(name("r")), ..all() }), 0);

    let deliveries = |filter| done(world.journal.deliveries(filter)).items.len();
    assert_eq!(deliveries(all()), 2);
    assert_eq!(deliveries(WorkFilter { destination: Some(name("e")), ..all() }), 1);
    assert_eq!(deliveries(WorkFilter { state: Some(DeliveryState::Waiting), ..all() }), 2);
    assert_eq!(deliveries(WorkFilter { state: Some(DeliveryState::Dead), ..all() }), 0);
}

#[test]
fn a_listing_that_takes_too_long_is_stopped_and_a_claim_is_not() {
    let folder = TempDir::new().expect("a folder");
    let options = Options { listing_ms_max: 0, ..Options::in_folder(folder.path()) };
    let journal = open(&options, Arc::new(|| START), &mut Registry::default()).expect("opens");
    done(journal.append((0..500).map(|_| event(b"a")).collect()));
    let event_type = Some("rare".to_owned());
    let filter = EventFilter { event_type, ..EventFilter::newest(Name::default_workspace(), 9) };
    let Err(error) = journal.events(filter).wait() else { panic!("it looked at all of them") };
    assert!(matches!(error, JournalError::TooSlow) && error.to_string().contains("narrow the query"), "{error}");
    assert_eq!(done(journal.claim_events(500)).len(), 500);
}

#[test]
fn what_is_asked_for_often_is_found_by_an_index_in_its_order() {
    let world = World::new();
    let view = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    for (sql, index) in [
        ("SELECT seq FROM events WHERE routed = 0 ORDER BY seq", "events_unrouted"),
        ("SELECT seq FROM events WHERE workspace = ? AND seq < ? ORDER BY seq DESC LIMIT 9", "events_listed"),
        ("SELECT seq FROM events WHERE workspace = ? AND source = ? AND seq < ? ORDER BY seq DESC LIMIT 9", "events_of_source"),
        ("SELECT event FROM runs WHERE workspace = ? AND rule = ? AND state = 0 ORDER BY due_at, seq", "runs_pending"),
        ("SELECT seq FROM runs WHERE workspace = ? AND rule = ? AND seq < ? ORDER BY seq DESC LIMIT 9", "runs_of_rule"),
        (
            "SELECT seq FROM deliveries WHERE workspace = ? AND rule = ? AND seq < ? ORDER BY seq DESC LIMIT 9",
            "deliveries_of_rule",
        ),
        ("SELECT seq FROM runs WHERE workspace = ? AND state = 5 ORDER BY seq DESC LIMIT 9", "runs_dead"),
        (
            "SELECT workspace, rule FROM runs WHERE state = 0 AND (workspace, rule) > (?, ?) ORDER BY workspace, rule LIMIT 1",
            "runs_pending",
        ),
        (crate::journal::sqlite::deliveries::WAITING, "deliveries_waiting"),
        (
            "SELECT workspace, destination FROM deliveries WHERE state = 0 AND (workspace, destination) > (?, ?) \
             ORDER BY workspace, destination LIMIT 1",
            "deliveries_waiting",
        ),
        (
            "SELECT seq, place FROM deliveries WHERE workspace = ? AND destination = ? AND order_key = ? AND state = 0 AND blocked = ? \
             ORDER BY place, seq LIMIT 1",
            "deliveries_in_order",
        ),
        ("SELECT * FROM deliveries WHERE workspace = ? AND seq < ? ORDER BY seq DESC LIMIT 9", "deliveries_listed"),
        ("SELECT * FROM deliveries WHERE workspace = ? AND destination = ? ORDER BY seq DESC LIMIT 9", "deliveries_to"),
        ("SELECT * FROM deliveries WHERE workspace = ? AND state = 2 ORDER BY seq DESC LIMIT 9", "deliveries_dead"),
        ("SELECT seq FROM batches WHERE workspace = ? AND rule = ? AND state = 1 ORDER BY due_at, seq", "batches_closed"),
        (
            "SELECT seq FROM batches WHERE workspace = ? AND rule = ? AND state = 0 AND due_at <= ? ORDER BY due_at LIMIT 9",
            "batches_aging",
        ),
        ("SELECT due_at FROM batches WHERE workspace = ? AND rule = ? AND state = 0 ORDER BY due_at LIMIT 1", "batches_aging"),
        (
            "SELECT workspace, rule FROM batches WHERE state = 0 AND (workspace, rule) > (?, ?) ORDER BY workspace, rule LIMIT 1",
            "INDEX batches_",
        ),
        (
            "SELECT workspace, rule FROM batches WHERE state = 1 AND (workspace, rule) > (?, ?) ORDER BY workspace, rule LIMIT 1",
            "batches_closed",
        ),
        ("SELECT event FROM batch_members WHERE workspace = ? AND batch = ? ORDER BY seq", "batch_members_of"),
    ] {
        let plan = plan(&view, sql);
        assert!(plan.contains(index) && !plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
    }
}

pub(super) fn plan(view: &rusqlite::Connection, sql: &str) -> String {
    let mut statement = view.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("is SQL");
    let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
    let lines = statement.query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3)).expect("runs");
    lines.collect::<Result<Vec<_>, _>>().expect("lines").join("\n")
}

fn all<S>() -> WorkFilter<S> {
    WorkFilter::newest(Name::default_workspace(), 9)
}
