//! What waits is counted right through whatever becomes of it, and asking for it costs the same however much it is.

use super::{work, *};
use crate::{
    event::Failure,
    journal::{
        Revival, Verdict,
        sqlite::{
            backlog::{Backlog, Depth, depths},
            schema,
        },
    },
};

fn counted(world: &World) -> Vec<Depth> {
    let view = schema::open_reader(&world.folder.path().join("journal.db")).expect("opens");
    depths(&view).expect("it tells")
}

/// So many wait for `d`, the first due then.
fn waits(world: &World, waiting: u64, due_at: Option<Timestamp>) {
    let expected = if waiting == 0 { Vec::new() } else { vec![Depth { lane: lane("d"), waiting, due_at }] };
    assert_eq!(counted(world), expected);
}

#[test]
fn deliveries_are_counted_until_they_are_settled_and_again_where_they_are_taken_up() {
    let world = World::new();
    let begun = world.now();
    let first = world.planned("a");
    waits(&world, 1, Some(begun));
    let unrouted = world.appended(&["b"]).remove(0);
    let route = || world.journal.route(vec![routed(&unrouted, "r", Some(planned(&unrouted, "r", &["d"])))]);
    done(route());
    waits(&world, 2, Some(begun));
    done(route());
    waits(&world, 2, Some(begun));
    let later = begun.plus_ms(9_000);
    done(world.journal.settle(vec![work::settled(&first, 500, Verdict::RetryAt(later))]));
    waits(&world, 2, Some(begun));

    let world = world.reopen();
    let claim = || done(world.journal.claim_deliveries(lane("d"), later, later.plus_ms(30_000), 9)).items;
    let all = claim();
    assert_eq!(all.len(), 2);
    let dead = Verdict::Dead(Failure::new("gone", ""));
    done(world.journal.settle(vec![work::settled(&all[0], 200, Verdict::Delivered), work::settled(&all[1], 410, dead)]));
    waits(&world, 0, None);
    world.pass_ms(20_000);
    done(world.journal.revive(vec![Revival::Delivery { seq: all[1].seq, delivered: false }]));
    waits(&world, 1, Some(world.now()));
}

#[test]
fn the_page_of_metrics_has_them_with_their_age_and_measures_no_oftener_than_it_must() {
    let (folder, clock, mut registry) =
        (TempDir::new().expect("a folder"), Arc::new(AtomicU64::new(START.0)), Registry::default());
    let journal = open(&Options::in_folder(folder.path()), clock_of(&clock), &mut registry).expect("opens");
    let world = World { journal, folder, clock };
    let page = || {
        done(world.journal.measure());
        let mut page = String::new();
        prometheus_client::encoding::text::encode(&mut page, &registry).expect("it encodes");
        page
    };
    assert!(page().contains("\nsluicebox_journal_deliveries_waiting 0\n"));
    world.planned("a");
    assert!(page().contains("\nsluicebox_journal_deliveries_waiting 0\n"), "measured a moment ago");
    world.pass_ms(90_000);
    let told = page();
    for line in [
        "sluicebox_queue_depth{workspace=\"default\",destination=\"d\"} 1",
        "sluicebox_queue_age_seconds{workspace=\"default\",destination=\"d\"} 90.0",
        "sluicebox_journal_deliveries_waiting 1",
        "sluicebox_journal_oldest_event_age_seconds 90.0",
        "sluicebox_journal_unrouted_age_seconds 0.0",
    ] {
        assert!(told.contains(&format!("\n{line}\n")), "{line}\n{told}");
    }
}

#[test]
fn no_question_looks_through_all_deliveries_or_events() {
    let world = World::new();
    let many: Vec<String> = (0..2_000).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let unrouted = world.appended(&many);
    done(world.journal.route(unrouted.iter().map(|one| routed(one, "r", Some(planned(one, "r", &["d"])))).collect()));
    let mut view = schema::open_reader(&world.folder.path().join("journal.db")).expect("opens");
    let backlog = Backlog::default();
    // Steps of SQLite's virtual machine: a few dozen a lane, where a look at each delivery would be thousands.
    let steps = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&steps);
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    view.progress_handler(1, Some(count)).expect("is set");
    backlog.measure(&view, world.now()).expect("it measures");
    let steps = steps.load(Ordering::Relaxed);
    assert!((1..1_000).contains(&steps), "{steps}");
}
