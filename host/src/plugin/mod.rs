//! Plugins: WebAssembly components that filter, transform and batch. The only door to wasmtime, wasmparser and wit-component.
//!
//! A plugin can do nothing but what its interface says, under limits on memory, fuel, time and output. Every call has a fresh
//! instance, on threads of this part's own; guest code never runs on one of tokio's workers. What is called stays what it was:
//! components are known by the digest of their bytes, and whoever holds a [`Bound`] holds its component, whatever is unloaded.
//!
//! Inwards: `load` makes a component ready, `chain` runs several on an event by way of `call`, one instance at a time; `track_0_1`
//! translates for the guest; `meter`, `limits` and `accept` say no; `fault` tells why.

mod accept;
mod call;
mod chain;
mod encode;
mod engine;
mod exchange;
mod fault;
mod grants;
mod limits;
mod load;
mod load_error;
mod meter;
mod metrics;
mod random;
mod report;
mod schema;
mod settings;
mod spec;
#[cfg(test)]
mod tests;
mod text;
mod track_0_1;
mod workers;

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;
use wasmtime::Engine;

pub use encode::componentize;
pub use fault::{Fault, FaultKind};
pub use grants::{GrantsSpec, SECRETS};
pub use limits::LimitsSpec;
pub use load_error::LoadError;
pub use report::{Call, Ended, Exports, Fold, FoldReason, Piece, Report};
pub use schema::config_schema;
pub use spec::{Options, Spec};

use crate::event::{Digest, Invalid, Message, Name};
use exchange::Settings;
use fault::Cause;
use grants::Grants;
use limits::Limits;
use load::{Loaded, Loader};
use metrics::Metrics;
use workers::Workers;

/// The engine, the catalogue of compiled components, and the workers.
pub struct Plugins {
    engine: Engine,
    loader: Arc<Loader>,
    catalogue: RwLock<HashMap<Digest, Arc<Loaded>>>,
    /// One component is compiled at a time: that takes all cores already.
    compiling: Arc<Semaphore>,
    workers: Workers,
    metrics: Arc<Metrics>,
}

/// A component with its name, settings and limits: ready to be called.
pub struct Bound {
    /// The name in the hub file.
    pub name: Name,
    /// The bytes.
    pub digest: Digest,
    /// What it offers.
    pub exports: Exports,
    loaded: Arc<Loaded>,
    settings: Arc<Settings>,
    grants: Arc<Grants>,
    limits: Limits,
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
        Ok(Arc::new(Self {
            loader: Arc::new(Loader::new(engine.clone())?),
            catalogue: RwLock::default(),
            compiling: Arc::new(Semaphore::new(1)),
            workers: Workers::start(options, &metrics)?,
            engine,
            metrics,
        }))
    }

    /// Checks and compiles a component and keeps it in the catalogue; what is there already is not compiled again.
    ///
    /// # Errors
    ///
    /// The bytes are not a plugin that can run here; `label` is what they are called in the text that says why.
    pub async fn load(&self, label: &str, bytes: Bytes) -> Result<(Digest, Exports), LoadError> {
        let digest = Digest::of(&bytes);
        if let Some(loaded) = self.find(&digest) {
            return Ok((digest, loaded.exports));
        }
        let turn = Arc::clone(&self.compiling).acquire_owned().await.map_err(|error| load_error::engine(&error))?;
        if let Some(loaded) = self.find(&digest) {
            return Ok((digest, loaded.exports));
        }
        let (loader, label) = (Arc::clone(&self.loader), label.to_owned());
        let compiled = tokio::task::spawn_blocking(move || {
            // Held by the work, not by who waits for it: that one may go away, and the work goes on.
            let _turn = turn;
            loader.load(&label, digest, &bytes)
        });
        let loaded = Arc::new(compiled.await.map_err(|error| load_error::engine(&error))??);
        let exports = loaded.exports;
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner).insert(digest, loaded);
        Ok((digest, exports))
    }

    /// Whether the catalogue has it.
    pub fn is_loaded(&self, digest: &Digest) -> bool {
        self.find(digest).is_some()
    }

    /// Takes all others out of the catalogue; what is bound stays until nobody holds it.
    pub fn unload_except(&self, keep: &HashSet<Digest>) {
        self.catalogue.write().unwrap_or_else(PoisonError::into_inner).retain(|digest, _| keep.contains(digest));
    }

    /// Joins a loaded component with its name, settings and limits.
    ///
    /// # Errors
    ///
    /// The digest is not in the catalogue, or a limit is over its ceiling or too small for the component to start.
    pub fn bind(&self, name: Name, spec: &Spec) -> Result<Arc<Bound>, Invalid> {
        let digest: Digest = spec.digest.parse().map_err(|error| Invalid::at("/digest", format!("{error}")))?;
        let loaded = self.find(&digest).ok_or_else(|| Invalid::at("/digest", format!("{digest} is not uploaded")))?;
        let limits = Limits::refine(&spec.limits)?;
        if loaded.memory_bytes_at_start > limits.memory_bytes {
            let setting = format!("raise plugins.{name}.limits.memory_bytes");
            let refused = load_error::memory_at_start(name.as_str(), loaded.memory_bytes_at_start, limits.memory_bytes, &setting);
            return Err(Invalid::at("/limits/memory_bytes", refused.to_string()));
        }
        let grants = Arc::new(Grants::refine(&name, &spec.grants)?);
        let settings = Arc::new(Settings::of(&spec.config));
        Ok(Arc::new(Bound { name, digest, exports: loaded.exports, loaded, settings, grants, limits }))
    }

    /// Has the plugin check its settings, under its limits, on a worker. Empty: they are right, or it has no check.
    pub async fn check_settings(&self, plugin: Arc<Bound>) -> Vec<Invalid> {
        if !plugin.loaded.guest.validates() {
            return Vec::new();
        }
        let (engine, metrics) = (self.engine.clone(), Arc::clone(&self.metrics));
        let problems = self.workers.run(move || settings::check(&engine, &metrics, &plugin)).await;
        problems
            .unwrap_or_else(|| vec![Invalid::at("/config", "no worker ran the plugin: this is the server's fault, see its log")])
    }

    /// Runs a chain on an event: each plugin in order, one fresh instance for each call, on a worker.
    pub async fn run(&self, chain: Arc<[Arc<Bound>]>, call: Call) -> Report {
        let Some(first) = chain.first().cloned() else {
            let message = Message::of(&call.event);
            return Report { stages: Vec::new(), result: Ok(Ended::Messages(vec![Piece { message, batch_key: None }])) };
        };
        let (engine, metrics) = (self.engine.clone(), Arc::clone(&self.metrics));
        let report = self.workers.run(move || chain::run(&engine, &metrics, &chain, &call)).await;
        report.unwrap_or_else(|| not_run(&first.name))
    }

    /// Folds a batch.
    pub async fn fold(&self, plugin: Arc<Bound>, fold: Fold) -> Report {
        let (engine, metrics, name) = (self.engine.clone(), Arc::clone(&self.metrics), plugin.name.clone());
        let report = self.workers.run(move || chain::fold(&engine, &metrics, &plugin, &fold)).await;
        report.unwrap_or_else(|| not_run(&name))
    }

    fn find(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }
}

impl Bound {
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

/// What is reported of work that no worker finished.
fn not_run(plugin: &Name) -> Report {
    let cause = Cause::host("no worker ran the plugin: this is the server's fault, see its log");
    Report { stages: Vec::new(), result: Err(cause.into_fault(plugin)) }
}
