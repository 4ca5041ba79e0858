//! What is measured, and one turn of it: on a folder, processes and ports of its own.

use sluicebox_tests::bench::{self, Hub, Load, Peer, Turn};

/// One row.
pub(crate) struct Case {
    /// In names of figures.
    pub(crate) name: &'static str,
    /// For people.
    pub(crate) told: &'static str,
    /// None is the ceiling.
    hub: Option<Hub>,
}

/// The ceiling first: the others are held against it.
pub(crate) fn all() -> [Case; 5] {
    let case = |name, told, plugins, destinations| Case { name, told, hub: Some(Hub { plugins, destinations }) };
    [
        Case { name: "ceiling", told: "the ceiling: least code possible", hub: None },
        case("plain", "no plugin", &[], 1),
        case("transform", "a Rust transform", &["bench-json"], 1),
        case("chain", "a chain of three plugins", &["bench-json", "bench-empty", "redact"], 1),
        case("fanout", "no plugin, four destinations", &[], 4),
    ]
}

impl Case {
    pub(crate) async fn turn(&self, load: Load) -> Turn {
        let (folder, mut sink) = (bench::scratch(), Peer::sink());
        let Some(hub) = &self.hub else {
            let ceiling = Peer::ceiling(folder.path(), &sink.address);
            return Turn::measure(load, &ceiling.address, 1, &mut sink, || ceiling.cpu_ms());
        };
        let host = hub.start(&folder.path().join("data"), &sink).await;
        let address = host.url().trim_start_matches("http://").to_owned();
        Turn::measure(load, &address, hub.destinations as u64, &mut sink, || host.cpu_ms())
    }
}
