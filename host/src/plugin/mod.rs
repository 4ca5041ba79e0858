//! Plugins: WebAssembly components that filter, transform and batch. The only door to wasmtime, wasmparser, wasm-encoder and
//! wit-component.
//!
//! A plugin can do nothing but what its interface says, under limits on memory, fuel, time and output. Every call has a fresh
//! instance, on threads of this part's own; guest code never runs on one of tokio's workers. What is called stays what it was:
//! components are known by the digest of their bytes, and whoever holds a [`Bound`] holds its component, once that was loaded, whatever is
//! unloaded. A large one that a start found compiled is loaded when it is first called.
//!
//! Inwards: `load` makes a component ready, which `aot` compiles and keeps, at once or `late`; `chain` runs several on an event by way of `call`, one
//! instance at a time, where `breakers` let them; `verifying` judges a request by one call; `track_0_1` translates for the guest; `workers`
//! give each its `turns`; `custom` has the plugins' own metrics; `meter`, `limits`, `room` and `accept` say no; `fault` tells why. `encode`,
//! `inspect` and `about` are for the client.

mod about;
mod accept;
mod aot;
mod breaker;
mod breaker_metrics;
mod breakers;
mod call;
mod canary;
mod chain;
mod custom;
mod ed25519;
mod encode;
mod engine;
mod exchange;
mod fault;
mod grants;
mod inspect;
mod late;
mod limits;
mod load;
mod load_error;
mod meter;
mod metrics;
mod random;
mod reference;
mod report;
mod room;
mod schema;
mod settings;
mod spec;
mod state;
#[cfg(test)]
mod tests;
mod text;
mod track_0_1;
mod turns;
mod verifying;
mod workers;

