//! What it costs to find the rules of an event: `cargo xtask bench route`.
//!
//! As with the other benchmarks, no figure stands alone: every case is measured in each of several rounds, in turns with those that it is
//! compared with, what is shown is the median of the rounds, and what is judged are ratios within this run. The figures are also
//! written to `target/bench/route.json`.

mod apply;
mod cases;
mod events;

use std::time::{Duration, Instant};

use sluicebox::{event::Event, route::Index};
use sluicebox_tests::bench::{Curves, Figures, Spread, Table, Target};

use cases::Case;

/// How often every case takes its turn.
const ROUNDS: usize = 7;
/// How long a turn is, at least.
const TURN: Duration = Duration::from_millis(50);
/// What is promised: 100,000 rules cost at most so many times what 10 cost.
const GROWTH: Target = Target::AtMost(2.0);

fn main() {
    let mut figures = Figures::new("route");
    let tables = [matching(&mut figures), building(&mut figures), apply::to_many(&mut figures)];
    figures.finish(&tables);
}

/// Microseconds for each event and case.
fn matching(figures: &mut Figures) -> Table {
    let events = [("1 KiB", events::of_1_kib()), ("10 KiB", events::of_10_kib())];
    let cases = cases::all(&events[1].1);
    let mut measured = vec![vec![Vec::new(); cases.len()]; events.len()];
    for _ in 0..ROUNDS {
        for (case, of_case) in cases.iter().enumerate() {
            for (event, (_, of_event)) in events.iter().enumerate() {
                measured[event][case].push(turn(&of_case.index, of_event));
            }
        }
    }
    let columns = ["event", "rules", "count", "matching", "candidates", "wildcards tried", "us, median", "min", "max"];
    let mut table = Table::new("Finding the rules of an event", &columns);
    let mut median = vec![vec![0.0; cases.len()]; events.len()];
    for (event, (size, of_event)) in events.iter().enumerate() {
        for (case, Case { name, rules, index }) in cases.iter().enumerate() {
            let (found, spread) = (index.find(of_event), Spread::of(&measured[event][case]));
            median[event][case] = spread.median;
            figures.row(&format!("{name}_{rules}.{}", size.replace(' ', "_")), "us", spread);
            let counts = [found.matching.len(), found.work.candidates, found.work.wildcard_tries];
            let times = [spread.median, spread.min, spread.max].map(|us| format!("{us:.1}"));
            let told = [(*size).to_owned(), (*name).to_owned(), rules.to_string()].into_iter();
            table.row(told.chain(counts.iter().map(ToString::to_string)).chain(times).collect());
        }
    }
    let of = |name: &str, rules: usize| {
        cases.iter().position(|case| case.name == name && case.rules == rules).expect("it was measured")
    };
    let mut worst: f64 = 0.0;
    for (event, (size, _)) in events.iter().enumerate() {
        let id = size.replace(' ', "_");
        let mut curves = Curves::new(&format!("Finding the rules of an event of {size}"), "rules", "us");
        for name in ["mixed", "skewed"] {
            let ratio = median[event][of(name, 100_000)] / median[event][of(name, 10)];
            table.note(figures.judge(&format!("{name}_100000_to_10_{id}"), ratio, GROWTH));
            worst = worst.max(ratio);
            let of_name = cases.iter().zip(&median[event]).filter(|(case, _)| case.name == name);
            curves.curve(name, of_name.map(|(case, us)| (case.rules as f64, *us)).collect());
        }
        figures.chart(&id, &curves.svg());
    }
    table.note(figures.judge("rules_100000_to_10", worst, GROWTH));
    table
}

/// Microseconds an event.
fn turn(index: &Index, event: &Event) -> f64 {
    let begun = Instant::now();
    let mut count = 0_u32;
    while begun.elapsed() < TURN {
        for _ in 0..16 {
            std::hint::black_box(index.matches(std::hint::black_box(event)));
        }
        count += 16;
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// Milliseconds to compile 100,000 rules, and to add one to them.
fn building(figures: &mut Figures) -> Table {
    let event = events::of_10_kib();
    let patterns = cases::patterns("mixed", 100_000, &event);
    let (mut whole, mut one, mut joined) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS.min(5) {
        let begun = Instant::now();
        let mut index = Index::new(patterns.clone());
        whole.push(ms(begun));
        for (n, pattern) in patterns[..100].iter().enumerate() {
            let begun = Instant::now();
            index = index.with(vec![sluicebox::route::Change::Insert(n * 997, pattern.clone())]);
            one.push(ms(begun));
        }
        index = index.with((0..20_000).map(|n| sluicebox::route::Change::Insert(n, patterns[n].clone())).collect());
        let begun = Instant::now();
        let compacted = index.compaction().expect("20,000 are many beside 100,000").run();
        joined.push(ms(begun));
        std::hint::black_box(index.adopt(&compacted));
    }
    let mut table = Table::new("Making the index", &["what", "ms, median", "min", "max"]);
    for (name, told, measured) in [
        ("build_100000.time", "100,000 rules", &whole),
        ("add_one.time", "one rule more", &one),
        ("compact_120000.time", "joining 20,000 to them, in the background", &joined),
    ] {
        spread_row(figures, &mut table, name, told, measured);
    }
    table
}

/// A row of milliseconds: median, least and most.
fn spread_row(figures: &mut Figures, table: &mut Table, name: &str, told: &str, measured: &[f64]) {
    let spread = Spread::of(measured);
    figures.row(name, "ms", spread);
    let cells = [spread.median, spread.min, spread.max].map(|ms| format!("{ms:.2}"));
    table.row([told.to_owned()].into_iter().chain(cells).collect());
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
