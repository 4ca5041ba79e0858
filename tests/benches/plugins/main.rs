//! What plugins cost: `cargo xtask bench plugins`.
//!
//! Machines are shared and noisy, so no figure stands alone: every case is measured in each of several rounds, one after the
//! other, what is shown is the median of the rounds, and what is judged are ratios within this run, against the same work
//! natively (the ceiling) or against the same host without the load.

mod calls;
mod cases;
mod neighbours;
mod restart;
mod table;

/// How often every case takes its turn.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let cases = cases::all();
    calls::one_at_a_time(&cases).await.print();
    calls::scaling(&cases).await.print();
    restart::with_many_plugins().await.print();
    neighbours::beside_one_that_spins().await.print();
}

/// The one in the middle.
fn median<T: Copy + PartialOrd>(values: &[T]) -> T {
    percentile(values, 50)
}

/// The value that so many of a hundred are not over.
fn percentile<T: Copy + PartialOrd>(values: &[T], percent: usize) -> T {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