use std::{
    collections::{HashMap, HashSet},
    fmt, iter,
    path::PathBuf,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use zeroize::Zeroizing;

pub use about::{About, about, describe};
pub use aot::{CompileError, compile_limited};
pub use breaker::BreakerStatus;
pub use breakers::{Admission, After, Blame, Breakers, OnFault, Release, TRIPPED, Ticket};
pub use canary::{CanarySpec, canaries, chain_for};
pub use encode::componentize;
pub use fault::{Fault, FaultKind};
pub use grants::{GrantsSpec, SECRETS};
pub use inspect::{Inspected, inspect};
pub use limits::LimitsSpec;
pub use load_error::LoadError;
pub use reference::{Pin, Reference, ReferenceError};
pub use report::{Call, Ended, Exports, Fold, FoldReason, Piece, Report};
pub use schema::{config_schema, with_config_schema};
pub use spec::{CompileLimits, Options, Spec};
pub use state::{StateFound, StateStore, StateUnavailable};
pub use verifying::{Decision, Judged, QueueFull, Request, Response};

use crate::event::{Digest, Invalid, Message, Name};
use aot::Cache;
use canary::Canary;
use custom::{CustomMetrics, Told};
use exchange::Settings;
use fault::Cause;
use grants::Grants;
use limits::Limits;
use load::{Loaded, Loader};
use metrics::Metrics;
use workers::{Lane, Size, Workers};

/// How much less urgent chains are than the host's own threads. Requests are verified at the host's own urgency: their senders wait.
const NICENESS: i32 = 5;
/// Components that are taken from the cache at once.
const FOUND_AT_ONCE: usize = 2;

/// The engine, the catalogue of compiled components, and the workers.
pub struct Plugins {
    engine: Engine,
    loader: Arc<Loader>,
    catalogue: RwLock<HashMap<Digest, Arc<Loaded>>>,
    /// One component is compiled at a time: others have work to do too.
    compiling: Arc<Semaphore>,
    /// Few are taken from the cache at once: each makes an instance, and the pool has places for few that are not called.
    finding: Arc<Semaphore>,
    /// Where the bytes of components are found again.
    components: Arc<OnceLock<late::Bytery>>,
    /// Artefacts up to this size are loaded when they are bound.
    eager_bytes_max: u64,
    /// The folder of compiled components, and its bound.
    cache: Option<(PathBuf, u64)>,
    workers: Workers,
    /// Apart from the others, which may be busy for long: here senders wait.
    verify_workers: Workers,
    breakers: Breakers,
    custom: CustomMetrics,
    metrics: Arc<Metrics>,
}

/// A component with its name, settings and limits: ready to be called.
pub struct Bound {
    /// Whose it is.
    pub workspace: Name,
    /// The name in the hub file.
    pub name: Name,
    /// The bytes.
    pub digest: Digest,
    /// What it offers.
    pub exports: Exports,
    /// What becomes of events while it is tripped.
    pub on_fault: OnFault,
    loaded: Arc<Loaded>,
    settings: Arc<Settings>,
    grants: Arc<Grants>,
    /// Its own metrics, where they are granted.
    custom: Option<Arc<custom::Owned>>,
    /// Keeps this version's among them.
    _running: Option<Arc<Digest>>,
    limits: Limits,
    /// The version that some of the events meet in this one's place.
    canary: Option<Canary>,
}

impl Plugins {
    /// Starts the engine, its ticker and its workers.
    ///
    /// # Errors
    ///
    /// The machine cannot run the engine, or has no threads left.
    pub fn start(options: &Options, registry: &mut Registry) -> Result<Arc<Self>, LoadError> {
        let engine = engine::start(options)?;
        let metrics = Arc::new(Metrics::register(registry));
        let size = Size { workers: options.workers, queue_max: options.queue_max, niceness: NICENESS };
        let verify_size = Size { workers: options.verify_workers, queue_max: options.verify_queue_max, niceness: 0 };
        Ok(Arc::new(Self {
            loader: Arc::new(Loader::new(engine.clone(), options, &metrics)?),
            catalogue: RwLock::default(),
            compiling: Arc::new(Semaphore::new(1)),
            finding: Arc::new(Semaphore::new(FOUND_AT_ONCE)),
            components: Arc::default(),
            eager_bytes_max: options.eager_bytes_max,
            cache: options.cache.clone().map(|folder| (folder, options.cache_bytes_max)),
            workers: Workers::start("plugin", &size, &metrics.queue_seconds)?,
            verify_workers: Workers::start("verify", &verify_size, &metrics.verify_queue_seconds)?,
            breakers: Breakers::new(registry),
            custom: CustomMetrics::register(registry),
            engine,
            metrics,
        }))
    }

    /// Opens the folder of compiled components, where the options name one; `key` is what only this data folder has. A folder that
    /// does not open costs compilations and nothing else. Blocking.
    pub fn open_cache(&self, key: Zeroizing<[u8; 32]>) {
        let Some((folder, bytes_max)) = &self.cache else { return };
        match Cache::open(folder, key, &self.engine, *bytes_max) {
            Ok(cache) => self.loader.use_cache(cache),
            Err(error) => tracing::warn!(folder = %folder.display(), %error, "compiled components are not kept"),
        }
    }

    /// What an upload is refused for at once, before anything is compiled; else its digest. Blocking.
    ///
    /// # Errors
    ///
    /// It is no plugin, as far as reading can tell.
    pub fn examine(&self, label: &str, bytes: &[u8]) -> Result<Digest, LoadError> {
        inspect::examine(label, bytes, self.loader.component_bytes_max)
    }

    /// Checks and compiles a component and keeps it in the catalogue; what is there already is not compiled again. Once begun
    /// this is done even if the caller goes away, who finds it there when it asks again.
    ///
    /// # Errors
    ///
    /// The bytes are not a plugin that can run here; `label` is what they are called in the text that says why.
    pub async fn load(self: &Arc<Self>, label: &str, bytes: Bytes) -> Result<(Digest, Exports), LoadError> {
        let digest = Digest::of(&bytes);
        if let Some(loaded) = self.find(&digest) {
            return Ok((digest, loaded.exports));
        }
        // A task, for the caller may go away while it waits for its turn.
        let (this, called) = (Arc::clone(self), label.to_owned());
        let loading = tokio::spawn(async move { this.load_new(called, digest, bytes).await });
        loading.await.unwrap_or_else(|error| Err(load_error::compiler_stopped(label, &error)))
    }

    async fn load_new(self: Arc<Self>, label: String, digest: Digest, bytes: Bytes) -> Result<(Digest, Exports), LoadError> {
        let (loader, called) = (Arc::clone(&self.loader), label.clone());
        let found = in_turn(&self.finding, &label, move || loader.load_cached(&called, digest)).await?;
        if let Some(loaded) = found {
            return Ok((digest, self.add(loaded)));
        }
        let (this, called) = (Arc::clone(&self), label.clone());
        in_turn(&self.compiling, &label, move || match this.find(&digest) {
            Some(loaded) => Ok((digest, loaded.exports)),
            None => Ok((digest, this.add(this.loader.load(&called, digest, &bytes)?))),
        })
        .await?
    }

    /// Whether the catalogue has it.
    pub fn is_loaded(&self, digest: &Digest) -> bool {
        self.find(digest).is_some()
    }

    /// Takes all others out of the catalogue; what is bound stays until nobody holds it.
    pub fn unload_except(&self, keep: &HashSet<Digest>) {
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner).retain(|digest, _| keep.contains(digest));
    }

    /// Removes what was compiled of a component from disk, where it is kept. Blocking.
    pub fn forget(&self, digest: &Digest) {
        self.loader.forget(digest);
    }

    /// Joins a loaded component with its name, settings and limits.
    ///
    /// # Errors
    ///
    /// The digest is not in the catalogue, or a limit is over its ceiling or too small for the component to start.
    pub fn bind(&self, workspace: &Name, name: Name, spec: &Spec) -> Result<Arc<Bound>, Invalid> {
        let digest: Digest = spec.digest.parse().map_err(|error| Invalid::at("/digest", format!("{error}")))?;
        let loaded = self.find(&digest).ok_or_else(|| Invalid::at("/digest", format!("{digest} is not uploaded")))?;
        let limits = Limits::refine(&spec.limits)?;
        check_memory(&name, &loaded, &limits)?;
        let grants = Arc::new(Grants::refine(&name, &spec.grants)?);
        let settings = Arc::new(Settings::of(&spec.config));
        let on_fault = spec.on_fault()?;
        let custom = spec.grants.metrics.then(|| self.custom.of(workspace, &name));
        let mut bound = Bound {
            workspace: workspace.clone(),
            name,
            digest,
            exports: loaded.exports,
            on_fault,
            loaded,
            settings,
            grants,
            _running: custom.as_ref().map(|owned| owned.running(digest)),
            custom,
            limits,
            canary: None,
        };
        if let Some(canary) = &spec.canary {
            let in_canary = |invalid: Invalid| Invalid { pointer: "/canary/digest".to_owned(), ..invalid };
            let other = self.rebind(&bound, &canary.refine()?).map_err(in_canary)?;
            bound.canary = Some(Canary { bound: other, percent: canary.percent });
        }
        Ok(Arc::new(bound))
    }

    /// Another version of a bound plugin, with the same name, settings, grants and limits.
    ///
    /// # Errors
    ///
    /// It is not in the catalogue, does not start within the limits, folds batches where the other does not, or has nothing to call on
    /// events where the other has.
    pub fn rebind(&self, other: &Bound, digest: &Digest) -> Result<Arc<Bound>, Invalid> {
        let loaded = self.find(digest).ok_or_else(|| Invalid::at("/digest", format!("{digest} is not uploaded")))?;
        check_memory(&other.name, &loaded, &other.limits)?;
        if loaded.exports.batch != other.exports.batch {
            let message =
                format!("of {digest} and {}, only one folds batches: they cannot stand in for each other", other.digest);
            return Err(Invalid::at("/digest", message));
        }
        if other.exports.takes_events() && !loaded.exports.takes_events() {
            let message = format!(
                "{digest} exports neither filter, transform nor batch, as {} does: the events it gets would pass it uncalled",
                other.digest
            );
            return Err(Invalid::at("/digest", message));
        }
        Ok(Arc::new(Bound {
            workspace: other.workspace.clone(),
            name: other.name.clone(),
            digest: *digest,
            exports: loaded.exports,
            on_fault: other.on_fault,
            loaded,
            settings: Arc::clone(&other.settings),
            grants: Arc::clone(&other.grants),
            custom: other.custom.clone(),
            _running: other.custom.as_ref().map(|owned| owned.running(*digest)),
            limits: other.limits,
            canary: None,
        }))
    }

    /// Which versions of plugins are called at all.
    #[must_use]
    pub fn breakers(&self) -> &Breakers {
        &self.breakers
    }

    /// Has the plugin check its settings, under its limits, on a worker. Empty: they are right, or it has no check.
    pub async fn check_settings(&self, plugin: Arc<Bound>) -> Vec<Invalid> {
        if let Err(not_ready) = self.ready(std::slice::from_ref(&plugin)).await {
            return vec![Invalid::at("/digest", not_ready.error.to_string())];
        }
        if !plugin.loaded.guest.validates() {
            return Vec::new();
        }
        let (engine, metrics) = (self.engine.clone(), Arc::clone(&self.metrics));
        let lane = Lane::of(std::slice::from_ref(&plugin));
        let problems = self.workers.run(lane, move || settings::check(&engine, &metrics, &plugin)).await;
        problems
            .unwrap_or_else(|| vec![Invalid::at("/config", "no worker ran the plugin: this is the server's fault, see its log")])
    }

    /// Runs a chain on an event: each plugin in order, one fresh instance for each call, on a worker.
    pub async fn run(&self, chain: Arc<[Arc<Bound>]>, call: Call) -> Report {
        self.run_chain(chain, call, Told::Seen).await
    }

    /// The same where nothing is to follow: what the plugins themselves count is seen by nobody.
    pub async fn rehearse(&self, chain: Arc<[Arc<Bound>]>, call: Call) -> Report {
        self.run_chain(chain, call, Told::Unseen).await
    }

    async fn run_chain(&self, chain: Arc<[Arc<Bound>]>, call: Call, told: Told) -> Report {
        let Some(first) = chain.first().cloned() else {
            let message = Message::of(&call.event);
            return Report {
                stages: Vec::new(),
                state: Vec::new(),
                result: Ok(Ended::Messages(vec![Piece { message, batch_key: None }])),
            };
        };
        if let Err(not_ready) = self.ready(&chain).await {
            return not_ready.report("transform");
        }
        let (engine, metrics) = (self.engine.clone(), Arc::clone(&self.metrics));
        let report = self.workers.run(Lane::of(&chain), move || chain::run(&engine, &metrics, &chain, &call, told)).await;
        report.unwrap_or_else(|| not_run(&first.name))
    }

    /// Folds a batch.
    pub async fn fold(&self, plugin: Arc<Bound>, fold: Fold) -> Report {
        if let Err(not_ready) = self.ready(std::slice::from_ref(&plugin)).await {
            return not_ready.report("batch");
        }
        let (engine, metrics, name) = (self.engine.clone(), Arc::clone(&self.metrics), plugin.name.clone());
        let lane = Lane::of(std::slice::from_ref(&plugin));
        let report = self.workers.run(lane, move || chain::fold(&engine, &metrics, &plugin, &fold)).await;
        report.unwrap_or_else(|| not_run(&name))
    }

    /// Asks a plugin whether a request is from its source, on a worker that does nothing else. Where the caller goes away before a
    /// worker is free, the plugin is not asked.
    ///
    /// # Errors
    ///
    /// Too many wait already.
    pub async fn verify(&self, plugin: Arc<Bound>, request: Request) -> Result<Judged, QueueFull> {
        let (engine, metrics, name) = (self.engine.clone(), Arc::clone(&self.metrics), plugin.name.clone());
        let lane = Lane::of(std::slice::from_ref(&plugin));
        let judged = self.verify_workers.try_run(lane, move || verifying::verify(&engine, &metrics, &plugin, &request)).await;
        let nobody = || Judged { stages: Vec::new(), result: Err(nobody_ran(&name)) };
        judged.map(|judged| judged.unwrap_or_else(nobody)).map_err(|_| QueueFull)
    }

    fn add(&self, loaded: Loaded) -> Exports {
        let (digest, exports) = (loaded.digest, loaded.exports);
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner).insert(digest, Arc::new(loaded));
        exports
    }

    fn add_unless_there(&self, loaded: Loaded) {
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        catalogue.entry(loaded.digest).or_insert_with(|| Arc::new(loaded));
    }

    fn find(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

impl Bound {
    /// What its name stands for: itself, and the canary beside it.
    pub fn versions(self: &Arc<Self>) -> impl Iterator<Item = &Arc<Self>> {
        iter::once(self).chain(self.canary.as_ref().map(|canary| &canary.bound))
    }

    /// The version that some events meet in its place, and their share in percent.
    #[must_use]
    pub fn canary(&self) -> Option<(Digest, u8)> {
        self.canary.as_ref().map(|canary| (canary.bound.digest, canary.percent))
    }

    /// What its results depend on beside the event: the component's bytes and the settings.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let settings = Digest::of(self.settings.all.as_bytes());
        *Digest::of(&[*self.digest.as_bytes(), *settings.as_bytes()].concat()).as_bytes()
    }
}

