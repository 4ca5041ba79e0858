//! What senders feel while settled events are removed as fast as they are: turns in which all is kept, and turns in which nothing is.

use std::{fs, path::Path};

use serde_json::{Value, json};
use sluicebox_tests::{HostProcess, pending};

use crate::turn::{Turn, median, turn};

const ROUNDS: usize = 5;
/// Settled events of a round: more than are removed in its turn.
const EVENTS: usize = 100_000;
/// How much later the slowest hundredth may be answered.
const SLOWER_MAX: f64 = 1.20;

/// Each round on a folder of its own: what a turn removes is not there for the next.
pub(crate) async fn beside_senders(folder: &Path) -> Value {
    let (mut kept, mut removed): (Vec<Turn>, Vec<Turn>) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        drop(fs::remove_dir_all(folder));
        fs::create_dir_all(folder).expect("a folder");
        let host = HostProcess::start(folder).await;
        host.apply("[sources.open]\nverify = { scheme = \"none\" }\n").await;
        host.kill();
        pending::seed(folder, EVENTS, 0, |_| {}).await;
        kept.push(turn(folder, &[]).await);
        removed.push(turn(folder, &["--retain", "0s"]).await);
        println!("removal, round {}: {:?} kept, {:?} removed", round + 1, kept[round], removed[round]);
    }
    drop(fs::remove_dir_all(folder));
    let ratios = |pick: fn(&Turn) -> f64| median(&removed, pick) / median(&kept, pick);
    let p99 = ratios(|turn| turn.p99_ms);
    json!({
        "case": "removal",
        "removed_rows_per_turn": median(&removed, |turn| turn.removed_rows),
        "p50_ms": { "kept": median(&kept, |turn| turn.p50_ms), "removed": median(&removed, |turn| turn.p50_ms) },
        "p99_ms": { "kept": median(&kept, |turn| turn.p99_ms), "removed": median(&removed, |turn| turn.p99_ms) },
        "cpu_us_per_event": { "kept": median(&kept, |turn| turn.cpu_us_per_event), "removed": median(&removed, |turn| turn.cpu_us_per_event) },
        "slower": { "p99": p99, "p50": ratios(|turn| turn.p50_ms), "kept": p99 <= SLOWER_MAX },
    })
}
