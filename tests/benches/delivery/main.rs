//! What destinations that misbehave cost the others: `cargo xtask bench delivery`.
//!
//! As with `bench plugins`, no figure stands alone: every case is measured in each of several rounds, in turns with the case it is
//! compared with, what is shown is the median of the rounds, and what is judged is a ratio within this run. The figures are also written to
//! `target/bench/delivery.json`.

mod fleet;

use sluicebox_tests::bench::Figures;

/// How often every case takes its turn.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let mut figures = Figures::new("delivery");
    let table = fleet::beside_some_that_hang(&mut figures).await;
    figures.finish(&[table]);
}
