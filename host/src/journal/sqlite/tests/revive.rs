//! What was settled is taken up again: under its ids as it was, under new ones through the rules of today, and never twice for one asking.

use super::{
    batches,
    dead::{all, dead_batch, dead_delivery, dead_run, newest, page},
    work, *,
};
use crate::{
    event::{BatchId, Failure},
    journal::{BatchState, DeadKind, DeliveryState, Revival, Revived, RunState, Verdict},
};

fn revive(world: &World, revival: Revival) -> Revived {
    done(world.journal.revive(vec![revival]))
}

fn letters(world: &World) -> usize {
    page(world, all(), newest(9)).items.len()
}

fn place(world: &World) -> u64 {
    page(world, all(), newest(1)).items[0].place.seq
}

fn claimed(world: &World) -> Vec<Delivery> {
    done(world.journal.claim_deliveries(lane("d"), world.now(), world.now().plus_ms(30_000), 9)).items
}

#[test]
fn a_retried_delivery_begins_a_new_series_under_its_old_id() {
    let world = World::new();
    let first = dead_delivery(&world, "attempts-exhausted");
    world.pass_ms(86_400_000);
    marked(&world.journal.feed().deliveries);
    let one = Revived { deliveries: 1, letters: 1, ..Revived::default() };
    assert_eq!(revive(&world, Revival::Delivery { seq: first.seq, delivered: false }), one);
    assert_eq!(marked(&world.journal.feed().deliveries), ["d".to_owned()].into());
    assert_eq!(letters(&world), 0);

    let world = world.reopen();
    let again = claimed(&world).remove(0);
    assert_eq!((again.id, &again.body, again.attempt, again.created_at), (first.id, &first.body, 1, world.now()));
    done(world.journal.settle(vec![work::settled(&again, 500, Verdict::RetryAt(world.now()))]));
    let third = claimed(&world).remove(0);
    assert_eq!(third.attempt, 2);
    done(world.journal.settle(vec![work::settled(&third, 200, Verdict::Delivered)]));
    let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), first.id)).expect("on record");
    assert_eq!((record.state, record.attempts, record.retried_at), (DeliveryState::Delivered, 3, Some(world.now())));
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn a_delivery_that_waits_is_due_now_and_one_that_was_delivered_only_where_asked() {
    let world = World::new();
    let delivery = world.planned("a");
    let later = world.now().plus_ms(60_000);
    done(world.journal.settle(vec![work::settled(&delivery, 500, Verdict::RetryAt(later))]));
    assert!(claimed(&world).is_empty());
    let as_it_is = Revival::Delivery { seq: delivery.seq, delivered: false };
    assert_eq!(revive(&world, as_it_is.clone()), Revived { deliveries: 1, ..Revived::default() });
    let again = claimed(&world).remove(0);
    assert_eq!(again.attempt, 2, "its series goes on");
    assert_eq!(revive(&world, as_it_is.clone()), Revived::default(), "it is under way");
    done(world.journal.settle(vec![work::settled(&again, 200, Verdict::Delivered)]));
    assert_eq!(revive(&world, as_it_is), Revived::default());
    let asked = Revival::Delivery { seq: delivery.seq, delivered: true };
    assert_eq!(revive(&world, asked).deliveries, 1);
    assert_eq!(claimed(&world).remove(0).id, delivery.id);
}

#[test]
fn a_retried_run_goes_by_its_own_revision_with_all_its_tries() {
    let world = World::new();
    let unrouted = dead_run(&world);
    let id = RunId::of(&Name::default_workspace(), unrouted.event.id, 0, &name("r"));
    let (seq, record) = done(world.journal.run_given_up(Name::default_workspace(), id)).expect("found by its id");
    assert_eq!((record.id, record.state), (id, RunState::Dead));
    world.pass_ms(86_400_000);
    assert_eq!(revive(&world, Revival::Run { seq }), Revived { runs: 1, letters: 1, ..Revived::default() });
    assert_eq!(revive(&world, Revival::Run { seq }), Revived::default(), "it is none any more");
    assert_eq!(marked(&world.journal.feed().runs), ["r".to_owned()].into());
    let run = done(world.journal.claim_runs(lane("r"), world.now(), 9)).items.remove(0);
    assert_eq!((run.id, run.attempt, run.revision, run.created_at), (id, 1, 3, world.now()));
    assert!(run.put_off.is_none());
    done(world.journal.end_runs(vec![work::run_end(&unrouted, 1, planned(&unrouted, "r", &["d"]))]));
    assert_eq!(claimed(&world).remove(0).id, MessageId::of_run(id, &name("d"), 0));
    assert_eq!(letters(&world), 0);
}

