//! A destination that was down for a million events, and is up again: `cargo xtask bench backlog`.
//!
//! The million waits in the journal of the real program (seeded through the journal's own interface; a run that was ended goes on with what is
//! there). Then the destination is switched on, and the deliveries are drained while 100 events a second come in for another destination. What is
//! judged is the rate against that of the path, measured before and after, and the memory; what is told is what the new events felt.

mod drain;

use std::{env, fs, time::Duration};

use sluicebox_tests::{
    HostProcess,
    bench::{self, Figures, Hub, Load, Peer, Spread, Table, Target, Turn},
    pending,
};

/// Turns of the path, before and after.
const PATH_ROUNDS: usize = 3;
const PATH: Hub = Hub { plugins: &[], destinations: 1 };
const PATH_TURN: Duration = Duration::from_secs(3);
const EVENTS: usize = 1_000_000;
/// What is promised.
const DRAIN_TO_PATH: Target = Target::AtLeast(0.8);
const RESIDENT_MIB: Target = Target::AtMost(512.0);

#[tokio::main]
async fn main() {
    let events = env::var("BACKLOG_EVENTS").map_or(EVENTS, |events| events.parse().expect("BACKLOG_EVENTS is a number"));
    let (seeded, draining) = (bench::folder().join(format!("backlog-{events}")), bench::folder().join("backlog-draining"));
    fs::create_dir_all(&seeded).expect("a folder");
    // What waits for a destination that nobody declared is a dead letter.
    HostProcess::start(&seeded).await.apply(&drain::hub("127.0.0.1:9", "127.0.0.1:9", false)).await;
    pending::seed(&seeded, events, 1, |seeded| println!("seeded {seeded} of {events} events")).await;
    let mut path = Vec::new();
    path_turns(&mut path).await;
    // Under another name, so that a run which is ended from here on is not gone on with by one that takes it for whole.
    drop(fs::remove_dir_all(&draining));
    fs::rename(&seeded, &draining).expect("it is there");
    let drained = drain::measure(&draining, events as u64).await;
    fs::remove_dir_all(&draining).expect("it is there");
    path_turns(&mut path).await;

    let mut figures = Figures::new("backlog");
    let rate =
        figures.measured("path.events_per_second", "1/s", &path.iter().map(|turn| turn.events_per_second).collect::<Vec<_>>());
    let mut one = |name: &str, unit: &str, value: f64| {
        figures.row(name, unit, Spread::of(&[value]));
        format!("{value:.1}")
    };
    let mut table = Table::new(&format!("{events} deliveries to a destination that is up again"), &["what", "found"]);
    table.row(vec!["drained, deliveries/s".to_owned(), one("drain.deliveries_per_second", "1/s", drained.per_second)]);
    table.row(vec!["CPU us/delivery".to_owned(), one("drain.cpu_us_per_delivery", "us", drained.cpu_us)]);
    table.row(vec!["memory at most, MiB".to_owned(), one("drain.resident_max", "MiB", drained.resident_mib)]);
    for (id, told, felt) in [("before", "before", &drained.before), ("during", "while it drained", &drained.during)] {
        table.row(vec![format!("new events {told}, p50 ms"), one(&format!("new_events_{id}.p50"), "ms", felt.p50_ms)]);
        table.row(vec![format!("new events {told}, p99 ms"), one(&format!("new_events_{id}.p99"), "ms", felt.p99_ms)]);
    }
    table.row(vec!["the path, events/s".to_owned(), format!("{:.1}", rate.median)]);
    table.note(figures.judge("drain_to_path", drained.per_second / rate.median, DRAIN_TO_PATH));
    table.note(figures.judge("resident_mib", drained.resident_mib, RESIDENT_MIB));
    figures.ratio("new_events_p50_during_to_before", drained.during.p50_ms / drained.before.p50_ms);
    figures.ratio("new_events_p99_during_to_before", drained.during.p99_ms / drained.before.p99_ms);
    figures.finish(&[table]);
}

async fn path_turns(turns: &mut Vec<Turn>) {
    for _ in 0..PATH_ROUNDS {
        let (folder, mut sink) = (bench::scratch(), Peer::sink());
        let host = PATH.start(&folder.path().join("data"), &sink).await;
        let address = host.url().trim_start_matches("http://").to_owned();
        turns.push(Turn::measure(Load::full(PATH_TURN), &address, 1, &mut sink, || host.cpu_ms()));
    }
}
