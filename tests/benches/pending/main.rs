//! Ten million deliveries that wait for destinations that are down: `cargo xtask bench pending`.
//!
//! One million events to ten destinations are seeded through the journal's own interface (once: the folder is used again). Then the real
//! program starts on them and, in turns, on an empty journal with the same hub file; each turn takes new events, which go to the
//! same destinations. What is judged are the ratios of the turns, the memory and the time of the start. Two cases: destinations whose
//! deliveries are put off, and destinations that refuse every connection. A third: what senders feel while settled events are removed.

mod removal;
mod turn;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::{Value, json};
use sluicebox_tests::{HostProcess, lanes::Refusing, pending};

use turn::{Turn, largest, median, turn};

const EVENTS: usize = 1_000_000;
/// Turns on each journal.
const ROUNDS: usize = 7;
/// What is promised.
const READY_MS_MAX: f64 = 2_000.0;
const RESIDENT_BYTES_MAX: f64 = 512.0 * 1024.0 * 1024.0;
const SLOWER_MAX: f64 = 1.10;

#[tokio::main]
async fn main() {
    let events = env::var("PENDING_EVENTS").map_or(EVENTS, |events| events.parse().expect("PENDING_EVENTS is a number"));
    let folder = target().join("bench");
    let (empty, full) = (folder.join("pending-none"), folder.join(format!("pending-{events}")));
    fs::create_dir_all(&full).expect("a folder");
    HostProcess::start(&full).await.kill();
    let begun = Instant::now();
    pending::seed(&full, events, pending::DESTINATIONS, |seeded| println!("seeded {seeded} of {events} events")).await;
    println!("{events} events to {} destinations are there after {:.0} s", pending::DESTINATIONS, begun.elapsed().as_secs_f64());
    let (mut cases, refusing) = (Vec::new(), Refusing::bind());
    for (case, enabled) in [("put off", false), ("refusing", true)] {
        HostProcess::start(&full).await.apply(&pending::hub(&refusing, enabled)).await;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            // What the turn before left there would wait too.
            drop(fs::remove_dir_all(&empty));
            fs::create_dir_all(&empty).expect("a folder");
            HostProcess::start(&empty).await.apply(&pending::hub(&refusing, enabled)).await;
            without.push(turn(&empty, &[]).await);
            with.push(turn(&full, &[]).await);
            println!("{case}, round {}: {:?} without, {:?} with", round + 1, without[round], with[round]);
        }
        cases.push(judged(case, &without, &with));
    }
    cases.push(removal::beside_senders(&folder.join("pending-settled")).await);
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let told = json!({
        "events": events, "deliveries": events * pending::DESTINATIONS, "build": build,
        "journal_bytes": size(&full.join("journal/journal.db")), "cases": cases,
    });
    let file = folder.join("pending.json");
    fs::write(&file, format!("{told:#}\n")).expect("a file");
    println!("{told:#}\nwritten to {}", file.display());
}

/// What the turns come to: medians, and the largest of what is bounded.
fn judged(case: &str, without: &[Turn], with: &[Turn]) -> Value {
    let ratio = |pick: fn(&Turn) -> f64| median(with, pick) / median(without, pick);
    let (ready_ms, resident) = (largest(with, |turn| turn.ready_ms), largest(with, |turn| turn.resident_bytes));
    let slower = ratio(|turn| 1.0 / turn.events_per_second);
    json!({
        "case": case,
        "ready_ms": { "empty": median(without, |turn| turn.ready_ms), "full_max": ready_ms, "kept": ready_ms < READY_MS_MAX },
        "resident_bytes": { "empty": median(without, |turn| turn.resident_bytes), "full_max": resident, "kept": resident < RESIDENT_BYTES_MAX },
        "events_per_second": { "empty": median(without, |turn| turn.events_per_second), "full": median(with, |turn| turn.events_per_second) },
        "p50_ms": { "empty": median(without, |turn| turn.p50_ms), "full": median(with, |turn| turn.p50_ms) },
        "p99_ms": { "empty": median(without, |turn| turn.p99_ms), "full": median(with, |turn| turn.p99_ms) },
        "cpu_us_per_event": { "empty": median(without, |turn| turn.cpu_us_per_event), "full": median(with, |turn| turn.cpu_us_per_event) },
        "slower": { "cpu": ratio(|turn| turn.cpu_us_per_event), "throughput": slower, "p50": ratio(|turn| turn.p50_ms), "kept": slower <= SLOWER_MAX },
    })
}

fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// The folder that all is built into.
fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from)
}
