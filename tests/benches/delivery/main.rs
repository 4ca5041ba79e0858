//! What destinations that misbehave cost the others: `cargo xtask bench delivery`.
//!
//! As with `bench plugins`, no figure stands alone: every case is measured in each of several rounds, in turns with the case it is
//! compared with, what is shown is the median of the rounds, and what is judged is a ratio within this run. The figures are also written to
//! `target/bench/delivery.json`.

mod fleet;
#[path = "../plugins/table.rs"]
mod table;

use std::{env, fs, path::PathBuf};

/// How often every case takes its turn.
const ROUNDS: usize = 5;

#[tokio::main]
async fn main() {
    let rows = [fleet::beside_some_that_hang().await];
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).expect("a folder");
    let json = serde_json::to_string_pretty(&rows).expect("JSON");
    fs::write(folder.join("delivery.json"), json).expect("a file");
}

/// Where cargo builds to: the benchmark itself is in `release/deps` there.
fn target_folder() -> PathBuf {
    let told = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target"))
}

/// The value that so many of a hundred are not over.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() * percent).div_ceil(100).saturating_sub(1)]
}
