//! One turn: the real program starts on a folder, takes events for some seconds, and is killed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sluicebox_tests::{
    Api, HostProcess,
    bench::{Figures, Spread, Table, percentile},
    pending,
};
use tokio::task::JoinSet;

/// How long events are counted for.
const COUNTED: Duration = Duration::from_secs(6);
/// After the start, before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);
/// Who post one event after the other.
const SENDERS: usize = 16;

/// What one turn came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// From the start of the program until it is ready.
    pub(crate) ready_ms: f64,
    /// The most memory it had of the machine's, in MiB.
    pub(crate) resident_mib: f64,
    /// Taken in.
    pub(crate) events_per_second: f64,
    /// From a post to its 202.
    pub(crate) p50_ms: f64,
    /// The slowest hundredth of them.
    pub(crate) p99_ms: f64,
    /// The processors' time that the program had for each: others on the machine change it least.
    pub(crate) cpu_us_per_event: f64,
    /// Rows that were removed meanwhile.
    pub(crate) removed_rows: f64,
}

/// Rows of two kinds of turns beside each other, under the names that figures have.
pub(crate) fn tell(table: &mut Table, figures: &mut Figures, one: (&str, &[Turn]), other: (&str, &[Turn])) {
    type Pick = fn(&Turn) -> f64;
    let rows: [(&str, &str, &str, Pick); 6] = [
        ("ready", "ms", "until ready, ms", |turn| turn.ready_ms),
        ("resident_max", "MiB", "memory at most, MiB", |turn| turn.resident_mib),
        ("events_per_second", "1/s", "events taken in a second", |turn| turn.events_per_second),
        ("p50", "ms", "p50 of an answer, ms", |turn| turn.p50_ms),
        ("p99", "ms", "p99 of an answer, ms", |turn| turn.p99_ms),
        ("cpu_us_per_event", "us", "CPU us/event", |turn| turn.cpu_us_per_event),
    ];
    for (what, unit, told, pick) in rows {
        let mut cells = vec![told.to_owned()];
        for (name, turns) in [one, other] {
            let spread = Spread::picked(turns, pick);
            figures.row(&format!("{name}.{what}"), unit, spread);
            cells.push(format!("{:.2}", spread.median));
        }
        table.row(cells);
    }
}

/// A turn on this folder, by a host with these further arguments. It ends with a kill, so that the next begins as after a crash.
pub(crate) async fn turn(data: &Path, arguments: &[&str]) -> Turn {
    let begun = Instant::now();
    let host = HostProcess::start_with(data, arguments).await;
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    post_for(&host, WARM_UP).await;
    let cpu_ms = host.cpu_ms();
    let took_ms = post_for(&host, COUNTED).await;
    let cpu_ms = host.cpu_ms() - cpu_ms;
    let resident_mib = host.peak_resident_bytes() as f64 / f64::from(1 << 20);
    let removed_rows = host.metric("sluicebox_journal_removed_rows_total").await as f64;
    host.kill();
    let events = took_ms.len() as f64;
    Turn {
        ready_ms,
        resident_mib,
        events_per_second: events / COUNTED.as_secs_f64(),
        p50_ms: percentile(&took_ms, 50.0),
        p99_ms: percentile(&took_ms, 99.0),
        cpu_us_per_event: cpu_ms as f64 * 1e3 / events,
        removed_rows,
    }
}

/// Posts from all senders for so long; gives how long each took.
async fn post_for(host: &HostProcess, length: Duration) -> Vec<f64> {
    let until = Instant::now() + length;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send_until(Api::clone(host), sender, until));
    }
    senders.join_all().await.concat()
}

async fn send_until(api: Api, sender: usize, until: Instant) -> Vec<f64> {
    let mut took_ms = Vec::new();
    while Instant::now() < until {
        let begun = Instant::now();
        api.post("open", &[("content-type", "application/json")], pending::body(sender)).await;
        took_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    took_ms
}
