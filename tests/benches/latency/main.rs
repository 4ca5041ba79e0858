//! How long an event is on its way: `cargo xtask bench latency`.
//!
//! From the moment its first byte is sent to that at which the sink has the first byte of its message, at 100 and 1,000 events a second, which
//! are sent at their time whether the answers come or not. Between lie two syncs at least, so each round first measures what a sync costs on
//! this disk, and what is judged are ratios within the run. Percentiles are of the events of all rounds together: a round has too few for the
//! slowest thousandth.

use std::{
    fs::File,
    io::Write,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use sluicebox_tests::bench::{self, Bars, Figures, Hub, Load, Peer, Spread, Table, Target, percentile};

/// How often every rate takes its turn.
const ROUNDS: usize = 5;
/// Events a second, and how long a turn is: each comes to some thousand events.
const RATES: [(u64, Duration); 2] = [(100, Duration::from_secs(12)), (1_000, Duration::from_secs(4))];
const WARM_UP: Duration = Duration::from_secs(1);
/// Syncs that are measured in each round, each after a pause as events at 100 a second have: a disk and a scheduler that are kept busy answer
/// otherwise.
const SYNCS: usize = 200;
const SYNC_EVERY: Duration = Duration::from_millis(10);
const DRAIN_MAX: Duration = Duration::from_secs(60);
const HUB: Hub = Hub { plugins: &[], destinations: 1 };
/// What is promised: the median at 100 a second in syncs, and the slowest thousandth in medians.
const P50_TO_SYNC: Target = Target::AtMost(5.0);
const P999_TO_P50: Target = Target::AtMost(10.0);

#[tokio::main]
async fn main() {
    let mut syncs_ms = Vec::new();
    let mut turns: [Vec<Turn>; RATES.len()] = Default::default();
    for round in 0..ROUNDS {
        syncs_ms.push(sync_p50_ms(bench::scratch().path()));
        for ((rate, duration), of_rate) in RATES.into_iter().zip(&mut turns) {
            let turn = turn(Load::at_rate(rate, duration)).await;
            println!("round {}, {rate}/s: p50 {:.2} ms, a sync {:.2} ms", round + 1, turn.percentile(50.0), syncs_ms[round]);
            of_rate.push(turn);
        }
    }
    let mut figures = Figures::new("latency");
    let mut table = Table::new(
        "From the first byte sent to the first byte received: milliseconds, of all rounds' events",
        &["events/s", "events", "p50", "p99", "p99.9", "sent late by at most"],
    );
    let mut bars = Bars::new("From the first byte in to the first byte out", "ms");
    let sync = figures.measured("sync.p50", "ms", &syncs_ms);
    bars.bar("a sync of this disk", sync);
    for ((rate, _), of_rate) in RATES.into_iter().zip(&turns) {
        let all: Vec<f64> = of_rate.iter().flat_map(|turn| turn.waited_ms.iter().copied()).collect();
        let mut cells = vec![rate.to_string(), all.len().to_string()];
        for (name, percent) in [("p50", 50.0), ("p99", 99.0), ("p999", 99.9)] {
            let of_rounds = Spread::picked(of_rate, |turn| turn.percentile(percent));
            let spread = Spread { median: percentile(&all, percent), ..of_rounds };
            figures.row(&format!("at_{rate}.{name}"), "ms", spread);
            bars.bar(&format!("{} at {rate} events/s", name.replace("p999", "p99.9")), spread);
            cells.push(format!("{:.2}", spread.median));
        }
        let late = figures.measured(
            &format!("at_{rate}.sent_late_max"),
            "ms",
            &of_rate.iter().map(|turn| turn.late_ms).collect::<Vec<_>>(),
        );
        cells.push(format!("{:.2}", late.max));
        table.row(cells);
    }
    let in_syncs: Vec<f64> = turns[0].iter().zip(&syncs_ms).map(|(turn, sync)| turn.percentile(50.0) / sync).collect();
    table.note(format!(
        "A sync: {:.2} ms ({:.2} to {:.2}), 4 KiB in a file that has its space already, a hundred a second.",
        sync.median, sync.min, sync.max
    ));
    table.note(figures.judge("p50_to_sync_p50", Spread::of(&in_syncs).median, P50_TO_SYNC));
    let all: Vec<f64> = turns[0].iter().flat_map(|turn| turn.waited_ms.iter().copied()).collect();
    table.note(figures.judge("p999_to_p50", percentile(&all, 99.9) / percentile(&all, 50.0), P999_TO_P50));
    figures.chart("", &bars.svg());
    figures.finish(&[table]);
}

struct Turn {
    waited_ms: Vec<f64>,
    /// By how much the load missed its time at worst: what is not the host's.
    late_ms: f64,
}

impl Turn {
    fn percentile(&self, percent: f64) -> f64 {
        percentile(&self.waited_ms, percent)
    }
}

async fn turn(load: Load) -> Turn {
    let (folder, mut sink) = (bench::scratch(), Peer::sink());
    let host = HUB.start(&folder.path().join("data"), &sink).await;
    let address = host.url().trim_start_matches("http://").to_owned();
    let warm_up = Load { duration: WARM_UP, ..load }.send(&address, "/in/open");
    sink.wait(warm_up.accepted, DRAIN_MAX);
    sink.reset();
    let sent = load.send(&address, "/in/open");
    assert_eq!(sink.wait(sent.accepted, DRAIN_MAX).count, sent.accepted, "all came, and once");
    let came = sink.times();
    let waited_ms = sent.times.iter().map(|(number, at)| came[number].saturating_sub(*at) as f64 / 1e6).collect();
    Turn { waited_ms, late_ms: sent.late_max_ns as f64 / 1e6 }
}

/// The median of what writing 4 KiB and syncing it takes, in a file that has its space already.
fn sync_p50_ms(folder: &Path) -> f64 {
    let name = folder.join("sync");
    let block = [7_u8; 4_096];
    let mut file = File::create(&name).expect("a file");
    file.write_all(&block.repeat(SYNCS)).expect("space");
    file.sync_all().expect("a sync");
    let mut file = File::options().write(true).open(&name).expect("a file");
    let times = (0..SYNCS).map(|_| {
        thread::sleep(SYNC_EVERY);
        let begun = Instant::now();
        file.write_all(&block).expect("space");
        file.sync_data().expect("a sync");
        begun.elapsed().as_secs_f64() * 1e3
    });
    percentile(&times.collect::<Vec<_>>(), 50.0)
}