#[test]
fn a_batch_is_folded_again_as_a_whole() {
    let world = World::new();
    let batch = dead_batch(&world, &["a", "b"]);
    let seq = place(&world);
    assert_eq!(revive(&world, Revival::Batch { seq, singly: false }), Revived { batches: 1, letters: 1, ..Revived::default() });
    let again = batches::one(batches::claim(&world, world.now()));
    assert_eq!(
        (again.id, again.attempt, again.retried_at, batches::bodies(&again)),
        (batch.id, 1, Some(world.now()), vec!["a", "b"])
    );
}

/// Else a circle of rules through a batch would have no end.
#[test]
fn what_is_taken_apart_has_come_as_far_as_its_event() {
    let world = World::new();
    dead_batch(&world, &["a", "b"]);
    let file = rusqlite::Connection::open(world.folder.path().join("journal.db")).expect("opens");
    file.execute("UPDATE events SET hops = seq + 2", []).expect("a test's own change");
    assert_eq!(revive(&world, Revival::Batch { seq: place(&world), singly: true }).batches, 2);
    let mut told = file.prepare("SELECT hops FROM batches WHERE state = 1 ORDER BY seq").expect("a query");
    let hops: Vec<u32> = told.query_map([], |row| row.get(0)).expect("rows").collect::<Result<_, _>>().expect("numbers");
    assert_eq!(hops, [3, 4]);
}

#[test]
fn a_batch_is_taken_apart_into_batches_of_one() {
    let world = World::new();
    let batch = dead_batch(&world, &["a", "bb"]);
    let seq = place(&world);
    let apart = Revival::Batch { seq, singly: true };
    assert_eq!(revive(&world, apart.clone()), Revived { batches: 2, letters: 1, ..Revived::default() });
    let made = batches::claim(&world, world.now()).items;
    assert_eq!(made.iter().map(batches::bodies).collect::<Vec<_>>(), [["a"], ["bb"]]);
    let ids: BTreeSet<BatchId> = made.iter().map(|one| one.id).chain([batch.id]).collect();
    assert_eq!(ids.len(), 3, "each has an id of its own, the same at each repeat");
    assert!(made.iter().all(|one| one.key == "k" && one.revision == 3));
    let old = done(world.journal.batch(Name::default_workspace(), batch.id)).expect("it stays on record");
    assert_eq!((old.state, letters(&world)), (BatchState::Dead, 0));
    assert_eq!(revive(&world, apart), Revived::default());
    assert_eq!(revive(&world, Revival::Batch { seq, singly: false }), Revived::default(), "nothing is left in it");

    // One that dies alone is folded again as it is.
    done(world.journal.end_batches(vec![batches::end(&made[1], Outcome::Dead(Failure::new("reject", "no")))]));
    let seq = place(&world);
    assert_eq!(revive(&world, Revival::Batch { seq, singly: true }).batches, 1);
    assert_eq!(batches::one(batches::claim(&world, world.now())).id, made[1].id);
}

#[test]
fn the_events_of_letters_are_routed_again_for_their_rules_alone() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let dead = |rule: &str| crate::journal::NewRun {
        rule: name(rule),
        outcome: Some(Outcome::Dead(Failure::new("trap", ""))),
        holds: Vec::new(),
    };
    done(world.journal.route(vec![Routed { runs: vec![dead("r1"), dead("r2")], ..routed(&unrouted, "r", None) }]));
    let seqs: Vec<u64> = page(&world, all(), newest(9)).items.iter().map(|letter| letter.place.seq).collect();
    let letter = |seq| Revival::Letter { kind: DeadKind::Run, seq };
    assert_eq!(revive(&world, letter(seqs[0])), Revived { events: 1, letters: 1, ..Revived::default() });
    let in_hand = done(world.journal.claim_events(9)).remove(0);
    assert_eq!((in_hand.generation, in_hand.only_rules.clone()), (1, Some(vec![name("r2")])));

    // Who has it in hand does not know of the second rule: the event is another generation, and handed out at once.
    assert_eq!(revive(&world, letter(seqs[1])).events, 1);
    done(world.journal.route(vec![routed(&in_hand, "r2", None)]));
    let both = done(world.journal.claim_events(9)).remove(0);
    assert_eq!((both.generation, both.only_rules.clone()), (2, Some(vec![name("r2"), name("r1")])));
    assert_eq!(letters(&world), 0);
    done(world.journal.route(vec![routed(&both, "r2", None)]));
    let (event, runs, _) = work::history(&world, &unrouted);
    assert!(event.routed);
    assert_eq!(runs.iter().map(|run| (run.generation, run.rule.as_str())).collect::<Vec<_>>(), [(0, "r1"), (0, "r2"), (2, "r2")]);
    assert_eq!(revive(&world, Revival::EventToday { seq: unrouted.seq, rule: None }).events, 1);
    assert_eq!(done(world.journal.claim_events(9))[0].only_rules, None);
}

