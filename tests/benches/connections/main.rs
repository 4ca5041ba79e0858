//! What slow and silent connections cost those who send: `cargo xtask bench connections`.
//!
//! 10,000 of them, held by a process of their own, against the real program with its defaults: how long each is kept, and what senders feel
//! of it. As in the other benchmarks a round without them and one with them take turns, and what is judged is the ratio within this run. The
//! figures are also written to `target/bench/connections.json`.

mod hold;

use std::{
    env,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use sluicebox_tests::{
    HostProcess,
    bench::{self, Figures, Spread, Table, Target, percentile},
};

/// Rounds of each kind.
const ROUNDS: usize = 5;
const CONNECTIONS: usize = 10_000;
/// Good requests, evenly, for so long: the opening of all connections and the closing of the last fall within it.
const EVERY: Duration = Duration::from_millis(10);
const ROUND: Duration = Duration::from_secs(16);
/// What is promised.
const CLOSED_SECS: Target = Target::AtMost(10.0);
const GROWTH: Target = Target::AtMost(1.10);

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
            percentile(&alone, 99.0),
            percentile(&slow, 99.0)
        );
        let held_at_all = usize::try_from(held["held"].as_u64().expect("a number")).expect("small");
        assert!(held_at_all * 100 >= CONNECTIONS * 99, "so few were held that it shows nothing");
        closed.push(held["longest_secs"].as_f64().expect("seconds"));
        without.push(alone);
        beside.push(slow);
    }
    let mut figures = Figures::new("connections");
    let mut table =
        Table::new("From a request to its answer: milliseconds, medians of the rounds", &["good requests", "median", "p99"]);
    for (id, name, rounds) in [("alone", "alone", &without), ("beside", "beside 10,000 slow or silent connections", &beside)] {
        let (p50, p99) = (
            Spread::picked(rounds, |waited| percentile(waited, 50.0)),
            Spread::picked(rounds, |waited| percentile(waited, 99.0)),
        );
        figures.row(&format!("{id}.p50"), "ms", p50);
        figures.row(&format!("{id}.p99"), "ms", p99);
        table.row(vec![name.to_owned(), format!("{:.2}", p50.median), format!("{:.2}", p99.median)]);
    }
    let longest = figures.measured("slow.longest_kept", "s", &closed).max;
    let ratio = |(without, beside): (&Vec<f64>, &Vec<f64>)| percentile(beside, 99.0) / percentile(without, 99.0);
    let ratios: Vec<f64> = without.iter().zip(&beside).map(ratio).collect();
    table.note(figures.judge("p99_beside_to_alone", percentile(&ratios, 50.0), GROWTH));
    table.note(figures.judge("longest_kept_secs", longest, CLOSED_SECS));
    figures.finish(&[table]);
}

/// How long each good request took, in milliseconds, on a host of its own; and what became of the others, where there are any.
async fn one_round(with_slow: bool) -> (Vec<f64>, Option<serde_json::Value>) {
    let folder = bench::scratch();
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
