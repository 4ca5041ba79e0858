//! The short run of what `cargo xtask soak` does at length.

use sluicebox_tests::soak::{self, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_fuzzed_plugins_do_no_harm() {
    let tally = soak::plugins(Plan { count: 2_000, from: 0, seed: soak::SEED }).await.expect("no finding");
    // It met what it is there to meet.
    for code in ["P001", "P002", "P003"] {
        assert!(tally.refused.contains_key(code), "{tally}");
    }
    for ended in ["planned", "rejected", "trap"] {
        assert!(tally.ended.contains_key(ended), "{tally}");
    }
}
