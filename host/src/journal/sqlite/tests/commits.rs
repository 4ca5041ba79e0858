//! What is acknowledged is on disk, many at once, and nobody is let down by what another asked for.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::{
        Mutex,
        mpsc::{Receiver, sync_channel},
    },
};

use super::*;
use crate::journal::{
    Feed, JournalError,
    sqlite::{
        Shared,
        backlog::Backlog,
        checkpoint::{Tidier, Tidy},
        command::{Answer, Order, Work},
        commit::Committer,
        error::StoreError,
        lease::Held,
        log::Log,
        metrics::Metrics,
        recent::Recent,
        schema, send,
        space::Watch,
        threads::Queues,
    },
};

#[test]
fn an_appended_event_survives_a_restart_byte_for_byte() {
    let world = World::new();
    let sent = event(b"\xff\xfe\0 not UTF-8 \x80");
    let empty = event(b"");
    done(world.journal.append(vec![sent.clone(), empty.clone()]));
    let world = world.reopen();
    let claimed = done(world.journal.claim_events(10));
    assert_eq!(claimed.iter().map(|unrouted| &*unrouted.event).collect::<Vec<_>>(), [&sent, &empty]);
}

#[test]
fn a_folder_has_one_process_and_is_free_after_it() {
    let world = World::new();
    let again = open(&Options::in_folder(world.folder.path()), clock_of(&world.clock), &mut Registry::default());
    let Err(JournalError::Failed(error)) = again else { panic!("opened twice") };
    assert!(error.to_string().contains("in use by another process"), "{error}");
    world.reopen();
}

#[test]
fn the_folder_and_its_files_are_their_owners_only() {
    let parent = TempDir::new().expect("a folder");
    let folder = parent.path().join("data/journal");
    let journal = open(&Options::in_folder(&folder), Arc::new(|| START), &mut Registry::default()).expect("opens");
    done(journal.append(vec![event(b"private")]));
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    let files = std::fs::read_dir(&folder).expect("a folder").map(|file| file.expect("a file").path());
    let modes: std::collections::BTreeMap<_, _> = files.map(|file| (file.clone(), mode(&file))).collect();
    assert_eq!(modes.len(), 4, "lock, store, log and its index: {modes:?}");
    assert!(modes.values().all(|mode| *mode == 0o600), "{modes:?}");
}

#[test]
fn a_closed_journal_has_committed_what_waited_and_takes_no_more() {
    let world = World::new();
    let waiting = world.journal.append(vec![event(b"1")]);
    done(world.journal.close());
    done(waiting);
    assert!(matches!(world.journal.append(vec![event(b"2")]).wait(), Err(JournalError::Closed)));
    assert!(matches!(world.journal.claim_events(1).wait(), Err(JournalError::Closed)));
    assert!(matches!(world.journal.close().wait(), Err(JournalError::Closed)));
    assert_eq!(done(world.reopen_closed().journal.claim_events(9)).len(), 1);
}

#[test]
fn a_newer_and_an_older_schema_are_refused() {
    for (version, advice) in [(1, "begin with an empty data folder"), (99, "start the newer program again")] {
        let world = World::new();
        let (folder, clock) = world.close();
        let file = rusqlite::Connection::open(folder.path().join("journal.db")).expect("opens");
        file.pragma_update(None, "user_version", version).expect("is set");
        drop(file);
        let Err(JournalError::Failed(error)) =
            open(&Options::in_folder(folder.path()), clock_of(&clock), &mut Registry::default())
        else {
            panic!("opened")
        };
        let text = error.to_string();
        assert!(text.contains(&format!("schema version {version}")) && text.contains(advice), "{text}");
    }
}

#[test]
fn whatever_waits_is_committed_together() {
    let desk = Desk::new(500);
    let answers: Vec<_> = (0..300).map(|_| desk.write(Work::Append(vec![event(b"x")]))).collect();
    let metrics = desk.run();
    answers.into_iter().for_each(done);
    assert_eq!(metrics.commits.get(), 1);
}

#[test]
fn a_transaction_has_an_upper_size() {
    let desk = Desk::new(100);
    let answers: Vec<_> = (0..300).map(|_| desk.write(Work::Append(vec![event(b"x")]))).collect();
    let metrics = desk.run();
    answers.into_iter().for_each(done);
    assert_eq!(metrics.commits.get(), 3);
}

