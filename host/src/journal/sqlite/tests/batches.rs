//! Batches close for each of their reasons, once, and keep their members and their age over a restart.

use super::*;
use crate::{
    event::{BatchId, Failure},
    journal::{Batch, BatchEnd, BatchLimits, Claim, DeliveryState, FlushReason, Join, RunEnd, RunState, StateEnd, WorkFilter},
};

pub(super) const LIMITS: BatchLimits = BatchLimits { events_max: 3, bytes_max: 100, age_ms_max: 1_000 };

#[test]
fn a_batch_closes_with_its_last_member() {
    let world = World::new();
    for body in ["a", "b", "c", "d"] {
        joined(&world, "k", body, LIMITS);
    }
    let batch = one(claim(&world, START));
    assert_eq!((batch.reason, bodies(&batch)), (FlushReason::Size, vec!["a", "b", "c"]));
    assert_eq!((batch.key.as_str(), batch.revision, batch.opened_at, batch.attempt), ("k", 3, START, 1));
    let again = claim(&world, START);
    assert_eq!((again.items.len(), again.next_due), (0, Some(START.plus_ms(1_000))));
}

#[test]
fn a_batch_closes_before_it_holds_too_many_bytes() {
    let world = World::new();
    let long = "x".repeat(60);
    joined(&world, "k", &long, LIMITS);
    joined(&world, "k", &long, LIMITS);
    assert_eq!(one(claim(&world, START)).reason, FlushReason::Bytes);
    joined(&world, "other", &"y".repeat(101), LIMITS);
    let alone = one(claim(&world, START));
    assert_eq!((alone.reason, alone.members.len(), alone.key.as_str()), (FlushReason::Bytes, 1, "other"));
}

#[test]
fn a_batch_closes_by_age_and_its_age_goes_on_over_a_restart() {
    let world = World::new();
    joined(&world, "k", "a", LIMITS);
    world.pass_ms(600);
    let world = world.reopen();
    joined(&world, "k", "b", LIMITS);
    let early = claim(&world, START.plus_ms(999));
    assert_eq!((early.items.len(), early.next_due), (0, Some(START.plus_ms(1_000))));
    world.pass_ms(400);
    let batch = one(claim(&world, world.now()));
    assert_eq!((batch.reason, batch.opened_at, bodies(&batch)), (FlushReason::Age, START, vec!["a", "b"]));
}

#[test]
fn a_changed_rule_closes_its_batch() {
    let world = World::new();
    joined(&world, "k", "a", LIMITS);
    let unrouted = world.appended(&["b"]).remove(0);
    let join = Join { rule_hash: [2; 16], ..join("k", 0, &unrouted, LIMITS) };
    done(world.journal.route(vec![Routed { revision: 4, ..routed(&unrouted, "r", Some(joining(vec![join]))) }]));
    let old = one(claim(&world, START));
    assert_eq!((old.reason, old.revision, bodies(&old)), (FlushReason::RuleChanged, 3, vec!["a"]));
    world.pass_ms(1_000);
    let new = one(claim(&world, world.now()));
    assert_eq!((new.reason, new.revision, bodies(&new)), (FlushReason::Age, 4, vec!["b"]));
    assert_ne!(old.id, new.id);
}

#[test]
fn a_run_that_was_ended_by_a_later_rule_opens_its_batch_by_that_rule() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    done(world.journal.route(vec![routed(&unrouted, "r", None)]));
    let end = |outcome| RunEnd {
        seq: unrouted.seq,
        generation: unrouted.generation,
        lane: lane("r"),
        attempt: 1,
        revision: 4,
        stages: Vec::new(),
        state: StateEnd::default(),
        saw: None,
        outcome,
    };
    let again = Outcome::Retry { due_at: START, failure: Failure::new("trap", "no"), counted: false };
    done(world.journal.end_runs(vec![end(again)]));
    assert_eq!(done(world.journal.claim_runs(lane("r"), START, 9)).items[0].revision, 4, "a repeat is of the same rule");
    done(world.journal.end_runs(vec![end(joining(vec![join("k", 0, &unrouted, LIMITS)]))]));
    world.pass_ms(1_000);
    let batch = one(claim(&world, world.now()));
    assert_eq!((batch.reason, batch.revision, bodies(&batch)), (FlushReason::Age, 4, vec!["a"]));
    let again = Outcome::Retry { due_at: world.now(), failure: Failure::new("trap", "no"), counted: false };
    done(world.journal.end_batches(vec![BatchEnd { revision: 5, ..self::end(&batch, again) }]));
    assert_eq!(one(claim(&world, world.now())).revision, 5);
}

