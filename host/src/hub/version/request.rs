//! What is asked about versions: upload one, tell of them, make one active, go back.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;

use super::{Place, State, Version};
use crate::{
    event::{Digest, Name, Timestamp},
    hub::{
        Applied, COMPONENTS_MAX, Draft, Hub, HubError, Inner, Kind, Note, StoreError, component,
        snapshot::{Part, Workspace},
    },
    plugin::{self, Pin},
};

/// A version, and what it is used for.
#[derive(Clone, Debug)]
pub struct VersionStatus {
    /// Whose.
    pub plugin: Name,
    /// The version.
    pub version: Version,
    /// Whether it is what the plugin's name stands for.
    pub active: bool,
    /// Whether it is what was active before, and a rollback would make active again.
    pub active_before: bool,
    /// Where it is the plugin's canary: its share of the events.
    pub canary_percent: Option<u8>,
    /// The rules that run it, by the plugin's name or pinned to it.
    pub used_by: Vec<Name>,
}

impl Hub {
    /// Keeps a component as a version of a plugin and has it compiled behind the caller's back; what is ready already is not compiled
    /// again. With `activate` it is made active as soon as it is ready, by a revision of which that is said.
    ///
    /// # Errors
    /// [`HubError::NoWorkspace`], [`HubError::Refused`] with what can be told by reading it, [`HubError::Busy`] where too many wait to be compiled,
    /// [`HubError::Quota`] and [`HubError::Conflict`] at the workspace's and the host's limit of components, [`HubError::Store`] where the disk failed; with `activate`, for what is ready
    /// already, as of [`activate`](Self::activate).
    pub async fn upload_version(
        &self,
        workspace: &Name,
        plugin: &Name,
        bytes: Bytes,
        activate: Option<Note>,
    ) -> Result<VersionStatus, HubError> {
        let components_max = self.check_workspace(workspace)?.components_max;
        let (label, unread, plugins) = (plugin.to_string(), bytes.clone(), Arc::clone(&self.inner.catalogue.plugins));
        let read = tokio::task::spawn_blocking(move || plugins.examine(&label, &unread));
        let digest = read.await.map_err(StoreError::Stopped)??;
        let place = (workspace.clone(), plugin.clone());
        // What is to be activated is a decision like an apply: it comes after those before it, and is not undone by them.
        let turn = if activate.is_some() { Some(self.inner.turn.clone().lock_owned().await) } else { None };
        let note = activate.clone().unwrap_or_default();
        let upload = Upload { place: place.clone(), digest, bytes, activate, at: (self.inner.clock)(), components_max };
        let taken = self.with_versions(move |inner| Ok::<_, StoreError>((inner.take(upload)?, turn)));
        match taken.await? {
            (Taken::OverQuota { max }, _) => {
                return Err(HubError::Quota { workspace: workspace.clone(), quota: COMPONENTS_MAX, max });
            }
            (Taken::NoRoom, _) => return Err(HubError::Conflict { what: "components", max: component::FILES_MAX }),
            (Taken::Busy { waiting }, _) => return Err(HubError::Busy { waiting }),
            (Taken::Ready, Some(turn)) => drop(self.activate_in_turn(turn, workspace, plugin, digest, note).await?),
            (Taken::Ready, None) => {}
            (Taken::Waits, _) => self.build(place, digest),
        }
        self.version(workspace, plugin, &digest.into())
    }

    /// One version.
    ///
    /// # Errors
    /// [`HubError::NoVersion`].
    pub fn version(&self, workspace: &Name, plugin: &Name, pin: &Pin) -> Result<VersionStatus, HubError> {
        let digest = self.resolve(workspace, plugin, pin)?;
        let found = self.versions(workspace, plugin).into_iter().find(|status| status.version.digest == digest);
        found.ok_or_else(|| no_version(plugin, &format!("there is no version {digest} of plugin `{plugin}`")))
    }

    /// All versions of a plugin, newest upload first.
    #[must_use]
    pub fn versions(&self, workspace: &Name, plugin: &Name) -> Vec<VersionStatus> {
        let line = self.inner.versions.line(workspace, plugin);
        let standing = self.inner.state.load().workspace(workspace);
        let canary = match standing.get(&(Kind::Plugin, plugin.clone())).map(|item| &item.part) {
            Some(Part::Plugin(bound)) => bound.canary(),
            _ => None,
        };
        let status = |version: &Version| VersionStatus {
            plugin: plugin.clone(),
            active: line.active == Some(version.digest),
            active_before: line.before == Some(version.digest),
            canary_percent: canary.filter(|(digest, _)| *digest == version.digest).map(|(_, percent)| percent),
            used_by: users(&standing, plugin, &version.digest),
            version: version.clone(),
        };
        line.versions.iter().rev().map(status).collect()
    }

