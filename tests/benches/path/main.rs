//! What the whole path costs: `cargo xtask bench path`.
//!
//! Events come in over 64 connections, each is on disk before its sender is answered, and leaves signed. The host is the program as it is
//! installed, load and sink are processes of their own, and in each round the same is done by the least code possible
//! (`bench_peer ceiling`), so that what is judged is a ratio on this machine at this hour. A round's rate is that from the first event sent to
//! the last one received: what was taken in and not yet delivered does not count.

mod cases;

use std::{collections::BTreeSet, time::Duration};

use sluicebox_tests::bench::{Bars, Figures, Load, Spread, Table, Target, Turn};

use cases::Case;

/// How often every case takes its turn.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_secs(3);
/// What is promised of the ceiling's rate, without a plugin and with a transform,
const PLAIN: Target = Target::AtLeast(0.7);
const TRANSFORM: Target = Target::AtLeast(0.6);
/// and of the host's processor time for an event with a transform, in microseconds.
const CPU_US: Target = Target::AtMost(60.0);

#[tokio::main]
async fn main() {
    let cases = cases::all();
    let mut turns: Vec<Vec<Turn>> = cases.iter().map(|_| Vec::new()).collect();
    for round in 0..ROUNDS {
        for (case, of_case) in cases.iter().zip(&mut turns) {
            let turn = case.turn(Load::full(TURN)).await;
            println!(
                "round {}, {}: {:.0} events/s, {:.1} us of the host's",
                round + 1,
                case.name,
                turn.events_per_second,
                turn.host_us
            );
            of_case.push(turn);
        }
    }
    let mut figures = Figures::new("path");
    let mut table = Table::new(
        "1 KiB events over 64 connections, from the first sent to the last received: medians of the rounds",
        &[
            "case",
            "events/s",
            "min",
            "max",
            "of the ceiling",
            "CPU us/event: host",
            "load",
            "sink",
            "host's cores",
            "connections opened",
        ],
    );
    let mut bars = Bars::new("Events a second, from the first sent to the last delivered", "events/s");
    for (case, of_case) in cases.iter().zip(&turns) {
        tell(case, of_case, &turns[0], &mut figures, &mut table);
        bars.bar(case.told, Spread::picked(of_case, |turn| turn.events_per_second));
    }
    for note in held_up(&cases, &turns) {
        table.note(note);
    }
    figures.chart("", &bars.svg());
    figures.finish(&[table]);
}

/// One case's row, its figures, and what is judged of it.
fn tell(case: &Case, turns: &[Turn], ceiling: &[Turn], figures: &mut Figures, table: &mut Table) {
    let mut row = |what: &str, unit: &str, pick: fn(&Turn) -> f64| {
        let spread = Spread::picked(turns, pick);
        figures.row(&format!("{}.{what}", case.name), unit, spread);
        spread
    };
    let rate = row("events_per_second", "1/s", |turn| turn.events_per_second);
    let host = row("host_cpu_us_per_event", "us", |turn| turn.host_us);
    let load = row("load_cpu_us_per_event", "us", |turn| turn.load_us);
    let sink = row("sink_cpu_us_per_event", "us", |turn| turn.sink_us);
    let opened = row("sink_connections_opened", "connections", |turn| turn.sink_connections);
    let cores = Spread::picked(turns, |turn| turn.events_per_second * turn.host_us / 1e6).median;
    let shares: Vec<f64> = turns.iter().zip(ceiling).map(|(turn, of)| turn.events_per_second / of.events_per_second).collect();
    let share = Spread::of(&shares).median;
    let times = [host.median, load.median, sink.median].map(|us| format!("{us:.1}"));
    let rates = [rate.median, rate.min, rate.max].map(|rate| format!("{rate:.0}"));
    let mut cells = vec![case.told.to_owned()];
    cells.extend(rates);
    cells.push(format!("{share:.2}"));
    cells.extend(times);
    cells.push(format!("{cores:.2}"));
    cells.push(format!("{:.0}", opened.median));
    table.row(cells);
    match case.name {
        "ceiling" => {}
        "plain" => table.note(figures.judge("plain_to_ceiling", share, PLAIN)),
        "transform" => {
            table.note(figures.judge("transform_to_ceiling", share, TRANSFORM));
            table.note(figures.judge("host_cpu_us_per_event", host.median, CPU_US));
        }
        other => figures.ratio(&format!("{other}_to_ceiling"), share),
    }
}

/// Where load or sink were what held a case up: its figures say little of the host then.
fn held_up(cases: &[Case], turns: &[Vec<Turn>]) -> Vec<String> {
    let mut notes = Vec::new();
    for (case, of_case) in cases.iter().zip(turns) {
        let sides: BTreeSet<&str> = of_case.iter().filter_map(Turn::held_up_by).collect();
        notes.extend(
            sides.into_iter().map(|side| format!("{}: held up by {side}, which had a core to itself in some rounds", case.told)),
        );
    }
    if notes.is_empty() {
        notes.push("Neither load nor sink was ever the limit: each used less than 0.9 of a core.".to_owned());
    }
    notes
}
