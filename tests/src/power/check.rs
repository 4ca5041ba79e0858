//! What has to be true of a folder that a power cut left: its stores open, every acknowledged event is there as it was sent, the hub is
//! whole and no older than what was acknowledged, and a host goes on with it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use prometheus_client::registry::Registry;
use rusqlite::Connection;
use serde_json::Value;
use sluicebox::{
    config::{Config, system_clock},
    event::Name,
    hub::{self, Hub, Kind},
    journal,
    plugin::{self, Plugins},
};

use super::{cut::Acknowledged, sink::Sink, story};
use crate::{Host, PATIENCE};

/// Opens stores, with one plugin machine for all: that is what takes long.
pub(super) struct Checker {
    plugins: Arc<Plugins>,
    pub(super) sink: Sink,
}

/// What was found, beside that all is well.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    /// The hub's database was lost or damaged, and rebuilt.
    pub(super) rebuilt: bool,
    /// The number of the hub.
    pub(super) hub: u64,
}

impl Checker {
    pub(super) async fn start() -> anyhow::Result<Self> {
        let plugins = Plugins::start(&plugin::Options::default(), &mut Registry::default())?;
        Ok(Self { plugins, sink: Sink::start().await })
    }

    /// The stores by themselves.
    pub(super) async fn stores(&self, folder: &Path, acknowledged: &Acknowledged) -> anyhow::Result<Found> {
        journal(folder, acknowledged).await.context("the journal")?;
        self.hub(folder, acknowledged).await.context("the hub")
    }

    /// A whole host: it delivers what waits, takes an event, and delivers that.
    pub(super) async fn host(&self, folder: &Path, name: &str, found: Found) -> anyhow::Result<()> {
        let host = Host::start_at(folder.to_owned(), |config| {
            config.plugin.workers = 1;
            config.plugin.verify_workers = 1;
        });
        let host = host.await;
        if found.hub > 0 {
            let body = Sink::awaited(name);
            host.post("open", &[("x-type", "plain")], body.clone()).await;
            ensure!(self.sink.comes(&body).await, "a delivery did not go on");
            for waiting in ["/v1/deliveries?state=waiting", "/v1/runs?state=pending", "/v1/batches?state=open"] {
                empties(&host, waiting).await?;
            }
        }
        host.stop().await;
        Ok(())
    }

    async fn hub(&self, folder: &Path, acknowledged: &Acknowledged) -> anyhow::Result<Found> {
        let options = hub::Options {
            folder: folder.to_owned(),
            main_key: hub::MainKeyOptions::default(),
            versioning: hub::Versioning::default(),
            callbacks: false,
        };
        let opened = Hub::open(&options, Arc::clone(&self.plugins), system_clock()).await?;
        let rebuilt = opened.notes.iter().any(|note| note.contains("rebuilt"));
        let number = number_of(&opened.hub);
        opened.hub.close();
        let hub = number?;
        ensure!(hub >= acknowledged.hub, "hub {} was applied, and hub {hub} is there", acknowledged.hub);
        Ok(Found { rebuilt, hub })
    }
}

/// Waits until a listing has nothing left.
async fn empties(host: &Host, listing: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let listed = host.get(listing).await.json;
        if listed["items"].as_array().is_some_and(Vec::is_empty) {
            return Ok(());
        }
        ensure!(begun.elapsed() < PATIENCE, "{listing} does not end: {listed}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn journal(folder: &Path, acknowledged: &Acknowledged) -> anyhow::Result<()> {
    let options = Config::at(folder).journal;
    let journal = journal::open(&options, system_clock(), &mut Registry::default())?;
    for (id, body) in &acknowledged.events {
        let stored = journal.event(Name::default_workspace(), id.parse()?).await?;
        let (record, ..) = stored.with_context(|| format!("{id} was acknowledged, and is lost"))?;
        ensure!(record.event.body == body[..], "{id} is not as it was sent");
    }
    journal.close().await?;
    let file = Connection::open(options.folder.join("journal.db"))?;
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(verdict == "ok", "SQLite finds: {verdict}");
    Ok(())
}

/// The number that all rules and the destination have; 0: there are none.
fn number_of(hub: &Hub) -> anyhow::Result<u64> {
    let workspace = Name::default_workspace();
    let (rules, destinations) = (hub.list(&workspace, Kind::Rule), hub.list(&workspace, Kind::Destination));
    if rules.is_empty() && destinations.is_empty() {
        return Ok(0);
    }
    let number = |text: &str, mark: char| text.rsplit(mark).next().and_then(|number| number.parse::<u64>().ok());
    let url = destinations.first().and_then(|(_, document)| document["url"].as_str().map(str::to_owned)).unwrap_or_default();
    let hub = number(&url, '/').context("a destination has its number")?;
    let same = |(name, _): &(Name, Value)| number(name.as_str(), '-') == Some(hub);
    ensure!(rules.len() == story::RULES && rules.iter().all(same), "hub {hub} is not whole: {rules:?}");
    Ok(hub)
}
