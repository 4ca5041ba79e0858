//! Sluicebox, a webhook router that its users extend with WebAssembly.
//!
//! The modules in the order in which a webhook meets them: [`ingest`] takes it in ([`verify`] says whether it is its source's) and appends it to
//! the [`journal`]; [`dispatch`] finds its rules ([`route`]) and runs their plugins ([`plugin`]); [`deliver`] signs ([`sign`]) and sends
//! what comes of it ([`net`]). The [`hub`] holds what operators declare and hands each of them its piece; [`api`] and [`cli`] are how
//! operators speak to it; [`backup`] takes all of it to a safe place and back. [`event`] has the nouns. The journal is the wall: the three
//! flows never import each other.

pub mod api;
pub mod backup;
pub mod cli;
pub mod cloudevents;
pub mod config;
pub mod deliver;
pub mod dispatch;
pub mod event;
pub mod failpoint;
pub mod hub;
pub mod ingest;
pub mod journal;
pub mod net;
pub mod observe;
pub mod plugin;
pub mod route;
pub mod sign;
pub mod verify;

use std::{
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context, bail};
use arc_swap::access::{DynAccess, Map};
use axum::Router;
use prometheus_client::registry::Registry;
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinError, JoinHandle, JoinSet},
};

use crate::{
    backup::Backups,
    config::{Config, Live},
    deliver::Paces,
    event::Clock,
    failpoint::Step,
    hub::{Hub, Snapshot},
    ingest::Door,
    journal::Journal,
    observe::Tracer,
    plugin::Plugins,
    sign::TokenKey,
};

/// Runs a host on a listener that the caller owns, until `shutdown` is ready; then finishes what is under way, within the bounds of the
/// settings, and closes the stores.
pub async fn run(config: Config, listeners: impl Into<Listeners>, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    Host::open(config).await?.serve(listeners, shutdown).await
}

/// Where a host is called.
#[derive(Debug)]
pub struct Listeners {
    /// By senders, and by operators where they have none of their own.
    pub senders: TcpListener,
    /// By operators.
    pub operators: Option<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(senders: TcpListener) -> Self {
        Self { senders, operators: None }
    }
}

/// A host whose stores are open and whose plugins are ready, before it takes its first event.
pub struct Host {
    config: Config,
    live: Arc<Live>,
    clock: Clock,
    registry: Registry,
    plugins: Arc<Plugins>,
    client: net::Client,
    journal: Arc<dyn Journal>,
    hub: Arc<Hub>,
    paces: Arc<Paces>,
    door: Door,
    audit: Arc<api::Audit>,
    backups: Arc<Backups>,
    tracer: Tracer,
    export: Option<observe::Export>,
    admin_key_made: bool,
}

