//! Space that was freed is given back, and where there is too little new events are refused while everything else goes on.

use super::{
    expire::{round, settle},
    *,
};
use crate::journal::{DiskProbe, JournalError, Short, Space, Verdict};

const DAY_MS: u64 = 86_400_000;
const BODY_BYTES: usize = 100_000;

#[test]
fn the_file_shrinks_when_what_it_held_is_gone() {
    let world = World::new();
    let file = world.folder.path().join("journal.db");
    let bytes = || std::fs::metadata(&file).expect("a file").len();
    let body = "x".repeat(BODY_BYTES);
    for _ in 0..300 {
        let unrouted = world.appended(&[&body]).remove(0);
        done(world.journal.route(vec![Routed { runs: Vec::new(), ..routed(&unrouted, "r", None) }]));
    }
    let world = world.reopen();
    assert!(bytes() > 30_000_000, "{}", bytes());
    world.pass_ms(8 * DAY_MS);
    assert_eq!(round(&world), 300);
    let (full, mut given_back) = (bytes(), 0);
    loop {
        match done(world.journal.give_back()) {
            0 => break,
            step => given_back += step,
        }
    }
    let _world = world.reopen();
    assert_eq!(full - bytes(), given_back, "the log is copied when the journal is closed");
    assert!(bytes() < 12_000_000, "{} are kept, for what comes next", bytes());
}

#[test]
fn a_full_disk_takes_no_events_and_delivers_those_it_has() {
    let free = Arc::new(AtomicU64::new(1_000));
    let world = world_with(|options| {
        let free = Arc::clone(&free);
        options.disk_reserve_bytes = 400;
        options.disk = DiskProbe::new(move |_| Ok(free.load(Ordering::Relaxed)));
    });
    assert_eq!(world.journal.space(), Space::Ample);
    free.store(399, Ordering::Relaxed);
    let delivery = world.planned("a");
    assert_eq!(world.journal.space(), Space::Full(Short::Disk));
    assert!(matches!(world.journal.append(vec![event(b"b")]).wait(), Err(JournalError::Full)));
    settle(&world, &delivery, Verdict::Delivered);
    let (_, record, attempts) = done(world.journal.delivery(Name::default_workspace(), delivery.id)).expect("on record");
    assert_eq!((record.settled_at, attempts.len()), (Some(START), 1));
    assert!(attempts[0].attempt.response_body.is_empty(), "what can be left out is");
    free.store(450, Ordering::Relaxed);
    world.pass_ms(8 * DAY_MS);
    assert_eq!(round(&world), 4);
    assert_eq!(world.journal.space(), Space::Full(Short::Disk), "it is not well away from the limit");
    free.store(600, Ordering::Relaxed);
    round(&world);
    assert_eq!(world.journal.space(), Space::Ample);
    done(world.journal.append(vec![event(b"b")]));
}

#[test]
fn a_journal_of_its_largest_size_goes_on_delivering_and_takes_events_again_by_itself() {
    let world = world_with(|options| options.bytes_max = Some(4 << 20));
    let body = "x".repeat(BODY_BYTES);
    let mut waiting = Vec::new();
    while !matches!(world.journal.space(), Space::Full(_)) {
        waiting.push(world.planned(&body));
    }
    assert!((25..45).contains(&waiting.len()), "{}", waiting.len());
    assert!(matches!(world.journal.append(vec![event(b"b")]).wait(), Err(JournalError::Full)));
    world.pass_ms(8 * DAY_MS);
    round(&world);
    assert_eq!(world.journal.space(), Space::Full(Short::Journal), "nothing in it is settled");
    for delivery in &waiting {
        settle(&world, delivery, Verdict::Delivered);
    }
    world.pass_ms(8 * DAY_MS);
    assert_eq!(round(&world), 4 * waiting.len() as u64);
    assert_eq!(world.journal.space(), Space::Ample);
    done(world.journal.append(vec![event(b"b")]));
}

fn world_with(change: impl FnOnce(&mut Options)) -> World {
    let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(AtomicU64::new(START.0)));
    let mut options = Options::in_folder(folder.path());
    change(&mut options);
    let journal = open(&options, clock_of(&clock), &mut Registry::default()).expect("opens");
    World { journal, folder, clock }
}
