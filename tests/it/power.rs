//! A power cut at any moment, and a disk that fails at any write or sync: nothing that was acknowledged is lost.

use sluicebox_tests::power::{self, FaultPlan, Plan};

/// The short run of what `cargo xtask soak power` does at length.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_power_cuts_lose_nothing_that_was_acknowledged() {
    let tally = power::images(Plan { images: 300, seed: power::SEED }).await.expect("no finding");
    // It met what it is there to meet.
    assert_eq!(tally.images, 300);
    assert!(tally.lossy > 100 && tally.rebuilt > 0 && tally.hosts >= 10, "{tally}");
    assert!(tally.events > 5_000, "{tally}");
}

/// A prime, so that changes, errors and their lasting all come up in turn.
const FAULTS_EVERY: u64 = 17;

/// The short run of what `cargo xtask soak power --faults` does at length.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_costs_nothing_that_was_acknowledged_and_heals() {
    let tally = power::faults(FaultPlan { every: FAULTS_EVERY, seed: power::SEED }).await.expect("no finding");
    // It met what it is there to meet.
    for failed in ["journal.db-wal Write", "journal.db-wal Sync", "journal.db Write"] {
        assert!(tally.failed.contains_key(failed), "{failed}: {tally}");
    }
    assert!(tally.starts.0 > tally.starts.1 && tally.starts.1 > 0, "{tally}");
    assert!(tally.refused > 0 && tally.hubs_refused > 0 && tally.acknowledged > 0, "{tally}");
}

/// The record is what commits a revision: where it cannot be made, written, synced or named, nothing is committed, and nothing of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_of_a_revision_that_fails_at_any_step_commits_nothing_and_leaves_nothing() {
    let tally = power::records().await.expect("no finding");
    for failed in ["revisions Create", "revisions Write", "revisions Sync", "revisions Rename"] {
        assert!(tally.failed.contains_key(failed), "{failed}: {tally}");
    }
    // Five steps, two errors, once and lasting.
    assert_eq!(tally.hubs_refused, 20, "{tally}");
}

/// A prime, so that each step of one change meets others of the next.
const REKEYS_EVERY: usize = 13;

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_of_the_main_key_that_fail_and_a_power_cut_lose_no_key() {
    let tally = power::rekeys(REKEYS_EVERY).await.expect("no finding");
    for (what, change) in
        [("main", " Create"), ("main", " Sync"), ("main", " Rename"), ("data-keys.json", " Rename"), ("", " Sync")]
    {
        let met = tally.failed.keys().any(|failed| failed.starts_with(what) && failed.ends_with(change));
        assert!(met, "{what}{change}: {tally}");
    }
    assert!(tally.rounds > 50, "{tally}");
}