impl Host {
    /// Opens the stores in the data folder, or makes them.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let clock = Arc::clone(&config.clock);
        backup::refuse_unfinished(&config.data)?;
        let mut registry = Registry::default();
        observe::register(&mut registry, SystemTime::now());
        let (tracer, export) = Tracer::start(&config.trace, &mut registry).context("traces cannot be sent")?;
        let live = Arc::new(Live::new(config.clone(), &mut registry));
        let door = Door::open(live.piece(|config| &config.ingest), &mut registry);
        let door = door.context("the certificates could not be used")?;
        let plugins = Plugins::start(&config.plugin, &mut registry).context("the plugin machine could not be started")?;
        let journal = journal::open(&config.journal, Arc::clone(&clock), &mut registry)
            .with_context(|| format!("the journal in {} could not be opened", config.journal.folder.display()))?;
        failpoint::reach(Step::JournalOpened);
        let callbacks = config.ingest.public_url.is_some();
        let options = hub::Options {
            folder: config.data.clone(),
            main_key: config.main_key.clone(),
            versioning: config.versioning.clone(),
            callbacks,
        };
        let opened =
            Hub::open(&options, Arc::clone(&plugins), Arc::clone(&clock)).await.context("the hub could not be opened")?;
        failpoint::reach(Step::HubOpened);
        for note in &opened.notes {
            tracing::warn!("{note}");
        }
        let (hub, admin_key_made) = (opened.hub, opened.admin_key_made);
        let book = Arc::new(Map::new(hub.snapshot(), |snapshot: &Snapshot| &snapshot.deliver));
        let paces = Paces::open(Arc::clone(&journal), book, Arc::clone(&clock), &mut registry).await;
        let paces = paces.context("the journal could not be read")?;
        let client = net::Client::new(&config.net);
        let audit = api::Audit::new(Arc::clone(&journal), Arc::clone(&clock), &mut registry);
        let backups = Backups::new(backup::Options::of(&config.data, &config.journal), &hub, &journal, &clock, &mut registry);
        let backups = Arc::new(backups.context("what an unfinished backup left could not be removed")?);
        hub::register(&hub, &mut registry);
        Ok(Self {
            config,
            live,
            clock,
            registry,
            plugins,
            client,
            journal,
            hub,
            paces,
            door,
            audit,
            backups,
            tracer,
            export,
            admin_key_made,
        })
    }

    /// The file of the admin key, where this is the data folder's first start.
    #[must_use]
    pub fn new_admin_key(&self) -> Option<PathBuf> {
        self.admin_key_made.then(|| self.config.data.join("admin.key"))
    }

    /// What gives it other settings while it runs.
    #[must_use]
    pub fn reloader(&self) -> Reloader {
        Reloader { live: Arc::clone(&self.live), client: self.client.clone() }
    }

    /// Takes events until `shutdown` is ready; then no connection is accepted any more, requests under way are answered, and the flows behind
    /// the journal end what they have begun. Ends early, with an error, where one of those flows fails.
    pub async fn serve(mut self, listeners: impl Into<Listeners>, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
        let Listeners { senders, operators } = listeners.into();
        let (stop, stopped) = watch::channel(false);
        let (drain, draining) = watch::channel(false);
        let (behind, delivering) = self.start_behind_the_journal(&stopped)?;
        self.audit.host("host.start", Some(env!("CARGO_PKG_VERSION").to_owned())).await;
        let Routers { ways_in, api } = self.routers(&delivering, &stopped, draining);
        let keeping = self.keep_journal(stop.subscribe());
        let serving = async {
            let Some(operators) = operators else {
                return self.door.serve(senders, ways_in.merge(api::router(api)), stopped).await;
            };
            let admin = self.door.another().serve(operators, api::router(api.clone()), stopped.clone());
            tokio::join!(self.door.serve(senders, ways_in.merge(api::for_senders(api)), stopped), admin);
        };
        let delay = Duration::from_millis(self.config.shutdown_delay_ms);
        let stopping = async {
            shutdown.await;
            drain.send_replace(true);
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            stop.send_replace(true);
        };
        let mut flows = JoinSet::new();
        flows.spawn(collect(Arc::clone(&self.hub), Arc::clone(&self.journal), stop.subscribe()));
        flows.spawn(keeping);
        flows.spawn(keep_last_use(Arc::clone(&self.hub), Arc::clone(&self.journal), stop.subscribe()));
        for flow in behind {
            flows.spawn(flow);
        }
        let mut taking = pin!(async { tokio::join!(serving, stopping) });
        loop {
            tokio::select! {
                _ = &mut taking => break,
                Some(ended) = flows.join_next() => check_end(ended)?,
            }
            if !*stop.borrow() {
                // Events would be taken and go nowhere: better to stop, be started again, and go on from the journal.
                bail!("a flow behind the journal ended");
            }
        }
        while let Some(ended) = flows.join_next().await {
            check_end(ended)?;
        }
        self.audit.host("host.stop", None).await;
        self.journal.close().await.context("the journal could not be closed")?;
        self.hub.close();
        if let Some(export) = self.export {
            export.close().await;
        }
        Ok(())
    }

    /// Flows 2 and 3, and what the third is reached by from outside.
    fn start_behind_the_journal(
        &mut self,
        stopped: &watch::Receiver<bool>,
    ) -> anyhow::Result<(Vec<JoinHandle<()>>, deliver::Ways)> {
        let token_key = TokenKey::new(self.hub.derived_key("receipts and confirmations"));
        let public_url = self.config.ingest.public_url.as_deref();
        let callbacks = deliver::Callbacks::new(token_key.clone(), public_url).context("--public-url")?;
        let dispatch_parts = dispatch::Parts {
            journal: Arc::clone(&self.journal),
            book: self.piece(|snapshot| &snapshot.dispatch),
            history: Arc::clone(&self.hub) as Arc<dyn dispatch::History>,
            plugins: Arc::clone(&self.plugins),
            clock: Arc::clone(&self.clock),
            tracer: self.tracer.clone(),
            shutdown: stopped.clone(),
        };
        let deliver_parts = deliver::Parts {
            journal: Arc::clone(&self.journal),
            book: self.piece(|snapshot| &snapshot.deliver),
            paces: Arc::clone(&self.paces),
            client: self.client.clone(),
            tracer: self.tracer.clone(),
            clock: Arc::clone(&self.clock),
            token_key,
            callbacks,
            shutdown: stopped.clone(),
        };
        let mut flows = Vec::from(dispatch::start(&self.config.dispatch, &dispatch_parts, &mut self.registry));
        let deliver::Flow { tasks, ways } = deliver::start(&self.config.deliver, deliver_parts, &mut self.registry);
        flows.extend(tasks);
        Ok((flows, ways))
    }

    /// Removes what the journal keeps no longer.
    fn keep_journal(&self, stopped: watch::Receiver<bool>) -> impl Future<Output = Result<(), JoinError>> + use<> {
        let (journal, retention) = (Arc::clone(&self.journal), self.live.piece(|config| &config.retention));
        let kept = journal::keep(journal, retention, Arc::clone(&self.clock), stopped);
        async move {
            kept.await;
            Ok(())
        }
    }

    /// Flow 1's ways in, and what the API is made of.
    fn routers(
        &mut self,
        delivering: &deliver::Ways,
        stopped: &watch::Receiver<bool>,
        draining: watch::Receiver<bool>,
    ) -> Routers {
        let ingest_parts = ingest::Parts {
            journal: Arc::clone(&self.journal),
            book: self.piece(|snapshot| &snapshot.ingest),
            plugins: Arc::clone(&self.plugins),
            client: self.client.clone(),
            tracer: self.tracer.clone(),
            clock: Arc::clone(&self.clock),
        };
        let (ways_in, publisher) = ingest::router(self.live.piece(|config| &config.ingest), ingest_parts, &mut self.registry);
        let (journal, clock) = (Arc::clone(&self.journal), Arc::clone(&self.clock));
        let guards = Arc::new(api::Guards::new(&self.config.api, &mut self.registry));
        let tails = api::Tails::new(&self.config.api, journal, clock, stopped.clone(), &mut self.registry);
        // All parts have registered by now.
        let registry = Arc::new(std::mem::take(&mut self.registry));
        let repeater = dispatch::Repeater {
            journal: Arc::clone(&self.journal),
            book: self.piece(|snapshot| &snapshot.dispatch),
            history: Arc::clone(&self.hub) as Arc<dyn dispatch::History>,
            plugins: Arc::clone(&self.plugins),
        };
        let (hub, journal, clock) = (Arc::clone(&self.hub), Arc::clone(&self.journal), Arc::clone(&self.clock));
        let (paces, delivering) = (Arc::clone(&self.paces), delivering.clone());
        let (audit, backups) = (Arc::clone(&self.audit), Arc::clone(&self.backups));
        let api = api::Parts {
            hub,
            journal,
            publisher,
            repeater,
            paces,
            delivering,
            clock,
            tails,
            audit,
            backups,
            guards,
            registry,
            draining,
        };
        Routers { ways_in, api }
    }

    /// A flow's piece of the snapshot, found anew at each load: a swap of the snapshot is seen by all flows at once.
    fn piece<T: 'static>(&self, choose: fn(&Snapshot) -> &T) -> Arc<dyn DynAccess<T> + Send + Sync> {
        Arc::new(Map::new(self.hub.snapshot(), choose))
    }
}

