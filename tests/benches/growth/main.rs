//! What an event costs against everything that can grow: `cargo xtask bench growth`.
//!
//! The real program under the load that the path is measured with, with more and more rules, destinations, deliveries that wait, plugins, and bytes in
//! a body; in each point the rest stays as it is, and each event goes through one rule to one destination. The cost is the processor time of the host's
//! process, which other work on the machine changes least. Points are kept in `target/bench/growth-points.json` as they are measured: a run that was
//! ended goes on, unless the program has changed since.

mod points;
mod sizes;

use std::time::Duration;

use sluicebox_tests::bench::{Curves, Figures, Load, Peer, Spread, Table, Target, Turn};

use points::Points;
use sizes::{Dimension, Ready};

/// Turns on each point; one more goes before them, in which lanes and instances are made for the first time.
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(3);

/// What is promised of one point's cost against another's.
const PROMISED: [(&str, usize, usize, Target); 3] = [
    ("rules", 100_000, 10, Target::AtMost(2.0)),
    ("destinations", 10_000, 10, Target::AtMost(1.3)),
    ("pending", 10_000_000, 0, Target::AtMost(1.1)),
];
/// The others, told without a promise.
const TOLD: [(&str, usize, usize); 2] = [("plugins", 1_000, 1), ("body", 1 << 20, 1 << 10)];

#[tokio::main]
async fn main() {
    let mut points = Points::open();
    for dimension in sizes::ALL {
        for size in dimension.sizes {
            if points.spread(dimension.name, *size).is_none() {
                println!("measuring {} {}", size, dimension.told);
                let turns = measure(dimension, *size).await;
                points.keep(dimension.name, *size, &turns);
            }
            let spread = points.spread(dimension.name, *size).expect("it was kept");
            println!("{} {}: {:.1} us of the host's for each event", size, dimension.told, spread.median);
        }
    }
    tell(&points);
}

async fn measure(dimension: &Dimension, size: usize) -> Vec<Turn> {
    let mut sink = Peer::sink();
    let Ready { host, load, _folder } = dimension.ready(size, &sink).await;
    let address = host.url().trim_start_matches("http://").to_owned();
    let load = Load { duration: TURN, ..load };
    let mut turns = Vec::new();
    for _ in 0..=TURNS {
        turns.push(Turn::measure(load, &address, 1, &mut sink, || host.cpu_ms()));
    }
    turns.split_off(1)
}

fn tell(points: &Points) {
    let (mut figures, mut tables) = (Figures::new("growth"), Vec::new());
    for dimension in sizes::ALL {
        let mut table = Table::new(dimension.told, &[dimension.name, "CPU us/event", "min", "max", "events/s"]);
        let mut curve = Vec::new();
        for size in dimension.sizes {
            let (cost, rate) = (points.spread(dimension.name, *size), points.rate(dimension.name, *size));
            let (cost, rate) = cost.zip(rate).expect("all were measured");
            figures.row(&format!("{}_{size}.cpu_us_per_event", dimension.name), "us", cost);
            figures.row(&format!("{}_{size}.events_per_second", dimension.name), "1/s", rate);
            let cells = [cost.median, cost.min, cost.max].map(|us| format!("{us:.1}"));
            table.row([size.to_string()].into_iter().chain(cells).chain([format!("{:.0}", rate.median)]).collect());
            curve.push((*size as f64, cost.median));
        }
        let mut curves = Curves::new(&format!("Cost of an event against {}", dimension.told), dimension.told, "us");
        curves.curve("CPU time of the host", curve);
        figures.chart(dimension.name, &curves.svg());
        for note in ratios(dimension.name, points, &mut figures) {
            table.note(note);
        }
        tables.push(table);
    }
    figures.finish(&tables);
}

fn ratios(name: &str, points: &Points, figures: &mut Figures) -> Vec<String> {
    let ratio = |more, less| {
        let cost = |size| points.spread(name, size).map_or(f64::NAN, |spread: Spread| spread.median);
        cost(more) / cost(less)
    };
    let mut notes = Vec::new();
    for (_, more, less, target) in PROMISED.into_iter().filter(|(of, ..)| *of == name) {
        notes.push(figures.judge(&format!("{name}_{more}_to_{less}"), ratio(more, less), target));
    }
    for (_, more, less) in TOLD.into_iter().filter(|(of, ..)| *of == name) {
        figures.ratio(&format!("{name}_{more}_to_{less}"), ratio(more, less));
        notes.push(format!("growth.{name}_{more}_to_{less}: {:.2}", ratio(more, less)));
    }
    notes
}
