//! What receivers say by themselves: taken once, in whatever order it comes beside the answer to the request.

use super::*;
use crate::{
    event::Failure,
    journal::{
        Acknowledged, Acknowledgement, Attempt, AttemptRecord, DeliveryRecord, DeliveryState, Revival, Said, Settled, Verdict,
    },
};

const UNTIL: Timestamp = Timestamp(START.0 + 60_000);

fn answered(delivery: &Delivery, verdict: Verdict) -> Settled {
    Settled {
        seq: delivery.seq,
        lane: delivery.lane.clone(),
        attempt_number: delivery.number,
        attempt: Some(attempt(Some(202), None)),
        verdict,
    }
}

fn attempt(status: Option<u16>, failure: Option<Failure>) -> Attempt {
    let (response_headers, response_body) = (Vec::new(), Bytes::new());
    Attempt { started_at: START, duration_ms: 7, status, failure, response_headers, response_body }
}

fn say(world: &World, delivery: &Delivery, attempt_number: u32, said: Said) -> Acknowledged {
    let workspace = Name::default_workspace();
    done(world.journal.acknowledge(vec![Acknowledgement { workspace, id: delivery.id, attempt_number, said }])).remove(0)
}

fn failed() -> Said {
    Said::Failed(Failure::new("refused", "no room"))
}

fn claim(world: &World, now: Timestamp) -> Vec<Delivery> {
    done(world.journal.claim_deliveries(lane("d"), now, now.plus_ms(30_000), 9)).items
}

fn on_record(world: &World, delivery: &Delivery) -> (DeliveryRecord, Vec<AttemptRecord>) {
    let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), delivery.id)).expect("on record");
    (record, attempts)
}

#[test]
fn what_is_received_waits_for_its_confirmation_across_a_restart() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    let world = world.reopen();
    let (record, attempts) = on_record(&world, &delivery);
    assert_eq!((record.state, record.attempts, record.received_at), (DeliveryState::Waiting, 1, Some(START)));
    assert_eq!((record.due_at, record.last_status, attempts.len()), (Some(UNTIL), Some(202), 1));
    assert!(claim(&world, START).is_empty());

    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Taken);
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Delivered);
    let (record, attempts) = on_record(&world, &delivery);
    assert_eq!((record.state, record.attempts, attempts.len()), (DeliveryState::Delivered, 1, 1));
    assert!(claim(&world, UNTIL).is_empty());
}

#[test]
fn what_is_not_confirmed_is_claimed_to_be_judged_and_its_attempt_counts_once() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    let judged = claim(&world, UNTIL).remove(0);
    assert_eq!(judged.attempt, 1, "the same attempt");
    assert!(judged.received.as_ref().is_some_and(|received| received.at == START && received.refused.is_none()));
    let amended = Some(attempt(None, Some(Failure::new("not-confirmed", "late"))));
    done(world.journal.settle(vec![Settled { attempt: amended, ..answered(&judged, Verdict::RetryAt(UNTIL)) }]));
    let (record, attempts) = on_record(&world, &delivery);
    assert_eq!((record.attempts, record.received_at, attempts.len()), (1, None, 1));
    let one = &attempts[0].attempt;
    assert_eq!((one.status, one.duration_ms), (Some(202), 7), "the answer stays on record");
    assert_eq!(one.failure.as_ref().map(|failure| failure.code.as_str()), Some("not-confirmed"));

    let second = claim(&world, UNTIL).remove(0);
    assert!(second.attempt == 2 && second.received.is_none());
    assert_eq!(say(&world, &delivery, 1, failed()), Acknowledged::Over, "of an attempt that is over");
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Taken, "late, and still true");
    done(world.journal.settle(vec![answered(&second, Verdict::RetryAt(UNTIL))]));
    assert_eq!(on_record(&world, &delivery).0.state, DeliveryState::Delivered);
}

#[test]
fn a_failure_makes_it_due_at_once() {
    let world = World::new();
    let delivery = world.planned("a");
    assert_eq!(say(&world, &delivery, 1, failed()), Acknowledged::Early);
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    marked(&world.journal.feed().deliveries);
    assert_eq!(say(&world, &delivery, 1, failed()), Acknowledged::Taken);
    assert_eq!(marked(&world.journal.feed().deliveries), ["d".to_owned()].into());
    let judged = claim(&world, START).remove(0);
    let refused = judged.received.and_then(|received| received.refused).expect("its reason");
    assert_eq!((judged.attempt, refused.message.as_str()), (1, "no room"));
}

#[test]
fn a_word_that_overtakes_the_answer_is_true_and_the_answer_is_kept() {
    let world = World::new();
    let delivery = world.planned("a");
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Taken);
    for _ in 0..2 {
        done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
        let (record, attempts) = on_record(&world, &delivery);
        assert_eq!((record.state, record.attempts, attempts.len()), (DeliveryState::Delivered, 1, 1));
        assert_eq!(attempts[0].attempt.status, Some(202));
    }
}

#[test]
fn who_says_that_it_is_done_puts_the_attempt_on_record_once() {
    let world = World::new();
    let delivery = world.planned("a");
    let done_with = || Said::Done(Some(attempt(None, None)));
    assert_eq!(say(&world, &delivery, 1, done_with()), Acknowledged::Taken);
    assert_eq!(say(&world, &delivery, 1, done_with()), Acknowledged::Delivered);
    let (record, attempts) = on_record(&world, &delivery);
    assert_eq!((record.attempts, attempts.len()), (1, 1));
}

#[test]
fn what_is_given_up_or_unknown_takes_no_word() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![answered(&delivery, Verdict::Dead(Failure::new("gone", "")))]));
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Dead);
    assert_eq!(say(&world, &delivery, 1, failed()), Acknowledged::Dead);
    let unknown = Delivery { id: MessageId::from_bytes([0; 16]), ..delivery };
    assert_eq!(say(&world, &unknown, 1, Said::Done(None)), Acknowledged::Unknown);
}

#[test]
fn what_is_said_of_an_earlier_series_says_nothing_of_the_present_one() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Taken);
    done(world.journal.revive(vec![Revival::Delivery { seq: delivery.seq, delivered: true }]));
    let again = claim(&world, world.now()).remove(0);
    assert_eq!((again.attempt, again.number), (1, 2));
    // The receiver repeats its call, and the first sender settles late: neither is about what is sent now.
    assert_eq!(say(&world, &delivery, 1, Said::Done(None)), Acknowledged::Over);
    assert_eq!(say(&world, &delivery, 1, failed()), Acknowledged::Over);
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    let (record, _) = on_record(&world, &delivery);
    assert_eq!((record.state, record.attempts, record.received_at), (DeliveryState::Waiting, 1, None));
    done(world.journal.settle(vec![answered(&again, Verdict::Awaiting(UNTIL))]));
    assert_eq!(say(&world, &delivery, 2, Said::Done(None)), Acknowledged::Taken);
}

#[test]
fn what_awaits_its_confirmation_is_not_tried_sooner() {
    let world = World::new();
    let delivery = world.planned("a");
    done(world.journal.settle(vec![answered(&delivery, Verdict::Awaiting(UNTIL))]));
    let revived = done(world.journal.revive(vec![Revival::Delivery { seq: delivery.seq, delivered: false }]));
    assert_eq!((revived.deliveries, claim(&world, START).len()), (0, 0));
}