impl fmt::Debug for Bound {
    /// Without the settings: operators put tokens there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("name", &self.name).field("digest", &self.digest).finish_non_exhaustive()
    }
}

fn check_memory(name: &Name, loaded: &Loaded, limits: &Limits) -> Result<(), Invalid> {
    if loaded.memory_bytes_at_start <= limits.memory_bytes {
        return Ok(());
    }
    let setting = format!("raise plugins.{name}.limits.memory_bytes");
    let refused = load_error::memory_at_start(name.as_str(), loaded.memory_bytes_at_start, limits.memory_bytes, &setting);
    Err(Invalid::at("/limits/memory_bytes", refused.to_string()))
}

/// Does long work beside the caller, as soon as it is its turn.
async fn in_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    label: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LoadError> {
    let turn = Arc::clone(turns).acquire_owned().await.map_err(|error| load_error::engine(&error))?;
    let work = tokio::task::spawn_blocking(move || {
        // Held by the work, not by who waits for it: that one may go away, and the work goes on.
        let _turn = turn;
        work()
    });
    work.await.map_err(|error| load_error::compiler_stopped(label, &error))
}

/// What is reported of work that no worker finished.
fn not_run(plugin: &Name) -> Report {
    Report { stages: Vec::new(), state: Vec::new(), result: Err(nobody_ran(plugin)) }
}

fn nobody_ran(plugin: &Name) -> Fault {
    Cause::host("no worker ran the plugin: this is the server's fault, see its log").into_fault(plugin)
}
