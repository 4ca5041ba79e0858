//! From bytes to a component that is ready to be called: validated, compiled or found in the cache, linked, and tried once. Blocking,
//! and long where it has to be compiled: seconds for a large component.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use wasmparser::{Parser, Validator};
use wasmtime::{
    Engine,
    component::{Component, Linker},
};

use super::{
    Exports, LoadError, Options,
    aot::{Cache, Compiler},
    call::store,
    exchange::{Settings, State},
    fault::is_hosts_own,
    late::{Facts, LateGuest},
    limits::{COMPONENT_BYTES_CEILING, Limits},
    load_error,
    meter::OverLimit,
    metrics::Metrics,
    track_0_1::{self, Guest, WrongType},
};
use crate::event::Digest;

/// A component in the catalogue.
pub(super) struct Loaded {
    pub(super) digest: Digest,
    pub(super) exports: Exports,
    pub(super) guest: LateGuest,
    /// What an instance holds before its first call.
    pub(super) memory_bytes_at_start: usize,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("digest", &self.digest).field("exports", &self.exports).finish_non_exhaustive()
    }
}

/// Where guests are compiled and what they are linked with; made once, since a linker costs milliseconds.
pub(super) struct Loader {
    engine: Engine,
    linker: Linker<State>,
    compiler: Compiler,
    pub(super) component_bytes_max: usize,
    /// Empty until the hub has its keys, and for good where nothing is kept.
    cache: OnceLock<Cache>,
    metrics: Arc<Metrics>,
}

impl Loader {
    pub(super) fn new(engine: Engine, options: &Options, metrics: &Arc<Metrics>) -> Result<Self, LoadError> {
        let mut linker = Linker::new(&engine);
        track_0_1::link(&mut linker).map_err(|error| load_error::engine(&error))?;
        let compiler = Compiler::new(engine.clone(), options);
        let component_bytes_max = options.component_bytes_max.min(COMPONENT_BYTES_CEILING);
        Ok(Self { engine, linker, compiler, component_bytes_max, cache: OnceLock::new(), metrics: Arc::clone(metrics) })
    }

    /// From now on, what was compiled is kept and found here.
    pub(super) fn use_cache(&self, cache: Cache) {
        // Only the first is used: there is one data folder.
        let _ = self.cache.set(cache);
    }

    /// What is known of a component that was taken in before, and how large its artefact is.
    pub(super) fn facts(&self, digest: &Digest) -> Option<(Facts, u64)> {
        self.cache.get()?.facts(digest)
    }

    /// Nobody needs what was compiled of it any more.
    pub(super) fn forget(&self, digest: &Digest) {
        if let Some(cache) = self.cache.get() {
            cache.remove(digest);
        }
    }

    /// Takes a component in that was taken in before, where the cache has it.
    pub(super) fn load_cached(&self, label: &str, digest: Digest) -> Option<Loaded> {
        let cache = self.cache.get()?;
        let loaded = cache.read(&digest)?.load(&self.engine).map_err(|error| load_error::not_compiled(label, &error));
        match loaded.and_then(|component| self.ready(label, digest, &component)) {
            Ok(loaded) => {
                self.metrics.cache_hit();
                Some(loaded)
            }
            Err(error) => {
                cache.discard(&digest, &error);
                None
            }
        }
    }

    /// Takes a component in, and keeps what was compiled once it has proved to be a plugin.
    ///
    /// # Errors
    ///
    /// The bytes are no plugin of ours; `label` is what they are called in the text that says why.
    pub(super) fn load(&self, label: &str, digest: Digest, bytes: &Bytes) -> Result<Loaded, LoadError> {
        validate(label, bytes, self.component_bytes_max)?;
        self.metrics.compiled();
        let artefact = self.compiler.compile(label, bytes)?;
        let component = artefact.load(&self.engine).map_err(|error| load_error::not_compiled(label, &error))?;
        let loaded = self.ready(label, digest, &component)?;
        if let Some(cache) = self.cache.get() {
            let Loaded { exports, memory_bytes_at_start, .. } = loaded;
            cache.keep(&digest, &artefact, Facts { exports, memory_bytes_at_start });
        }
        Ok(loaded)
    }

    fn ready(&self, label: &str, digest: Digest, component: &Component) -> Result<Loaded, LoadError> {
        self.check_imports(label, component)?;
        let guest = self.link(label, component)?;
        let exports = guest.exports();
        if exports == Exports::default() {
            return Err(load_error::exports_nothing(label, &self.exported(component)));
        }
        let memory_bytes_at_start = self.try_out(label, &guest)?;
        Ok(Loaded { digest, exports, guest: LateGuest::of(guest), memory_bytes_at_start })
    }

    /// Refuses by name what is not offered, before the linker would in its own words.
    fn check_imports(&self, label: &str, component: &Component) -> Result<(), LoadError> {
        let kind = component.component_type();
        match kind.imports(&self.engine).map(|(name, _)| name).find(|name| !is_offered(name)) {
            Some(name) => Err(load_error::import(label, name)),
            None => Ok(()),
        }
    }

    fn link(&self, label: &str, component: &Component) -> Result<Guest, LoadError> {
        let linked = self.linker.instantiate_pre(component);
        let linked = linked.map_err(|error| load_error::wrong_type(label, "an imported interface", &format!("{error:#}")))?;
        Guest::probe(linked).map_err(|wrong| wrong_type(label, &wrong))
    }

    /// Makes one instance and throws it away: some types are only checked then, and some components cannot even start. Under
    /// the ceilings, for the limits of those who will use it are not known yet.
    fn try_out(&self, label: &str, guest: &Guest) -> Result<usize, LoadError> {
        let limits = Limits::CEILING;
        let mut store = store(&self.engine, Arc::new(Settings::default()), &limits, limits.fuel, 0)
            .map_err(|error| load_error::engine(&error))?;
        let instance = guest.instantiate(&mut store).map_err(|error| match error.downcast_ref::<OverLimit>() {
            Some(OverLimit::Memory { wanted_bytes }) => load_error::memory_at_start(
                label,
                *wanted_bytes,
                limits.memory_bytes,
                "no setting raises this: it is the ceiling",
            ),
            _ if is_hosts_own(&error) => load_error::engine(&error),
            _ => load_error::not_started(label, &format!("{error:#}")),
        })?;
        guest.check_types(&mut store, &instance).map_err(|wrong| wrong_type(label, &wrong))?;
        Ok(store.data().meter.memory_bytes())
    }

    fn exported(&self, component: &Component) -> Vec<String> {
        component.component_type().exports(&self.engine).map(|(name, _)| name.to_owned()).collect()
    }
}

/// Whether the bytes are a component at all, and a valid one.
fn validate(label: &str, bytes: &[u8], bytes_max: usize) -> Result<(), LoadError> {
    if bytes.len() > bytes_max {
        return Err(load_error::too_large(label, bytes.len(), bytes_max));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(load_error::core_module(label));
    }
    if !Parser::is_component(bytes) {
        return Err(load_error::not_wasm(label, bytes));
    }
    Validator::new().validate_all(bytes).map_err(|error| load_error::malformed(label, &error))?;
    Ok(())
}

/// `sluicebox:plugin/log@0.1.3` is, `sluicebox:plugin/log@0.2.0` is not.
fn is_offered(import: &str) -> bool {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    track_0_1::IMPORTS.contains(&interface) && version.starts_with(track_0_1::VERSIONS)
}

fn wrong_type(label: &str, wrong: &WrongType) -> LoadError {
    load_error::wrong_type(label, wrong.interface, &format!("{:#}", wrong.error))
}