    /// Makes a version the active one: from the next event on, rules that name the plugin run it. Makes the plugin where there is none;
    /// else its settings, grants and limits stay as they are when its turn comes.
    ///
    /// # Errors
    /// [`HubError::NoVersion`] and [`HubError::NotReady`]; else as of [`apply`](Self::apply), and the version before stays active.
    pub async fn activate(&self, workspace: &Name, plugin: &Name, digest: Digest, note: Note) -> Result<Applied, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        self.activate_in_turn(turn, workspace, plugin, digest, note).await
    }

    pub(super) async fn activate_in_turn(
        &self,
        turn: OwnedMutexGuard<()>,
        workspace: &Name,
        plugin: &Name,
        digest: Digest,
        note: Note,
    ) -> Result<Applied, HubError> {
        self.check_ready(workspace, plugin, &digest)?;
        let draft = self.edited(workspace, plugin, note, |document| make_active(document, digest));
        self.apply_in_turn(turn, workspace, draft).await
    }

    /// Makes the version active that was before this one. Twice is back again.
    ///
    /// # Errors
    /// [`HubError::NotFound`] where there is no such plugin, [`HubError::NoVersion`] where none was before; else as of
    /// [`apply`](Self::apply).
    pub async fn roll_back(&self, workspace: &Name, plugin: &Name, note: Note) -> Result<Applied, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        if self.get(workspace, Kind::Plugin, plugin).is_none() {
            return Err(HubError::NotFound { kind: Kind::Plugin, name: plugin.clone() });
        }
        let before = self.inner.versions.line(workspace, plugin).before;
        let none = || no_version(plugin, &format!("no other version of plugin `{plugin}` was active before this one"));
        let digest = before.ok_or_else(none)?;
        let draft = self.edited(workspace, plugin, note, |document| make_active(document, digest));
        self.apply_in_turn(turn, workspace, draft).await
    }

    /// Gives a version a share of the events, in percent, or with `None` gives the active one all of them again. A failed run tells which it
    /// met; what folds batches is the active one.
    ///
    /// # Errors
    /// As of [`activate`](Self::activate).
    pub async fn set_canary(
        &self,
        workspace: &Name,
        plugin: &Name,
        canary: Option<(Digest, u8)>,
        note: Note,
    ) -> Result<Applied, HubError> {
        if self.get(workspace, Kind::Plugin, plugin).is_none() {
            return Err(HubError::NotFound { kind: Kind::Plugin, name: plugin.clone() });
        }
        if let Some((digest, _)) = &canary {
            self.check_ready(workspace, plugin, digest)?;
        }
        let edit = |document: &mut Value| match canary {
            Some((digest, percent)) => document["canary"] = json!({ "digest": digest.to_string(), "percent": percent }),
            None => drop(document.as_object_mut().and_then(|document| document.remove("canary"))),
        };
        let turn = self.inner.turn.clone().lock_owned().await;
        let draft = self.edited(workspace, plugin, note, edit);
        self.apply_in_turn(turn, workspace, draft).await
    }

    /// The version that is meant.
    ///
    /// # Errors
    /// [`HubError::NoVersion`].
    pub fn resolve(&self, workspace: &Name, plugin: &Name, pin: &Pin) -> Result<Digest, HubError> {
        let found = self.inner.versions.resolve(workspace, plugin, pin);
        found.map_err(|invalid| no_version(plugin, &invalid.message))
    }

    /// Changes a plugin's document as it is now.
    fn edited(&self, workspace: &Name, plugin: &Name, note: Note, edit: impl FnOnce(&mut Value)) -> Draft {
        let mut document = self.get(workspace, Kind::Plugin, plugin).unwrap_or_else(|| json!({}));
        edit(&mut document);
        Draft { entries: BTreeMap::from([((Kind::Plugin, plugin.clone()), Some(document))]), note, ..Draft::default() }
    }

    pub(super) fn check_ready(&self, workspace: &Name, plugin: &Name, digest: &Digest) -> Result<(), HubError> {
        let line = self.inner.versions.line(workspace, plugin);
        let why = match line.version(digest) {
            None if self.inner.catalogue.components.has(digest) => return Ok(()),
            None => return Err(no_version(plugin, &format!("there is no version {digest} of plugin `{plugin}`"))),
            Some(Version { state: State::Ready(_), .. }) => return Ok(()),
            Some(Version { problem: Some(flaw), .. }) => flaw.message.clone(),
            Some(_) => "it is not compiled yet: wait until its state is `ready`".to_owned(),
        };
        Err(HubError::NotReady { plugin: plugin.clone(), digest: *digest, why })
    }
}

