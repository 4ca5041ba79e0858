//! What slow and silent connections cost those who send: `cargo xtask bench connections`.
//!
//! 10,000 of them, held by a process of their own, against the real program with its defaults: how long each is kept, and what senders feel
//! of it. As in the other benchmarks a round without them and one with them take turns, and what is judged is the ratio within this run. The
//! figures are also written to `target/bench/connections.json`.

mod hold;
#[path = "../plugins/table.rs"]
mod table;

use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use sluicebox_tests::HostProcess;
use tempfile::TempDir;

use table::Table;

/// Rounds of each kind.
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 10_000;
/// Good requests, evenly, for so long: the opening of all connections and the closing of the last fall within it.
const EVERY: Duration = Duration::from_millis(10);
const ROUND: Duration = Duration::from_secs(16);
/// What is promised.
const CLOSED_SECS_MAX: f64 = 10.0;
const GROWTH_MAX: f64 = 1.10;

const HUB: &str = "[sources.open]\nverify = { scheme = \"none\" }\n";

#[tokio::main]
async fn main() {
    if let Ok(address) = env::var(hold::ADDRESS) {
        return hold::run(address.parse().expect("an address"), CONNECTIONS).await;
    }
    let (mut without, mut beside, mut closed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (alone, _) = one_round(false).await;
        let (slow, held) = one_round(true).await;
        let held = held.expect("what became of them");
        println!(
            "round {}: p99 {:.2} ms without, {:.2} ms beside them; {held}",
            round + 1,
            percentile(&alone, 99),
            percentile(&slow, 99)
        );
        let held_at_all = usize::try_from(held["held"].as_u64().expect("a number")).expect("small");
        assert!(held_at_all * 100 >= CONNECTIONS * 99, "so few were held that it shows nothing");
        closed.push(held["longest_secs"].as_f64().expect("seconds"));
        without.push(alone);
        beside.push(slow);
    }
    let of = |rounds: &[Vec<f64>], percent| rounds.iter().map(|waited| percentile(waited, percent)).collect::<Vec<_>>();
    let ratios: Vec<f64> = of(&without, 99).iter().zip(of(&beside, 99)).map(|(without, beside)| beside / without).collect();
    let (growth, longest) = (percentile(&ratios, 50), percentile(&closed, 100));
    let mut table =
        Table::new("From a request to its answer: milliseconds, medians of the rounds", &["good requests", "median", "p99"]);
    for (name, rounds) in [("alone", &without), ("beside 10,000 slow or silent connections", &beside)] {
        let middle = |percent| format!("{:.2}", percentile(&of(rounds, percent), 50));
        table.row(vec![name.to_owned(), middle(50), middle(99)]);
    }
    let kept = |is| if is { "is kept" } else { "is NOT kept" };
    table.note(format!(
        "p99 beside them to p99 alone, median of the rounds: {growth:.2}; the bound of {GROWTH_MAX:.2} {}.",
        kept(growth <= GROWTH_MAX)
    ));
    table.note(format!(
        "The longest that one was kept: {longest:.1} s; the bound of {CLOSED_SECS_MAX:.0} s {}.",
        kept(longest <= CLOSED_SECS_MAX)
    ));
    table.print();
    let folder = target_folder().join("bench");
    fs::create_dir_all(&folder).expect("a folder");
    let told = json!([{
        "row": "10,000 slow or silent connections",
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "p99_ms_without": of(&without, 99), "p99_ms_beside": of(&beside, 99),
        "ratio_of_p99": growth, "ratio_max": GROWTH_MAX,
        "longest_secs": closed, "longest_secs_max": CLOSED_SECS_MAX,
        "kept": growth <= GROWTH_MAX && longest <= CLOSED_SECS_MAX,
    }]);
    fs::write(folder.join("connections.json"), serde_json::to_string_pretty(&told).expect("JSON")).expect("a file");
}

/// How long each good request took, in milliseconds, on a host of its own; and what became of the others, where there are any.
async fn one_round(with_slow: bool) -> (Vec<f64>, Option<serde_json::Value>) {
    let folder = TempDir::new().expect("a folder");
    let host = HostProcess::start(&folder.path().join("data")).await;
    host.apply(HUB).await;
    for _ in 0..50 {
        host.post("open", &[], "{}").await;
    }
    let holder = with_slow.then(|| {
        let mut command = Command::new(env::current_exe().expect("a path"));
        command.env(hold::ADDRESS, host.url().trim_start_matches("http://")).stdout(Stdio::piped());
        command.spawn().expect("a process")
    });
    let (begun, mut due) = (Instant::now(), Instant::now());
    let mut posts = Vec::new();
    while begun.elapsed() < ROUND {
        due += EVERY;
        tokio::time::sleep_until(due.into()).await;
        let api = (*host).clone();
        posts.push(tokio::spawn(async move {
            let sent = Instant::now();
            api.post("open", &[], "{}").await;
            sent.elapsed().as_secs_f64() * 1e3
        }));
    }
    let mut waited = Vec::new();
    for post in posts {
        waited.push(post.await.expect("a good request is answered"));
    }
    let held = holder.map(|holder| {
        let told = holder.wait_with_output().expect("its end");
        serde_json::from_slice(&told.stdout).expect("what became of them")
    });
    // The good ones' own may be open.
    let open = host.metric("sluicebox_ingest_connections_open").await;
    assert!(open < 100, "{open} connections are still held");
    host.stop().await;
    (waited, held)
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
