//! What it costs to store an event, and how many share a sync: `cargo xtask bench journal`.
//!
//! The journal alone, with more and more writers that each wait until their event is on disk before they store the next; and inside the real
//! program under a load of 64 connections, without a rule and with a delivery for each event. In a round all take turns.

mod alone;
mod counted;
mod inside;

use sluicebox_tests::bench::{Curves, Figures, Spread, Table, Target};

use counted::Counted;

/// How often every case takes its turn.
const ROUNDS: usize = 5;
const WRITERS: [usize; 4] = [1, 16, 64, 256];
/// What is promised of 64 connections.
const EVENTS_PER_SYNC: Target = Target::AtLeast(16.0);

#[tokio::main]
async fn main() {
    let mut of_writers: [Vec<Counted>; WRITERS.len()] = Default::default();
    let (mut without_rules, mut with_delivery) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        for (writers, counted) in WRITERS.into_iter().zip(&mut of_writers) {
            counted.push(alone::turn(writers).await);
        }
        without_rules.push(inside::turn(0).await);
        with_delivery.push(inside::turn(1).await);
        println!("round {}: {:.1} events a sync with 64 connections", round + 1, without_rules[round].events_per_sync());
    }
    let mut figures = Figures::new("journal");
    let mut table = Table::new(
        "Events of 1 KB stored: medians of the rounds",
        &["who stores", "events/s", "CPU us/event", "events in a commit", "commits for each event", "a sync, ms"],
    );
    let mut curve = Vec::new();
    for (writers, counted) in WRITERS.into_iter().zip(&of_writers) {
        tell(&format!("alone_{writers}"), &format!("the journal alone, {writers} writers"), counted, &mut figures, &mut table);
        curve.push((writers as f64, Spread::picked(counted, Counted::events_per_sync).median));
    }
    tell("host_no_rule", "the host, 64 connections, no rule", &without_rules, &mut figures, &mut table);
    tell("host_delivery", "the host, 64 connections, a delivery for each", &with_delivery, &mut figures, &mut table);
    let found = Spread::picked(&without_rules, Counted::events_per_sync).median;
    table.note(figures.judge("events_per_sync", found, EVENTS_PER_SYNC));
    table.note(figures.judge(
        "events_per_sync_with_delivery",
        Spread::picked(&with_delivery, Counted::events_per_sync).median,
        EVENTS_PER_SYNC,
    ));
    table.note("In every turn each event that was answered had been counted in a commit, and each commit was synced.");
    let mut curves = Curves::new("Events that share a sync", "writers", "events");
    curves.curve("the journal alone", curve);
    figures.chart("", &curves.svg());
    figures.finish(&[table]);
}

fn tell(name: &str, told: &str, counted: &[Counted], figures: &mut Figures, table: &mut Table) {
    let mut row = |what: &str, unit: &str, pick: fn(&Counted) -> f64| {
        let spread = Spread::picked(counted, pick);
        figures.row(&format!("{name}.{what}"), unit, spread);
        spread.median
    };
    let rate = row("events_per_second", "1/s", |counted| counted.events_per_second);
    let cpu = row("cpu_us_per_event", "us", |counted| counted.cpu_us);
    let shared = row("events_per_sync", "events", Counted::events_per_sync);
    let syncs = row("commits_per_event", "commits", Counted::commits_per_event);
    let sync = row("sync", "ms", Counted::sync_ms);
    let cells = [format!("{rate:.0}"), format!("{cpu:.1}"), format!("{shared:.1}"), format!("{syncs:.3}"), format!("{sync:.2}")];
    table.row([told.to_owned()].into_iter().chain(cells).collect());
}
