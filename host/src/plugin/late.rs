//! Large components that a start does not wait for: what is known of them is in their files' heads, and their code is loaded when they are
//! first used. A restart with many of them is ready at once.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use super::{Bound, Exports, LoadError, Plugins, in_turn, load::Loaded, load_error, track_0_1::Guest};
use crate::event::Digest;

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
    pub(super) async fn ready(&self, plugins: &[Arc<Bound>]) -> Result<(), LoadError> {
        for plugin in plugins.iter().filter(|plugin| !plugin.loaded.guest.is_there()) {
            self.load_late(plugin).await?;
        }
        Ok(())
    }

    /// One at a time, in the turns of those who compile: who waits here may find that another has done it.
    async fn load_late(&self, plugin: &Bound) -> Result<(), LoadError> {
        let (loader, loaded, label) = (Arc::clone(&self.loader), Arc::clone(&plugin.loaded), plugin.name.to_string());
        let components = Arc::clone(&self.components);
        let work = move || {
            if loaded.guest.is_there() {
                return Ok(());
            }
            let found = loader.load_cached(&label, loaded.digest).map_or_else(
                || {
                    let bytes = components.get().and_then(|find| find(&loaded.digest));
                    let lost = || load_error::compiler(&label, &"its bytes are not there any more: upload it again");
                    loader.load(&label, loaded.digest, &bytes.ok_or_else(lost)?)
                },
                Ok,
            )?;
            loaded.guest.fill(found.guest);
            Ok(())
        };
        in_turn(&self.compiling, plugin.name.as_str(), work).await?
    }
}
