//! A host that starts again with many plugins: what was compiled is found, and nothing is compiled.

use std::time::Instant;

use sluicebox_tests::{
    Host,
    bench::{Figures, Table, Target},
    guests,
};
use tempfile::TempDir;

use crate::ROUNDS;

const PLUGINS: usize = 100;
/// What a start may take.
const BUDGET_MS: Target = Target::AtMost(1_000.0);

/// Starts of a host with as many plugins as this, each of other bytes, and with none.
pub(crate) async fn with_many_plugins(figures: &mut Figures) -> Table {
    let (many, none) = (TempDir::new().expect("a folder"), TempDir::new().expect("a folder"));
    let host = Host::start_at(many.path().join("data"), |_| {}).await;
    let mut hub = String::new();
    for index in 0..PLUGINS {
        let digest = host.upload(variant(index)).await.expect("a component");
        hub += &format!("[plugins.redact-{index}]\ndigest = \"{digest}\"\nconfig = {{ fields = [\"card\"] }}\n");
    }
    host.apply(&hub).await;
    host.stop().await;
    Host::start_at(none.path().join("data"), |_| {}).await.stop().await;
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(start(&none).await);
        with.push(start(&many).await);
    }
    let mut table = Table::new("From the start of a host until it is ready: milliseconds, medians", &["plugins", "until ready"]);
    let without = figures.measured("restart.none", "ms", &without).median;
    let with = figures.measured(&format!("restart.{PLUGINS}"), "ms", &with).median;
    table.row(vec!["none".to_owned(), format!("{without:.0}")]);
    table.row(vec![format!("{PLUGINS} of redact's size"), format!("{with:.0}")]);
    table.note(figures.judge("restart_with_100_ms", with, BUDGET_MS));
    table
}

/// `redact` with a custom section more, which makes it another component.
fn variant(index: usize) -> Vec<u8> {
    let mut component = guests::component("redact");
    let name = format!("variant-{index}");
    let length = u8::try_from(name.len()).expect("a short name");
    component.extend([0, length + 1, length]);
    component.extend(name.as_bytes());
    component
}

async fn start(folder: &TempDir) -> f64 {
    let begun = Instant::now();
    let host = Host::start_at(folder.path().join("data"), |_| {}).await;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    assert_eq!(host.metric("sluicebox_plugin_compilations_total").await, 0);
    host.stop().await;
    took
}