#[test]
fn batches_of_one_event_and_key_have_ids_of_their_own() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let joins = (0..6).map(|index| join("k", index, &unrouted, LIMITS)).collect();
    done(world.journal.route(vec![routed(&unrouted, "r", Some(joining(joins)))]));
    let batches = claim(&world, START).items;
    assert_eq!(batches.len(), 2);
    assert_ne!(batches[0].id, batches[1].id);
    assert!(Arc::ptr_eq(&batches[0].members[0].event, &batches[0].members[1].event));
}

#[test]
fn members_with_a_body_of_their_own_leave_their_events_body_unread() {
    let world = World::new();
    let unrouted = world.appended(&["large"]).remove(0);
    let mut joins: Vec<_> = (0..3).map(|index| join("k", index, &unrouted, LIMITS)).collect();
    for index in [0, 2] {
        joins[index].message.body = Some(Bytes::from_static(b"own"));
    }
    done(world.journal.route(vec![routed(&unrouted, "r", Some(joining(joins)))]));
    // What is recent is in memory with its body.
    let world = world.reopen();
    assert_eq!(bodies(&one(claim(&world, START))), ["", "large", ""]);
}

#[test]
fn batches_of_each_rule_are_a_lane_of_their_own() {
    let world = World::new();
    let feed = world.journal.feed();
    joined_of(&world, "open", "k", "a", LIMITS);
    assert_eq!(marked(&feed.batches), ["open".to_owned()].into(), "its age has to be watched");
    (0..3).for_each(|_| joined_of(&world, "full", "k", "a", LIMITS));
    assert_eq!(marked(&feed.batches), ["full".to_owned()].into());
    world.pass_ms(1_000);
    let claim = |world: &World, rule| done(world.journal.claim_batches(lane(rule), world.now(), 9));
    assert_eq!((claim(&world, "r").items.len(), claim(&world, "r").next_due), (0, None));
    assert_eq!(one(claim(&world, "full")).lane, lane("full"));

    joined_of(&world, "open", "other", "a", LIMITS);
    let world = world.reopen();
    assert_eq!(marked(&world.journal.feed().batches), ["full".to_owned(), "open".to_owned()].into());
    let aged = claim(&world, "open");
    assert_eq!((aged.next_due, one(aged).reason), (Some(START.plus_ms(2_000)), FlushReason::Age));
}

#[test]
fn a_closed_batch_keeps_its_id_and_comes_back_after_a_restart() {
    let world = World::new();
    (0..3).for_each(|_| joined(&world, "k", "a", LIMITS));
    let id = one(claim(&world, START)).id;
    assert!(claim(&world, START).items.is_empty());
    let world = world.reopen();
    assert_eq!(one(claim(&world, START)).id, id);
}

#[test]
fn a_batch_is_put_off_then_planned_once() {
    let world = World::new();
    (0..3).for_each(|_| joined(&world, "k", "a", LIMITS));
    let batch = one(claim(&world, START));
    let due_at = START.plus_ms(50);
    let retry = Outcome::Retry { due_at, failure: Failure::new("trap", "unreachable"), counted: true };
    done(world.journal.end_batches(vec![end(&batch, retry)]));
    assert_eq!(claim(&world, START).next_due, Some(due_at));
    let again = one(claim(&world, due_at));
    assert_eq!((again.id, again.attempt, again.members.len()), (batch.id, 2, 3));

    // A second copy of the first try, whose lease was over.
    done(world.journal.end_batches(vec![end(&batch, Outcome::Dead(Failure::new("trap", "unreachable")))]));
    for _ in 0..2 {
        done(world.journal.end_batches(vec![end(&again, folded(batch.id))]));
    }
    assert!(claim(&world, due_at).items.is_empty());
    let sent = done(world.journal.claim_deliveries(lane("d"), START, due_at, 9)).items;
    assert_eq!((sent.len(), &sent[0].body[..]), (1, &b"[a,a,a]"[..]));
    assert!(matches!(sent[0].origin, Origin::Batch { id, opened_at } if id == batch.id && opened_at == START));
    let record = done(world.journal.deliveries(filter())).items.remove(0);
    assert_eq!((record.batch, record.event, record.state), (Some(batch.id), None, DeliveryState::Waiting));
}