#[test]
fn what_one_rule_left_of_an_event_goes_through_it_once() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    done(world.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", &["d", "e"])))]));
    for to in ["d", "e"] {
        let lease = world.now().plus_ms(30_000);
        let delivery = done(world.journal.claim_deliveries(lane(to), world.now(), lease, 1)).items.remove(0);
        done(world.journal.settle(vec![work::settled(&delivery, 500, Verdict::Dead(Failure::new("gone", "")))]));
    }
    let seqs: Vec<u64> = page(&world, all(), newest(9)).items.iter().map(|letter| letter.place.seq).collect();
    let letter = |seq| Revival::Letter { kind: DeadKind::Delivery, seq };
    assert_eq!(revive(&world, letter(seqs[0])), Revived { events: 1, letters: 2, ..Revived::default() });
    let again = done(world.journal.claim_events(9)).remove(0);
    done(world.journal.route(vec![routed(&again, "r", None)]));
    // Both went: whoever asks for the other, or for the same once more, is not served a second time.
    assert_eq!(seqs.iter().map(|seq| revive(&world, letter(*seq))).collect::<Vec<_>>(), [Revived::default(), Revived::default()]);
    assert_eq!((letters(&world), done(world.journal.claim_events(9)).len()), (0, 0));
}

#[test]
fn the_events_of_a_batch_go_through_its_rule_of_today() {
    let world = World::new();
    dead_batch(&world, &["a", "b"]);
    let revival = Revival::Letter { kind: DeadKind::Batch, seq: place(&world) };
    assert_eq!(revive(&world, revival), Revived { events: 2, letters: 1, ..Revived::default() });
    let again = done(world.journal.claim_events(9));
    assert!(again.iter().all(|one| one.generation == 1 && one.only_rules == Some(vec![name("r")])));
    assert_eq!((again.len(), letters(&world)), (2, 0));
}

#[test]
fn an_event_is_replayed_as_it_was_as_far_as_asked() {
    let world = World::new();
    let unrouted = world.appended(&["a"]).remove(0);
    let plan = |rule: &str, to: &[&str]| crate::journal::NewRun {
        rule: name(rule),
        outcome: Some(planned(&unrouted, rule, to)),
        holds: Vec::new(),
    };
    let runs = vec![
        plan("r1", &["d", "e"]),
        plan("r2", &["d"]),
        crate::journal::NewRun { rule: name("r3"), outcome: Some(Outcome::Dead(Failure::new("trap", ""))), holds: Vec::new() },
    ];
    done(world.journal.route(vec![Routed { runs, ..routed(&unrouted, "r", None) }]));
    let deliver = |destination: &str| {
        let claimed = done(world.journal.claim_deliveries(lane(destination), START, START.plus_ms(9), 9)).items;
        done(world.journal.settle(claimed.iter().map(|delivery| work::settled(delivery, 200, Verdict::Delivered)).collect()));
        claimed.iter().map(|delivery| delivery.id).collect::<BTreeSet<_>>()
    };
    let (first_d, first_e) = (deliver("d"), deliver("e"));
    let replay = |rule: Option<&str>, destination: Option<&str>| {
        let revived =
            revive(&world, Revival::Event { seq: unrouted.seq, rule: rule.map(name), destination: destination.map(name) });
        (revived.deliveries, revived.runs)
    };
    assert_eq!(replay(Some("r2"), Some("e")), (0, 0));
    assert_eq!(replay(Some("r1"), Some("e")), (1, 0));
    assert_eq!(deliver("e"), first_e, "the same ids");
    assert_eq!(replay(None, Some("d")), (2, 0));
    assert_eq!(deliver("d"), first_d);
    assert_eq!(replay(None, None), (3, 1));
    assert_eq!(replay(None, None), (0, 0), "all of it is on its way");
}