#[test]
fn a_call_that_cannot_be_stored_fails_alone() {
    let desk = Desk::new(500);
    let (first, twice) = (event(b"1"), event(b"2"));
    let good = desk.write(Work::Append(vec![first]));
    let bad = desk.write(Work::Append(vec![twice.clone(), twice]));
    let other = desk.write(Work::Append(vec![event(b"3")]));
    desk.run();
    done(good);
    done(other);
    assert!(matches!(bad.wait(), Err(JournalError::Failed(_))));
}

#[test]
fn a_full_queue_is_busy_and_a_gone_committer_is_closed() {
    let desk = Desk::new(1);
    for _ in 0..QUEUE_MAX {
        drop(desk.write(Work::Append(Vec::new())));
    }
    assert!(matches!(desk.write(Work::Append(Vec::new())).wait(), Err(JournalError::Busy)));
    let Desk { queues, committer, .. } = desk;
    let shared = Arc::clone(&committer.shared);
    drop(committer);
    assert!(matches!(send(&queues, &shared, Work::Append(Vec::new()), Answer::Done).wait(), Err(JournalError::Closed)));
}

#[test]
fn calls_in_the_queue_of_a_committer_that_dies_are_told() {
    let desk = Desk::new(1);
    let waiting = desk.write(Work::Append(Vec::new()));
    drop(desk.committer);
    assert!(matches!(waiting.wait(), Err(JournalError::Closed)));
}

#[test]
fn the_log_is_measured_copied_and_emptied_at_the_end() {
    let desk = Desk::new(500);
    let log = desk.folder.path().join("journal.db-wal");
    let bytes = || std::fs::metadata(&log).expect("a log").len();
    assert!(bytes() > 0);
    let (tell, notices) = sync_channel(2);
    tell.send(Tidy::Grown).expect("has room");
    tell.send(Tidy::Stop).expect("has room");
    let connection = schema::open_tidier(&desk.folder.path().join("journal.db")).expect("opens");
    let (shared, log) = (Arc::clone(&desk.committer.shared), Arc::clone(&desk.committer.log));
    Tidier { connection, notices, shared, log, checkpoint_pages: 1 }.run();
    assert!(desk.committer.shared.metrics.log_pages.get() > 0);
    assert_eq!(bytes(), 0);
}

#[test]
fn nothing_is_copied_from_a_log_in_doubt_and_the_next_commit_ends_the_doubt() {
    let desk = Desk::new(500);
    let (log, shared) = (Arc::clone(&desk.committer.log), Arc::clone(&desk.committer.shared));
    log.committed(false);
    let failed = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC), None);
    log.commit_failed(&StoreError::Sql(failed));
    let connection = schema::open_tidier(&desk.folder.path().join("journal.db")).expect("opens");
    let (_tell, notices) = sync_channel(1);
    let tidier = Tidier { connection, notices, shared, log: Arc::clone(&log), checkpoint_pages: 1 };
    assert!(matches!(tidier.checkpoint("PASSIVE"), Err(StoreError::InDoubt)));
    let stored = desk.write(Work::Append(vec![event(b"x")]));
    desk.run();
    done(stored);
    assert!(!log.is_in_doubt());
    tidier.checkpoint("PASSIVE").expect("it is copied again");
}

#[test]
fn what_nobody_relies_on_is_committed_without_a_sync() {
    let desk = Desk::new(500);
    let log = Arc::clone(&desk.committer.log);
    let routed = || Work::Route(vec![Routed { seq: 9, generation: 0, revision: 1, runs: Vec::new() }]);
    let alone = desk.write(routed());
    desk.run();
    done(alone);
    assert!(log.due_in().is_some());
    let desk = Desk::new(500);
    let log = Arc::clone(&desk.committer.log);
    let all = [desk.write(routed()), desk.write(Work::Append(vec![event(b"x")]))];
    desk.run();
    all.into_iter().for_each(done);
    assert_eq!(log.due_in(), None, "synced with what somebody relies on");
}

#[test]
fn somebody_elses_file_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let file = rusqlite::Connection::open(folder.path().join("journal.db")).expect("opens");
    file.execute_batch("CREATE TABLE theirs (a)").expect("made");
    drop(file);
    let opened = open(&Options::in_folder(folder.path()), Arc::new(|| START), &mut Registry::default());
    let Err(JournalError::Failed(error)) = opened else { panic!("opened") };
    assert!(error.to_string().contains("no journal"), "{error}");
}