#[test]
fn a_run_that_joined_stays_batched_and_what_has_no_key_goes_out_alone() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let Outcome::Planned(alone) = planned(&unrouted, "r", &["d"]) else { panic!("planned") };
    let outcome = Outcome::Joined { joins: vec![join("k", 1, &unrouted, LIMITS)], alone };
    done(world.journal.route(vec![routed(&unrouted, "r", Some(outcome))]));
    let history = done(world.journal.event(Name::default_workspace(), unrouted.event.id)).expect("on record");
    assert_eq!((history.1[0].state, history.2.len()), (RunState::Batched, 1));
}

#[test]
fn messages_of_a_batch_cannot_join_a_batch() {
    let world = World::new();
    (0..3).for_each(|_| joined(&world, "k", "a", LIMITS));
    let batch = one(claim(&world, START));
    let unrouted = world.appended(&["b"]).remove(0);
    let outcome = joining(vec![join("k", 0, &unrouted, LIMITS)]);
    assert!(world.journal.end_batches(vec![end(&batch, outcome)]).wait().is_err());
}

/// One event whose message joins a batch.
pub(super) fn joined(world: &World, key: &str, body: &str, limits: BatchLimits) {
    joined_of(world, "r", key, body, limits);
}

/// One event whose message joins a batch of this rule.
fn joined_of(world: &World, rule: &str, key: &str, body: &str, limits: BatchLimits) {
    let unrouted = world.appended(&[body]).remove(0);
    let outcome = joining(vec![join(key, 0, &unrouted, limits)]);
    done(world.journal.route(vec![routed(&unrouted, rule, Some(outcome))]));
}

pub(super) fn join(key: &str, index: u32, unrouted: &Unrouted, limits: BatchLimits) -> Join {
    Join { key: key.to_owned(), index, message: Message::of(&unrouted.event), limits, rule_hash: [1; 16], ordered: Vec::new() }
}

pub(super) fn joining(joins: Vec<Join>) -> Outcome {
    Outcome::Joined { joins, alone: Vec::new() }
}

pub(super) fn folded(batch: BatchId) -> Outcome {
    let message = Message {
        event_type: "digest".to_owned(),
        content_type: None,
        headers: Vec::new(),
        body: Some(Bytes::from_static(b"[a,a,a]")),
        attributes: Vec::new(),
        route: None,
    };
    Outcome::Planned(vec![NewDelivery {
        id: MessageId::of_batch(batch, &name("d"), 0),
        destination: name("d"),
        message,
        order_key: None,
    }])
}

pub(super) fn end(batch: &Batch, outcome: Outcome) -> BatchEnd {
    BatchEnd {
        seq: batch.seq,
        attempt: batch.attempt,
        revision: batch.revision,
        stages: Vec::new(),
        state: StateEnd::default(),
        outcome,
    }
}

pub(super) fn claim(world: &World, now: Timestamp) -> Claim<Batch> {
    done(world.journal.claim_batches(lane("r"), now, 9))
}

pub(super) fn one(claim: Claim<Batch>) -> Batch {
    let [batch] = <[Batch; 1]>::try_from(claim.items).expect("one batch");
    batch
}

pub(super) fn bodies(batch: &Batch) -> Vec<&str> {
    batch.members.iter().map(|member| std::str::from_utf8(&member.event.body).expect("text")).collect()
}

fn filter() -> WorkFilter<DeliveryState> {
    WorkFilter::newest(Name::default_workspace(), 9)
}
