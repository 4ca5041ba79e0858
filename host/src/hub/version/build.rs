//! Uploads become versions that can be activated: one is compiled at a time, in the order of their coming, behind the caller's back. What a
//! stop interrupts the next start begins again, in the order of the uploads.

use std::sync::Arc;

use super::{Flaw, Place, State, Version};
use crate::{
    event::{Digest, Name},
    hub::{
        Hub, HubError, Inner, StoreError,
        entry::{Key, Kind},
        snapshot::Part,
    },
    plugin::Exports,
};

impl Inner {
    /// Keeps the versions in step with those of the workspace's plugins whose documents changed. What fails of it the next start mends.
    pub(in crate::hub) fn versions_follow<'a>(&self, workspace: &Name, changed: impl Iterator<Item = &'a Key>) {
        let state = self.state.load();
        for key in changed.filter(|(kind, _)| *kind == Kind::Plugin) {
            let active = state.item(workspace, key).and_then(|item| match &item.part {
                Part::Plugin(bound) => Some((bound.digest, bound.exports)),
                _ => None,
            });
            let bytes = active.map_or(0, |(digest, _)| self.catalogue.components.length(&digest));
            if let Err(error) = self.versions.follow(workspace, &key.1, active, bytes, (self.clock)()) {
                tracing::warn!(error = &error as &dyn std::error::Error, plugin = %key.1, "the list of its versions did not follow");
            }
        }
    }
}

impl Hub {
    fn resume_builds(&self) {
        let mut unfinished = Vec::new();
        for (place, line) in self.inner.versions.all() {
            let waits = line.versions.iter().filter(|version| version.state == State::Queued || version.activate.is_some());
            unfinished.extend(waits.map(|version| (version.uploaded_at, place.clone(), version.digest)));
        }
        // Stable: uploads of the same millisecond stay in their plugin's order.
        unfinished.sort_by_key(|(uploaded_at, ..)| *uploaded_at);
        for (_, place, digest) in unfinished {
            self.build(place, digest);
        }
    }

    /// Begins with what the documents say, which counts, and goes on with what was not ended before the last stop.
    pub(in crate::hub) async fn catch_up_with_versions(&self) -> Result<(), HubError> {
        let followed = self.with_versions(|inner| {
            for (workspace, documents) in &inner.state.load().workspaces {
                inner.versions_follow(workspace, documents.keys());
            }
            // And what they do not say any more: a stop may have come right after a deletion.
            for ((workspace, plugin), _) in inner.versions.all() {
                inner.versions_follow(&workspace, [(Kind::Plugin, plugin)].iter());
            }
            Ok::<_, StoreError>(())
        });
        followed.await?;
        self.resume_builds();
        Ok(())
    }

    /// Compiles a version as soon as it is its turn, and activates it where that was asked for.
    pub(super) fn build(&self, place: Place, digest: Digest) {
        if !self.inner.builds.push(place, digest) {
            return;
        }
        let hub = Self { inner: Arc::clone(&self.inner) };
        tokio::spawn(async move {
            while let Some((place, digest)) = hub.inner.builds.next() {
                let (hub, plugin) = (Self { inner: Arc::clone(&hub.inner) }, place.1.clone());
                // A task of its own: one that panics is not the end of those behind it.
                let built = tokio::spawn(async move { hub.build_now(&place, digest).await });
                if let Err(error) = built.await {
                    tracing::error!(%error, %plugin, %digest, "an upload was not compiled: this is a bug in sluicebox");
                }
            }
        });
    }

    async fn build_now(&self, place: &Place, digest: Digest) {
        let Err(error) = self.built(place, digest).await else { return };
        let (error, plugin) = (&error as &dyn std::error::Error, &place.1);
        tracing::error!(error, %plugin, %digest, "what became of an upload could not be kept: upload it again");
    }

    async fn built(&self, place: &Place, digest: Digest) -> Result<(), HubError> {
        let begun = self.note(place, digest, |version| {
            let is_ready = matches!(version.state, State::Ready(_));
            if !is_ready {
                version.state = State::Compiling;
            }
            (is_ready, version.activate.is_some())
        });
        let activate = match begun.await? {
            // It was collected meanwhile.
            None => return Ok(()),
            // It was put behind itself, or became active meanwhile, or a stop came before it was activated.
            Some((true, activate)) => activate,
            Some((false, _)) => self.compile(place, digest).await?,
        };
        if activate {
            return self.activate_built(place, digest).await;
        }
        self.inner.release();
        Ok(())
    }

    /// Whether it is to be activated.
    async fn compile(&self, place: &Place, digest: Digest) -> Result<bool, HubError> {
        let outcome = self.compiled(&place.1, digest).await;
        let noted = self.note(place, digest, move |version| {
            if matches!(version.state, State::Ready(_)) {
                // An apply used it meanwhile.
                return version.activate.is_some();
            }
            match outcome {
                Ok(exports) => (version.state, version.problem) = (State::Ready(exports), None),
                Err(flaw) => (version.state, version.problem) = (State::Failed, Some(flaw)),
            }
            if version.state == State::Failed {
                // Only what is ready goes on to be activated; a new upload may ask again.
                version.activate = None;
            }
            version.activate.is_some()
        });
        Ok(noted.await? == Some(true))
    }

    async fn activate_built(&self, place: &Place, digest: Digest) -> Result<(), HubError> {
        let (workspace, plugin) = place;
        let turn = self.inner.turn.clone().lock_owned().await;
        // Another version was decided for meanwhile, which counts.
        let line = self.inner.versions.line(workspace, plugin);
        let Some(note) = line.version(&digest).and_then(|version| version.activate.clone()) else { return Ok(()) };
        let Err(error) = self.activate_in_turn(turn, workspace, plugin, digest, note).await else { return Ok(()) };
        let message = format!("it is ready, but was not activated: {error}");
        let noted = self.note(place, digest, move |version| {
            version.activate = None;
            version.problem = Some(Flaw { code: "not-activated".to_owned(), message });
        });
        noted.await.map(drop)
    }

    async fn compiled(&self, plugin: &Name, digest: Digest) -> Result<Exports, Flaw> {
        let lost = |message: String| Flaw { code: "P013".to_owned(), message };
        let components = self.inner.catalogue.components.clone();
        let read = tokio::task::spawn_blocking(move || components.read(&digest)).await;
        let bytes = read.map_err(|error| lost(error.to_string()))?.map_err(|error| lost(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| lost(format!("the bytes of {digest} are not there: upload it again")))?;
        let loaded = self.inner.catalogue.plugins.load(plugin.as_str(), bytes).await;
        loaded.map(|(_, exports)| exports).map_err(|error| Flaw { code: error.code.to_owned(), message: error.to_string() })
    }

    /// Changes what is kept of a version; `None`: it is not kept.
    async fn note<T: Send + 'static>(
        &self,
        place: &Place,
        digest: Digest,
        change: impl FnOnce(&mut Version) -> T + Send + 'static,
    ) -> Result<Option<T>, HubError> {
        let place = place.clone();
        self.with_versions(move |inner| inner.versions.change(&place, |line| line.version_mut(&digest).map(change))).await
    }

    /// Works on the files of versions and components, off the threads that serve sockets, and only while the folder is this process's.
    pub(in crate::hub) async fn with_versions<T: Send + 'static, E: Into<StoreError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HubError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || {
            let disk = inner.disk();
            if disk.is_none() {
                return Err(StoreError::Closed);
            }
            work(&inner).map_err(Into::into)
        });
        Ok(done.await.map_err(StoreError::Stopped)??)
    }
}
