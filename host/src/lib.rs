//! Sluicebox, a webhook router that its users extend with WebAssembly.
//!
//! The modules in the order in which a webhook meets them: [`ingest`] takes it in ([`verify`] says whether it is its source's) and appends it to
//! the [`journal`]; [`dispatch`] finds its rules ([`route`]) and runs their plugins ([`plugin`]); [`deliver`] signs ([`sign`]) and sends
//! what comes of it ([`net`]). The [`hub`] holds what operators declare and hands each of them its piece; [`api`] and [`cli`] are how
//! operators speak to it. [`event`] has the nouns. The journal is the wall: the three flows never import each other.

pub mod api;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod dispatch;
pub mod event;
pub mod hub;
pub mod ingest;
pub mod journal;
pub mod net;
pub mod plugin;
pub mod route;
pub mod sign;
pub mod verify;

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use arc_swap::access::{DynAccess, Map};
use prometheus_client::registry::Registry;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    config::Config,
    event::{Clock, Timestamp},
    hub::{Hub, Snapshot},
    plugin::Plugins,
};

/// The wall clock of the system.
#[must_use]
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
    })
}

/// Runs a host on a listener that the caller owns, until `shutdown` is ready; then finishes what is under way, within the bounds of the
/// settings, and closes the stores.
pub async fn run(config: Config, listener: TcpListener, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let clock = system_clock();
    let mut registry = Registry::default();
    let plugins = Plugins::start(&config.plugin, &mut registry).context("the plugin machine could not be started")?;
    let journal = journal::open(&config.journal, Arc::clone(&clock), &mut registry).context("the journal could not be opened")?;
    let hub = open_hub(&config, &plugins, &clock).await?;
    let snapshot = hub.snapshot();
    let (stop, stopped) = watch::channel(false);

    let dispatch_parts = dispatch::Parts {
        journal: Arc::clone(&journal),
        book: piece(Map::new(Arc::clone(&snapshot), |snapshot: &Snapshot| &snapshot.dispatch)),
        history: Arc::clone(&hub) as Arc<dyn dispatch::History>,
        plugins,
        clock: Arc::clone(&clock),
        shutdown: stopped.clone(),
    };
    let dispatching = dispatch::start(config.dispatch, dispatch_parts);
    let deliver_parts = deliver::Parts {
        journal: Arc::clone(&journal),
        book: piece(Map::new(Arc::clone(&snapshot), |snapshot: &Snapshot| &snapshot.deliver)),
        client: net::Client::new(&config.net),
        clock: Arc::clone(&clock),
        shutdown: stopped.clone(),
    };
    let delivering = deliver::start(&config.deliver, deliver_parts, &mut registry);
    let ingest_parts = ingest::Parts {
        journal: Arc::clone(&journal),
        book: piece(Map::new(snapshot, |snapshot: &Snapshot| &snapshot.ingest)),
        clock,
    };
    let ways_in = ingest::router(config.ingest.clone(), ingest_parts, &mut registry);
    let api = api::router(api::Parts { hub: Arc::clone(&hub), journal: Arc::clone(&journal), registry: Arc::new(registry) });
    let serving = ingest::serve(listener, ways_in.merge(api), &config.ingest, stopped);

    // Senders are refused first; what they were promised is in the journal, and the flows behind it end at their own pace.
    let stopping = async {
        shutdown.await;
        stop.send_replace(true);
    };
    tokio::join!(serving, stopping);
    let _ = tokio::join!(dispatching, delivering);
    journal.close().await.context("the journal could not be closed")?;
    hub.close();
    Ok(())
}

/// A flow's piece of the snapshot, found anew at each load: a swap of the snapshot is seen by all flows at once.
fn piece<T>(map: impl DynAccess<T> + Send + Sync + 'static) -> Arc<dyn DynAccess<T> + Send + Sync> {
    Arc::new(map)
}

async fn open_hub(config: &Config, plugins: &Arc<Plugins>, clock: &Clock) -> anyhow::Result<Arc<Hub>> {
    let options = hub::Options { folder: config.data.clone() };
    let opened = Hub::open(&options, Arc::clone(plugins), Arc::clone(clock)).await.context("the hub could not be opened")?;
    for note in &opened.notes {
        tracing::warn!("{note}");
    }
    if opened.admin_key_made {
        let file = config.data.join("admin.key");
        tracing::info!(file = %file.display(), "an admin key was made");
    }
    Ok(opened.hub)
}