/// A component that came.
struct Upload {
    place: Place,
    digest: Digest,
    bytes: Bytes,
    activate: Option<Note>,
    at: Timestamp,
    /// The workspace's quota.
    components_max: Option<u32>,
}

/// What became of it.
enum Taken {
    /// The workspace has as many components as it may.
    OverQuota { max: u32 },
    /// There are as many components as may be.
    NoRoom,
    /// So many wait to be compiled.
    Busy { waiting: usize },
    /// It is to be compiled, or is: that it is in the queue has to be made sure.
    Waits,
    /// It was compiled before.
    Ready,
}

impl Inner {
    /// Keeps an upload. Uploads do this one after the other, so that none passes by the limit beside another.
    fn take(&self, Upload { place, digest, bytes, activate, at, components_max }: Upload) -> Result<Taken, StoreError> {
        let waiting = self.versioning.uploads_waiting_max;
        let is_new = self.versions.line(&place.0, &place.1).version(&digest).is_none_or(|known| known.state == State::Failed);
        if is_new && self.uploads_waiting() >= waiting {
            return Ok(Taken::Busy { waiting });
        }
        if let Some(max) = components_max.filter(|_| !self.may_upload(&place.0, &digest, components_max)) {
            return Ok(Taken::OverQuota { max });
        }
        if !self.keep(&place.0, &digest, &bytes)? {
            return Ok(Taken::NoRoom);
        }
        let is_ready = self.versions.change(&place, |line| line.take(digest, bytes.len() as u64, activate, at))?;
        Ok(if is_ready { Taken::Ready } else { Taken::Waits })
    }

    fn uploads_waiting(&self) -> usize {
        let waits = |version: &&Version| matches!(version.state, State::Queued | State::Compiling);
        self.versions.all().iter().map(|(_, line)| line.versions.iter().filter(waits).count()).sum()
    }
}

impl super::Line {
    /// Takes an upload in. True: it is ready.
    pub(super) fn take(&mut self, digest: Digest, bytes: u64, activate: Option<Note>, now: Timestamp) -> bool {
        if self.version(&digest).is_none() {
            let (state, problem, idle_since) = (State::Queued, None, None);
            self.versions.push(Version { digest, bytes, uploaded_at: now, state, problem, activate: None, idle_since });
        }
        if activate.is_some() {
            // The wish that came last counts.
            self.versions.iter_mut().for_each(|version| version.activate = None);
        }
        let Some(version) = self.version_mut(&digest) else { return false };
        version.idle_since = None;
        if let State::Ready(_) = version.state {
            // What became of an older wish is no news of this upload.
            version.problem = None;
            return true;
        }
        if version.state == State::Failed {
            (version.state, version.problem, version.uploaded_at) = (State::Queued, None, now);
        }
        version.activate = activate.or(version.activate.take());
        false
    }
}

fn make_active(document: &mut Value, digest: Digest) {
    let digest = json!(digest.to_string());
    if document["canary"]["digest"] == digest {
        // It gets all events now.
        drop(document.as_object_mut().and_then(|document| document.remove("canary")));
    }
    document["digest"] = digest;
    // It is no longer what the hub file's path stands for.
    drop(document.as_object_mut().and_then(|document| document.remove("path")));
}

fn no_version(plugin: &Name, message: &str) -> HubError {
    HubError::NoVersion { plugin: plugin.clone(), message: message.to_owned() }
}

fn users(standing: &Arc<Workspace>, plugin: &Name, digest: &Digest) -> Vec<Name> {
    let is_it = |bound: &plugin::Bound| bound.name == *plugin && bound.digest == *digest;
    let runs = |part: &Part| matches!(part, Part::Rule(_, rule) if rule.chain.iter().flat_map(plugin::Bound::versions).any(|bound| is_it(bound)));
    standing.iter().filter(|(_, item)| runs(&item.part)).map(|((_, rule), _)| rule.clone()).collect()
}