/// What is answered, before it is known where.
struct Routers {
    ways_in: Router,
    api: api::Parts,
}

/// Gives a running host other settings.
#[derive(Clone)]
pub struct Reloader {
    live: Arc<Live>,
    client: net::Client,
}

impl Reloader {
    /// Puts those settings in force that a running host can take up, which the table of settings calls live; the others have to be those that it
    /// was started with.
    pub fn apply(&self, config: Config) {
        self.client.set(&config.net);
        self.live.apply(config);
    }

    /// Counts settings that were no good.
    pub fn refuse(&self) {
        self.live.refuse();
    }
}

/// Removes versions of plugins that neither the hub nor the journal's work needs any more.
async fn collect(hub: Arc<Hub>, journal: Arc<dyn Journal>, stopped: watch::Receiver<bool>) -> Result<(), JoinError> {
    let pinned = async || journal.revisions_pinned().await.ok();
    hub.keep_collecting(pinned, stopped).await;
    Ok(())
}

/// Tells the journal when API keys were last used.
async fn keep_last_use(hub: Arc<Hub>, journal: Arc<dyn Journal>, stopped: watch::Receiver<bool>) -> Result<(), JoinError> {
    api::keep_last_use(hub, journal, stopped).await;
    Ok(())
}

/// Whether a flow's task came to its end, or failed.
fn check_end(ended: Result<Result<(), JoinError>, JoinError>) -> anyhow::Result<()> {
    ended.and_then(|flow| flow).context("a flow behind the journal failed")
}
