//! The real program on a folder with a backlog: until all of it is delivered.

use std::{
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use sluicebox_tests::{
    HostProcess,
    bench::{Came, Load, Peer, percentile},
};

/// Events a second for the other destination.
const NEW: u64 = 100;
const WATCHED: Duration = Duration::from_secs(15);
/// A host that drains so slowly is not measured to its end.
const DRAIN_MAX: Duration = Duration::from_secs(1_800);
const DELIVER_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_secs(10);

pub(crate) struct Drained {
    pub(crate) per_second: f64,
    pub(crate) cpu_us: f64,
    pub(crate) resident_mib: f64,
    /// What new events felt before the destination was up,
    pub(crate) before: Felt,
    /// and while its backlog was drained.
    pub(crate) during: Felt,
}

/// From the first byte in to the first byte out.
pub(crate) struct Felt {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

pub(crate) async fn measure(data: &Path, events: u64) -> Drained {
    let (mut down, mut live) = (Peer::sink(), Peer::sink());
    let host = HostProcess::start(data).await;
    host.apply(&hub(&down.address, &live.address, false)).await;
    let before = felt(&host, &mut live, || ());
    host.apply(&hub(&down.address, &live.address, true)).await;
    let (begun, begun_ns, cpu_ms) = (Instant::now(), now_ns(), host.cpu_ms());
    let during = felt(&host, &mut live, || {
        assert!(down.wait(events, Duration::ZERO).count < events, "it was drained before the new events ended")
    });
    let last_ns = loop {
        let Came { count: came, last_ns, .. } = down.wait(events, LOOK_EVERY);
        if came >= events {
            break last_ns;
        }
        println!("{came} of {events} are delivered");
        assert!(begun.elapsed() < DRAIN_MAX, "only {came} of {events} came in {DRAIN_MAX:?}");
    };
    Drained {
        per_second: events as f64 * 1e9 / (last_ns - begun_ns) as f64,
        cpu_us: (host.cpu_ms() - cpu_ms) as f64 * 1e3 / events as f64,
        resident_mib: host.peak_resident_bytes() as f64 / f64::from(1 << 20),
        before,
        during,
    }
}

/// New events at their rate; `at_end` is asked when the last was sent.
fn felt(host: &HostProcess, live: &mut Peer, at_end: impl FnOnce()) -> Felt {
    live.reset();
    let sent = Load::at_rate(NEW, WATCHED).send(host.url().trim_start_matches("http://"), "/in/open");
    at_end();
    assert_eq!(live.wait(sent.accepted, DELIVER_MAX).count, sent.accepted, "new events are delivered meanwhile");
    let came = live.times();
    let waited: Vec<f64> = sent.times.iter().map(|(number, at)| came[number].saturating_sub(*at) as f64 / 1e6).collect();
    Felt { p50_ms: percentile(&waited, 50.0), p99_ms: percentile(&waited, 99.0) }
}

/// `down-0` is what the backlog was seeded for; new events go to the other one.
pub(crate) fn hub(down: &str, live: &str, enabled: bool) -> String {
    format!(
        "[sources.open]\nverify = {{ scheme = \"none\" }}\n\
         [destinations.down-0]\nurl = \"http://{down}/\"\nconcurrency = 64\nenabled = {enabled}\n\
         [destinations.live]\nurl = \"http://{live}/\"\nconcurrency = 64\n\
         [rules.all]\ndestinations = [\"live\"]\n"
    )
}

fn now_ns() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
