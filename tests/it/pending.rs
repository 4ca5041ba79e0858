//! What waits costs neither memory nor time: `cargo xtask bench pending` at a hundredth of its size, by counters.

use sluicebox_tests::{HostProcess, Receiver, lanes::Refusing, pending};
use tempfile::TempDir;

use crate::story::destination;

/// A hundred thousand deliveries.
const EVENTS: usize = 10_000;
/// How much more memory a host may have with them than without, in bytes: what is under way, not what waits.
const GROWTH_BYTES_MAX: u64 = 96 << 20;
/// Deliveries under way at once, of all lanes.
const IN_FLIGHT_MAX: u64 = 512;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_waiting_deliveries_cost_neither_memory_nor_the_healthy_anything() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let (data, refusing) = (folder.path().join("data"), Refusing::bind());
    let host = HostProcess::start(&data).await;
    let healthy = destination("healthy", &format!("{}/healthy", receiver.url()));
    host.apply(&format!("{}{healthy}[rules.healthy]\ndestinations = [\"healthy\"]\n", pending::hub(&refusing, true))).await;
    host.post("open", &[], "{}").await;
    receiver.wait_for("/healthy", 1).await;
    let without = host.peak_resident_bytes();
    host.kill();

    pending::seed(&data, EVENTS, pending::DESTINATIONS, |_| {}).await;
    let host = HostProcess::start(&data).await;
    for number in 2..=50 {
        host.post("open", &[], "{}").await;
        receiver.wait_for("/healthy", number).await;
        let under_way = host.metric("sluicebox_deliveries_in_flight").await;
        assert!(under_way <= IN_FLIGHT_MAX, "{under_way} under way");
    }
    let with = host.peak_resident_bytes();
    assert!(with < without + GROWTH_BYTES_MAX, "{with} bytes, {without} with nothing waiting");
    host.kill();
}