#[test]
fn a_full_disk_is_told_and_stores_nothing_of_the_call() {
    let (folder, clock) = (TempDir::new().expect("a folder"), Arc::new(AtomicU64::new(START.0)));
    let options = Options { bytes_max: Some(2 << 20), ..Options::in_folder(folder.path()) };
    let journal = open(&options, clock_of(&clock), &mut Registry::default()).expect("opens");
    let body = vec![1; 100_000];
    let stored = (0..30).take_while(|_| journal.append(vec![event(&body)]).wait().is_ok()).count();
    assert!(matches!(journal.append(vec![event(b"small"), event(&body)]).wait(), Err(JournalError::Full)));
    assert!((10..30).contains(&stored), "{stored}");
    assert_eq!(done(journal.claim_events(99)).len(), stored);
}

#[test]
fn where_the_file_cannot_grow_new_events_give_way_to_the_work_on_those_it_has() {
    let desk = Desk::new(500);
    let (first, second) = (event(b"1"), event(b"2"));
    let shared = Arc::clone(&desk.committer.shared);
    let pages: i64 = desk.committer.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).expect("a number");
    let stored = desk.write(Work::Append(vec![first]));
    desk.committer.connection.pragma_update(None, "max_page_count", pages + 2).expect("is set");
    let refused = desk.write(Work::Append(vec![Event { body: vec![1; 100_000].into(), ..second }]));
    let other = desk.write(Work::Route(vec![Routed { seq: 9, generation: 0, revision: 1, runs: Vec::new() }]));
    desk.run();
    assert!(matches!(refused.wait(), Err(JournalError::Full)));
    assert!(matches!(stored.wait(), Err(JournalError::Full)), "all new events of the transaction");
    done(other);
    assert_eq!(shared.metrics.failures.get(), 1);
}

#[test]
fn a_journal_counts_as_failing_until_it_commits_again_or_for_a_while() {
    let world = World::new();
    assert!(world.journal.failing().is_none());
    let twice = event(b"1");
    let fail = || world.journal.append(vec![twice.clone(), twice.clone()]).wait().expect_err("one id twice");
    fail();
    assert!(matches!(world.journal.failing(), Some(JournalError::Failed(_))));
    done(world.journal.append(vec![event(b"2")]));
    assert!(world.journal.failing().is_none(), "it commits again");
    fail();
    world.pass_ms(30_000);
    assert!(world.journal.failing().is_none(), "nobody would find out that it is well again");
}

impl World {
    fn close(self) -> (TempDir, Arc<AtomicU64>) {
        let Self { journal, folder, clock } = self;
        done(journal.close());
        (folder, clock)
    }

    /// As after a restart, where the journal is closed already.
    fn reopen_closed(self) -> Self {
        let Self { journal, folder, clock } = self;
        drop(journal);
        Self { journal: open_at(&folder, &clock), folder, clock }
    }
}

const QUEUE_MAX: usize = 400;

/// A committer that does not work yet, so that what waits for it is known.
struct Desk {
    queues: Queues,
    committer: Committer,
    _notices: Receiver<Tidy>,
    folder: TempDir,
}

impl Desk {
    fn new(commit_events_max: usize) -> Self {
        let folder = TempDir::new().expect("a folder");
        let options = Options::in_folder(folder.path());
        let connection = schema::open_writer(&folder.path().join("journal.db"), &options).expect("opens");
        let shared = Arc::new(Shared {
            feed: Feed::default(),
            held: Held::default(),
            recent: Recent::default(),
            clock: Arc::new(|| START),
            metrics: Metrics::new(&mut Registry::default()),
            watch: Watch::new(&options),
            backlog: Backlog::default(),
            failed: Mutex::default(),
        });
        let ((orders, waiting), (tidy, notices)) = (sync_channel(QUEUE_MAX), sync_channel(1));
        let log = Arc::new(Log::certain(folder.path().join("journal.db-wal")));
        let ((claims, _), (listings, _)) = (sync_channel(1), sync_channel(1));
        let committer = Committer { connection, orders: waiting, tidy, shared, commit_events_max, syncs: true, log };
        Self { queues: Queues { orders, claims, listings }, committer, _notices: notices, folder }
    }

    fn write(&self, work: Work) -> Pending<()> {
        send(&self.queues, &self.committer.shared, work, Answer::Done)
    }

    /// Lets it do all that waits.
    fn run(self) -> Metrics {
        self.queues.orders.send(Order::Stop).expect("it listens");
        let metrics = self.committer.shared.metrics.clone();
        self.committer.run();
        metrics
    }
}
