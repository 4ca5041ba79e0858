//! Hub files by chance.

use std::time::Instant;

use sluicebox_tests::hub_files::{self, Plan};

/// How many of them. In a build for tests this takes a minute or two.
const FILES: u64 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_hold_of_hub_files_holds_of_ten_thousand() {
    let begun = Instant::now();
    let tally = hub_files::hold(Plan { count: FILES, seed: hub_files::SEED }).await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!((tally.files, tally.refused), (FILES, FILES));
    assert!(tally.changes > FILES && tally.entries > FILES, "they are about something: {tally:?}");
    println!("{tally:?} in {:?}", begun.elapsed());
}
