//! The journal as the real program uses it, under the load that the path is measured with.

use std::time::Duration;

use sluicebox_tests::bench::{self, Hub, Load, Peer};

use crate::counted::Counted;

const TURN: Duration = Duration::from_millis(2_500);
const WARM_UP: Duration = Duration::from_millis(500);
const DRAIN_MAX: Duration = Duration::from_secs(60);

/// A host that sends each event to so many destinations.
pub(crate) async fn turn(destinations: usize) -> Counted {
    let (folder, mut sink) = (bench::scratch(), Peer::sink());
    let host = Hub { plugins: &[], destinations }.start(&folder.path().join("data"), &sink).await;
    let address = host.url().trim_start_matches("http://").to_owned();
    let warm_up = Load::full(WARM_UP).send(&address, "/in/open");
    let copies = |accepted: u64| accepted * destinations as u64;
    sink.wait(copies(warm_up.accepted), DRAIN_MAX);
    let (before, cpu_before) = (Counted::of(&host.metrics().await), host.cpu_ms());
    let sent = Load::full(TURN).send(&address, "/in/open");
    let secs = (sent.ended_ns - sent.begun_ns) as f64 / 1e9;
    sink.wait(copies(warm_up.accepted + sent.accepted), DRAIN_MAX);
    let accepted = usize::try_from(sent.accepted).expect("a count");
    Counted::of(&host.metrics().await).since(&before, accepted, secs, host.cpu_ms() - cpu_before)
}
