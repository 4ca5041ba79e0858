//! Copies of the whole, while it goes on and when it has stopped.

use super::*;
use crate::journal::{AuditFilter, EventFilter, JournalError, freeze_stopped, inspect};

fn bodies(journal: &Arc<dyn Journal>) -> usize {
    done(journal.events(EventFilter::newest(Name::default_workspace(), 100))).items.len()
}

#[test]
fn a_copy_is_of_the_moment_at_which_it_was_begun() {
    let world = World::new();
    world.appended(&["a", "b"]);
    let frozen = done(world.journal.freeze());
    assert!(frozen.bytes() > 0);
    let after = event(b"c");
    done(world.journal.append(vec![after]));
    let folder = TempDir::new().expect("a folder");
    let mut asked = 0;
    let mut go_on = || {
        asked += 1;
        // What is committed between two pieces is not in it either.
        done(world.journal.append(vec![event(format!("later {asked}").as_bytes())]));
        Ok(())
    };
    frozen.copy_to(&folder.path().join("journal.db"), &mut go_on).expect("copied");
    assert!(asked > 0);
    let copy = open_at(&folder, &world.clock);
    assert_eq!((bodies(&copy), bodies(&world.journal)), (2, 3 + asked));
    assert!(done(copy.audit_log(AuditFilter::default())).items.is_empty());
    assert_eq!(done(copy.claim_events(9)).len(), 2, "what was claimed there is claimed again here");
}

#[test]
fn who_says_so_stops_it() {
    let world = World::new();
    let folder = TempDir::new().expect("a folder");
    let stopped = done(world.journal.freeze()).copy_to(&folder.path().join("journal.db"), &mut || Err(JournalError::Full));
    assert!(matches!(stopped, Err(JournalError::Full)));
}

#[test]
fn a_stopped_journal_is_copied_and_a_running_one_is_not_taken_for_it() {
    let world = World::new();
    world.appended(&["a"]);
    let options = Options::in_folder(world.folder.path());
    assert!(freeze_stopped(&options).is_err(), "it runs");
    let World { journal, folder, clock } = world;
    done(journal.close());
    drop(journal);
    let target = TempDir::new().expect("a folder");
    let frozen = freeze_stopped(&options).expect("frozen");
    frozen.copy_to(&target.path().join("journal.db"), &mut || Ok(())).expect("copied");
    assert_eq!(bodies(&open_at(&target, &clock)), 1);
    assert_eq!(bodies(&open_at(&folder, &clock)), 1);
    let nowhere = folder.path().join("nowhere");
    assert!(freeze_stopped(&Options::in_folder(&nowhere)).is_err() && !nowhere.exists());
}

#[test]
fn an_inspection_tells_sound_from_damaged_and_changes_nothing() {
    let world = World::new();
    world.planned("a");
    let options = Options::in_folder(world.folder.path());
    let look = || inspect(&options).expect("it can be read").expect("there is one");
    let running = look();
    assert!(running.in_use && running.problems.is_empty(), "{running:?}");
    let World { journal, folder, .. } = world;
    done(journal.close());
    drop(journal);
    let stopped = look();
    assert!(!stopped.in_use && stopped.problems.is_empty() && stopped.version.0 == stopped.version.1, "{stopped:?}");
    let file = folder.path().join("journal.db");
    let sql = rusqlite::Connection::open(&file).expect("opened");
    sql.execute("DELETE FROM events", []).expect("removed");
    drop(sql);
    let told = look().problems;
    assert!(told.iter().any(|problem| problem.contains("a delivery whose event is missing")), "{told:?}");
    assert!(inspect(&Options::in_folder(folder.path().join("nowhere"))).expect("no fault").is_none());
}
