//! The things that grow, and a host with so many of each.

use std::{fs, path::PathBuf, process};

use serde_json::{Map, Value, json};
use sluicebox_tests::{
    HostProcess,
    bench::{self, Load, Peer},
    guests, pending,
};
use tempfile::TempDir;

/// Documents in one call of the API, whose bytes have a limit.
const OF_A_CALL: usize = 20_000;
/// Deliveries that take minutes to seed.
const KEPT_MIN: usize = 10_000_000;
const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// Something that grows.
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    /// What is counted.
    pub(crate) told: &'static str,
    pub(crate) sizes: &'static [usize],
}

/// All of them.
pub(crate) const ALL: &[Dimension] = &[
    Dimension { name: "rules", told: "rules, one of which matches", sizes: &[10, 100, 1_000, 10_000, 100_000] },
    Dimension { name: "destinations", told: "destinations, in turn", sizes: &[1, 10, 100, 1_000, 10_000] },
    Dimension { name: "plugins", told: "plugins, in turn", sizes: &[1, 10, 100, 1_000] },
    Dimension { name: "body", told: "bytes in a body", sizes: &[100, 1 << 10, 10 << 10, 100 << 10, 1 << 20] },
    Dimension { name: "pending", told: "deliveries that wait", sizes: &[0, 10_000, 100_000, 1_000_000, 10_000_000] },
];

/// A host that is to be measured, and what with.
pub(crate) struct Ready {
    pub(crate) host: HostProcess,
    pub(crate) load: Load,
    /// Goes when the host does, but for what took long to make.
    pub(crate) _folder: Option<TempDir>,
}

impl Dimension {
    /// With so many; everything goes to this sink.
    pub(crate) async fn ready(&self, size: usize, sink: &Peer) -> Ready {
        let full = Load::full(SECOND);
        match self.name {
            "rules" => on_scratch(sink, 1, size, &[], Load { types: size.min(10), ..full }).await,
            "destinations" => on_scratch(sink, size, size, &[], Load { types: size, ..full }).await,
            "body" => on_scratch(sink, 1, 1, &[], Load { body_bytes: size, ..full }).await,
            "plugins" => with_plugins(sink, size, Load { types: size, ..full }).await,
            "pending" => with_pending(sink, size, full).await,
            other => panic!("nothing of the name {other} grows"),
        }
    }
}

async fn on_scratch(sink: &Peer, destinations: usize, rules: usize, plugins: &[String], load: Load) -> Ready {
    let folder = bench::scratch();
    let host = HostProcess::start(&folder.path().join("data")).await;
    declare(&host, sink, destinations, rules, plugins).await;
    Ready { host, load, _folder: Some(folder) }
}

/// As many rules as this, the first for events of type `t000000` and so on; they share the destinations and the plugins out among themselves.
async fn declare(host: &HostProcess, sink: &Peer, destinations: usize, rules: usize, digests: &[String]) {
    let source = json!({ "open": { "verify": { "scheme": "none" }, "type": { "header": "x-type" } } });
    // What an earlier run left in a folder that is kept goes.
    let answer = host.send("/v1/apply?prune=true", &json!({ "sources": source })).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
    let plugin = |n: usize| (format!("p{n}"), json!({ "digest": digests[n], "limits": { "time_ms": 5_000 } }));
    in_parts(host, "plugins", digests.len(), plugin).await;
    let destination = |n| (format!("d{n}"), json!({ "url": format!("http://{}/{n}", sink.address), "concurrency": 64 }));
    in_parts(host, "destinations", destinations, destination).await;
    let rule = |n: usize| {
        let plugins: Vec<String> = (!digests.is_empty()).then(|| format!("p{}", n % digests.len())).into_iter().collect();
        let matching = json!({ "type": [format!("t{n:06}")] });
        (format!("r{n}"), json!({ "match": matching, "plugins": plugins, "destinations": [format!("d{}", n % destinations)] }))
    };
    in_parts(host, "rules", rules, rule).await;
}

async fn in_parts(host: &HostProcess, kind: &str, count: usize, document: impl Fn(usize) -> (String, Value)) {
    for part in (0..count).collect::<Vec<_>>().chunks(OF_A_CALL) {
        let documents: Map<String, Value> = part.iter().copied().map(&document).collect();
        apply(host, &json!({ kind: documents })).await;
    }
}

async fn apply(host: &HostProcess, hub: &Value) {
    let answer = host.send("/v1/apply", hub).await;
    assert_eq!(answer.status, 200, "{}", answer.json["detail"]);
}

/// Each of other bytes, so that each is compiled for itself. The folder is kept: what was compiled is found there by the next size and run.
async fn with_plugins(sink: &Peer, count: usize, load: Load) -> Ready {
    let data = kept("growth-plugins");
    // Of a run that was ended.
    drop(fs::remove_dir_all(data.join("journal")));
    let host = HostProcess::start(&data).await;
    let mut digests = Vec::new();
    for number in 0..count {
        let mut component = guests::component("bench-json");
        // A custom section more makes it another component.
        let name = format!("{number:06}");
        component.extend([0, 7, 6]);
        component.extend(name.as_bytes());
        digests.push(host.upload(component).await.expect("a good plugin"));
        if (number + 1).is_multiple_of(100) {
            println!("{} of {count} plugins are there", number + 1);
        }
    }
    declare(&host, sink, 1, count, &digests).await;
    Ready { host, load, _folder: None }
}

/// Ten for each event, for destinations that are switched off. Millions are kept: the folder is the one that `cargo xtask bench pending` uses too.
async fn with_pending(sink: &Peer, deliveries: usize, load: Load) -> Ready {
    let events = deliveries / pending::DESTINATIONS;
    let folder = (deliveries < KEPT_MIN).then(bench::scratch);
    let data = folder.as_ref().map_or_else(|| kept(&format!("pending-{events}")), |folder| folder.path().join("data"));
    // What waits for a destination that nobody declared is a dead letter.
    replace(&HostProcess::start(&data).await, &pending_hub("127.0.0.1:9")).await;
    pending::seed(&data, events, pending::DESTINATIONS, |seeded| println!("seeded {seeded} of {events} events")).await;
    let host = HostProcess::start(&data).await;
    replace(&host, &pending_hub(&sink.address)).await;
    Ready { host, load, _folder: folder }
}

fn pending_hub(sink: &str) -> String {
    let mut hub = "[sources.open]\nverify = { scheme = \"none\" }\n".to_owned();
    for number in 0..pending::DESTINATIONS {
        hub += &format!("[destinations.down-{number}]\nurl = \"http://127.0.0.1:9/\"\nenabled = false\n");
    }
    // What a run that was ended left to deliver goes nowhere.
    let live = format!("live-{}", process::id());
    hub + &format!(
        "[destinations.{live}]\nurl = \"http://{sink}/\"\nconcurrency = 64\n[rules.all]\ndestinations = [\"{live}\"]\n"
    )
}

async fn replace(host: &HostProcess, hub: &str) {
    let answer = host.try_replace(hub).await;
    assert_eq!(answer.status, 200, "{}", answer.json);
}

fn kept(name: &str) -> PathBuf {
    let folder = bench::folder().join(name);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}
