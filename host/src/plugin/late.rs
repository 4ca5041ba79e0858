//! Large components that a start does not wait for: what is known of them is in their files' heads, and their code is loaded when they are
//! first used. A restart with many of them is ready at once.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{
    Bound, Exports, FaultKind, LoadError, Plugins, Report, fault::Cause, in_turn, load::Loaded, load_error, track_0_1::Guest,
};
use crate::event::{Digest, Stage};

/// The code of a failure: the engine refuses what it took in before.
const NOT_LOADED: &str = "not-loaded";

/// What has to be known of a component before it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) exports: Exports,
    /// What an instance holds before its first call.
    pub(super) memory_bytes_at_start: usize,
}

/// A component's code, now or after [`Plugins::ready`].
#[derive(Default)]
pub(super) struct LateGuest(OnceLock<Guest>);

/// A plugin that could not be loaded when it was first used.
pub(super) struct NotReady {
    pub(super) plugin: Arc<Bound>,
    pub(super) error: LoadError,
}

/// Where components' bytes are, for one whose artefact does not serve when it is first used.
pub(super) type Bytery = Box<dyn Fn(&Digest) -> Option<Bytes> + Send + Sync>;

impl LateGuest {
    pub(super) fn of(guest: Guest) -> Self {
        Self(OnceLock::from(guest))
    }

    fn is_there(&self) -> bool {
        self.0.get().is_some()
    }

    /// Takes over the code of the same component, loaded elsewhere; the first one stays.
    fn fill(&self, other: Self) {
        if let Some(guest) = other.0.into_inner() {
            let _ = self.0.set(guest);
        }
    }
}

impl Deref for LateGuest {
    type Target = Guest;

    fn deref(&self) -> &Guest {
        self.0.get().expect("whoever gives a worker a plugin to call has made it ready before")
    }
}

impl NotReady {
    /// What is reported of the work. What another try may mend is not the plugin's fault; anything else counts like a call that failed, or
    /// its events would be tried for ever.
    pub(super) fn report(&self, export: &'static str) -> Report {
        let (plugin, message) = (&self.plugin, self.error.to_string());
        let (cause, stages) = if self.error.is_passing() {
            (Cause::host(message), Vec::new())
        } else {
            (Cause::new(FaultKind::Trapped, NOT_LOADED, message), vec![self.stage(export)])
        };
        Report { stages, state: Vec::new(), result: Err(cause.into_fault(&plugin.name)) }
    }

    fn stage(&self, export: &'static str) -> Stage {
        Stage {
            plugin: self.plugin.name.clone(),
            digest: self.plugin.digest,
            export,
            result: NOT_LOADED.to_owned(),
            messages: 0,
            fuel: 0,
            memory_bytes: 0,
            elapsed_us: 0,
            instantiate_us: 0,
            logs: Vec::new(),
        }
    }
}

impl Plugins {
    /// Where the bytes of components are found again.
    pub fn use_components(&self, find: impl Fn(&Digest) -> Option<Bytes> + Send + Sync + 'static) {
        // Only the first is used: there is one data folder.
        let _ = self.components.set(Box::new(find));
    }

    /// Puts a component into the catalogue that is compiled on disk and too large to be loaded before it is used. False: it is not
    /// there, is small, or verifies.
    pub async fn know(&self, digest: Digest) -> bool {
        let loader = Arc::clone(&self.loader);
        let known = tokio::task::spawn_blocking(move || loader.facts(&digest)).await;
        let Ok(Some((facts, artefact_bytes))) = known else { return false };
        // A sender waits for a plugin that verifies: it is ready before the first one comes.
        if artefact_bytes <= self.eager_bytes_max || facts.exports.verify {
            return false;
        }
        let Facts { exports, memory_bytes_at_start } = facts;
        self.add_unless_there(Loaded { digest, exports, guest: LateGuest::default(), memory_bytes_at_start });
        true
    }

    /// Makes sure that all of these can be called.
    ///
    /// # Errors
    ///
    /// One cannot be loaded now.
    pub(super) async fn ready(&self, plugins: &[Arc<Bound>]) -> Result<(), NotReady> {
        for plugin in plugins.iter().filter(|plugin| !plugin.loaded.guest.is_there()) {
            self.load_late(plugin).await.map_err(|error| NotReady { plugin: Arc::clone(plugin), error })?;
        }
        Ok(())
    }

    /// From the cache, in the turns of those who take from it; only what is not there any more waits for those who compile. Who waits may
    /// find that another has done it.
    async fn load_late(&self, plugin: &Bound) -> Result<(), LoadError> {
        let (loader, loaded, label) = (Arc::clone(&self.loader), Arc::clone(&plugin.loaded), plugin.name.to_string());
        let find = move || {
            loaded.guest.is_there()
                || loader.load_cached(&label, loaded.digest).map(|found| loaded.guest.fill(found.guest)).is_some()
        };
        if in_turn(&self.finding, plugin.name.as_str(), find).await? {
            return Ok(());
        }
        let (loader, loaded, label) = (Arc::clone(&self.loader), Arc::clone(&plugin.loaded), plugin.name.to_string());
        let components = Arc::clone(&self.components);
        let compile = move || {
            if loaded.guest.is_there() {
                return Ok(());
            }
            let bytes = components.get().and_then(|find| find(&loaded.digest));
            let lost = || load_error::compiler(&label, &"its bytes are not there any more: upload it again");
            loaded.guest.fill(loader.load(&label, loaded.digest, &bytes.ok_or_else(lost)?)?.guest);
            Ok(())
        };
        in_turn(&self.compiling, plugin.name.as_str(), compile).await?
    }
}
