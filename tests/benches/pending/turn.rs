//! One turn: the real program starts on a folder, takes events for some seconds, and is killed.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sluicebox_tests::{Api, HostProcess, pending};
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
    /// The most memory it had of the machine's.
    pub(crate) resident_bytes: f64,
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

/// The one in the middle.
pub(crate) fn median(turns: &[Turn], pick: fn(&Turn) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(pick).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The largest.
pub(crate) fn largest(turns: &[Turn], pick: fn(&Turn) -> f64) -> f64 {
    turns.iter().map(pick).fold(0.0, f64::max)
}

/// A turn on this folder, by a host with these further arguments. It ends with a kill, so that the next begins as after a crash.
pub(crate) async fn turn(data: &Path, arguments: &[&str]) -> Turn {
    let begun = Instant::now();
    let host = HostProcess::start_with(data, arguments).await;
    let ready_ms = begun.elapsed().as_secs_f64() * 1e3;
    post_for(&host, WARM_UP).await;
    let cpu_ms = host.cpu_ms();
    let mut took_ms = post_for(&host, COUNTED).await;
    let cpu_ms = host.cpu_ms() - cpu_ms;
    let resident_bytes = host.peak_resident_bytes();
    let removed_rows = host.metric("sluicebox_journal_removed_rows_total").await;
    host.kill();
    took_ms.sort_by(f64::total_cmp);
    let at = |percent: usize| took_ms[(took_ms.len() * percent).div_ceil(100) - 1];
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let [resident_bytes, removed_rows, cpu_ms, events] =
        [resident_bytes, removed_rows, cpu_ms, took_ms.len() as u64].map(|n| n as f64);
    let events_per_second = events / COUNTED.as_secs_f64();
    Turn {
        ready_ms,
        resident_bytes,
        events_per_second,
        p50_ms: at(50),
        p99_ms: at(99),
        cpu_us_per_event: cpu_ms * 1e3 / events,
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
