//! Ten million deliveries that wait for destinations that are down: `cargo xtask bench pending`.
//!
//! One million events to ten destinations are seeded through the journal's own interface (once: the folder is used again). Then the real
//! program starts on them and, in turns, on an empty journal with the same hub file; each turn takes new events, which go to the
//! same destinations. What is judged are the ratios of the turns, the memory and the time of the start. Two cases: destinations whose
//! deliveries are put off, and destinations that refuse every connection. A third: what senders feel while settled events are removed.

mod removal;
mod turn;

use std::{env, fs, time::Instant};

use sluicebox_tests::{
    HostProcess,
    bench::{self, Figures, Spread, Table, Target},
    lanes::Refusing,
    pending,
};

use turn::{Turn, turn};

const EVENTS: usize = 1_000_000;
/// Turns on each journal.
const ROUNDS: usize = 7;
/// What is promised.
const READY_MS: Target = Target::AtMost(2_000.0);
const RESIDENT_MIB: Target = Target::AtMost(512.0);
const SLOWER: Target = Target::AtMost(1.10);

#[tokio::main]
async fn main() {
    let events = env::var("PENDING_EVENTS").map_or(EVENTS, |events| events.parse().expect("PENDING_EVENTS is a number"));
    let folder = bench::folder();
    let (empty, full) = (folder.join("pending-none"), folder.join(format!("pending-{events}")));
    fs::create_dir_all(&full).expect("a folder");
    let refusing = Refusing::bind();
    // What waits for a destination that nobody declared is a dead letter.
    HostProcess::start(&full).await.apply(&pending::hub(&refusing, false)).await;
    let begun = Instant::now();
    pending::seed(&full, events, pending::DESTINATIONS, |seeded| println!("seeded {seeded} of {events} events")).await;
    println!("{events} events to {} destinations are there after {:.0} s", pending::DESTINATIONS, begun.elapsed().as_secs_f64());
    let (mut figures, mut tables) = (Figures::new("pending"), Vec::new());
    for (case, enabled) in [("put_off", false), ("refusing", true)] {
        // What `cargo xtask bench growth` declared there goes.
        let applied = HostProcess::start(&full).await.try_replace(&pending::hub(&refusing, enabled)).await;
        assert_eq!(applied.status, 200, "{}", applied.json);
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
        tables.push(told(case, events, &without, &with, &mut figures));
    }
    tables.push(removal::beside_senders(&folder.join("pending-settled"), &mut figures).await);
    figures.finish(&tables);
}

/// What the turns come to, and what is judged of them.
fn told(case: &str, events: usize, without: &[Turn], with: &[Turn], figures: &mut Figures) -> Table {
    let title = format!("{} deliveries that wait, {}", events * pending::DESTINATIONS, case.replace('_', " "));
    let mut table = Table::new(&title, &["", "none wait", "they wait"]);
    turn::tell(&mut table, figures, (&format!("{case}_none"), without), (&format!("{case}_full"), with));
    let slower = |pick: fn(&Turn) -> f64| Spread::picked(with, pick).median / Spread::picked(without, pick).median;
    table.note(figures.judge(&format!("{case}_ready_ms"), Spread::picked(with, |turn| turn.ready_ms).max, READY_MS));
    table.note(figures.judge(&format!("{case}_resident_mib"), Spread::picked(with, |turn| turn.resident_mib).max, RESIDENT_MIB));
    table.note(figures.judge(&format!("{case}_slower"), slower(|turn| 1.0 / turn.events_per_second), SLOWER));
    figures.ratio(&format!("{case}_cpu_with_to_without"), slower(|turn| turn.cpu_us_per_event));
    table
}
