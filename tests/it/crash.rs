//! 202 means on disk: a kill at any moment loses no acknowledged event, and every repeat carries its first `webhook-id`. The short run of
//! `cargo xtask soak crash`.

use sluicebox_tests::soak::{self, crash};

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_moment_and_at_each_step_loses_nothing_that_was_acknowledged() {
    crash::run(crash::Plan { cycles: 100, from: 0, seed: soak::SEED }).await.expect("no finding");
}
