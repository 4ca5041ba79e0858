//! What plugins cost: `cargo xtask bench plugins`.
//!
//! Machines are shared and noisy, so no figure stands alone: every case is measured in each of several rounds, one after the
//! other, what is shown is the median of the rounds, and what is judged are ratios within this run, against the same work
//! natively (the ceiling) or against the same host without the load. The figures are also written to `target/bench/plugins.json`.

mod calls;
mod cases;
mod neighbours;
mod restart;

use sluicebox_tests::bench::{Figures, percentile};

/// How often every case takes its turn.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let (cases, mut figures) = (cases::all(), Figures::new("plugins"));
    let tables = [
        calls::one_at_a_time(&cases, &mut figures).await,
        calls::scaling(&cases, &mut figures).await,
        restart::with_many_plugins(&mut figures).await,
        neighbours::beside_one_that_spins(&mut figures).await,
    ];
    figures.finish(&tables);
}

/// The one in the middle.
fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}
