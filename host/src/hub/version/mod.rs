//! The versions of plugins: every component that was uploaded as one or was active, from its upload until nobody uses it any more. Which
//! of them is active is the plugin's document's to say; what is kept here is what came of the others, and which was active before.
//!
//! A file for each plugin, written before anybody is told. A lost one costs a listing and a rollback, never an event: documents name
//! their versions by the whole digest.

mod build;
mod collect;
mod diff;
mod queue;
mod record;
mod request;

pub use diff::{Trial, Tried};
pub(super) use queue::Queue;
pub use request::VersionStatus;

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use super::{
    draft::Note,
    durable::{self, FileSystemError},
};
use crate::{
    event::{Digest, Invalid, Name, Timestamp},
    plugin::{Exports, Pin},
};
use record::Record;

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Versioning {
    /// Versions of one plugin that are kept although nothing uses them, newest first.
    pub unused_max: usize,
    /// What is not among them stays for this long after it was last used.
    pub idle_ms_min: u64,
    /// How often what is over is looked for.
    pub collect_every_ms: u64,
    /// Uploads that may wait to be compiled, of all plugins together.
    pub uploads_waiting_max: usize,
}

impl Default for Versioning {
    fn default() -> Self {
        Self { unused_max: 10, idle_ms_min: 3_600_000, collect_every_ms: 600_000, uploads_waiting_max: 64 }
    }
}

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The component's bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// When they came, or were first active.
    pub uploaded_at: Timestamp,
    /// How far it is.
    pub state: State,
    /// Why it failed, or why it was not activated although it is ready.
    pub problem: Option<Flaw>,
    /// Where it is to be activated as soon as it is ready, what that revision's record says; of a plugin's versions at most the one for
    /// which that was asked last.
    pub activate: Option<Note>,
    /// Since when it was seen to be unused.
    pub(super) idle_since: Option<Timestamp>,
}

/// How far a version is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Others are compiled before it.
    Queued,
    /// It is its turn.
    Compiling,
    /// It can be activated.
    Ready(Exports),
    /// It cannot; a new upload of the same bytes tries again.
    Failed,
}

/// What is wrong with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// `P004`, or `not-activated`.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Workspace and plugin.
type Place = (Name, Name);

/// All versions of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// As of the last revision that was followed.
    active: Option<Digest>,
    /// The one that was active before it.
    before: Option<Digest>,
    /// In the order of their uploads.
    versions: Vec<Version>,
}

/// The versions of all plugins.
pub(super) struct Versions {
    folder: PathBuf,
    lines: RwLock<BTreeMap<Place, Arc<Line>>>,
    /// Held by who changes one, across its write.
    writing: Mutex<()>,
}

impl Versions {
    /// Reads the folder, and makes it where it is not there. What cannot be read is told of and set aside.
    pub(super) fn open(folder: PathBuf, notes: &mut Vec<String>) -> Result<Self, FileSystemError> {
        durable::make_folder(&folder)?;
        durable::sweep(&folder)?;
        let mut lines = BTreeMap::new();
        for path in durable::files(&folder)?.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "json")) {
            let bytes = fs::read(&path).map_err(FileSystemError::when("read", &path))?;
            match serde_json::from_slice(&bytes).ok().and_then(Record::read) {
                Some((place, line)) => drop(lines.insert(place, Arc::new(line))),
                None => notes.push(set_aside(&path)?),
            }
        }
        Ok(Self { folder, lines: RwLock::new(lines), writing: Mutex::default() })
    }

    /// What there is of a plugin.
    pub(super) fn line(&self, workspace: &Name, plugin: &Name) -> Arc<Line> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.get(&(workspace.clone(), plugin.clone())).cloned().unwrap_or_default()
    }

    /// The versions of a workspace's plugins.
    pub(super) fn digests_of(&self, workspace: &Name) -> Vec<Digest> {
        let own = self.all().into_iter().filter(|(place, _)| place.0 == *workspace);
        own.flat_map(|(_, line)| line.digests().collect::<Vec<_>>()).collect()
    }

    /// What there is of all plugins.
    fn all(&self) -> Vec<(Place, Arc<Line>)> {
        let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|(place, line)| (place.clone(), Arc::clone(line))).collect()
    }

    /// The components of all versions, and of those that were active before.
    pub(super) fn digests(&self) -> HashSet<Digest> {
        self.all().iter().flat_map(|(_, line)| line.digests().collect::<Vec<_>>()).collect()
    }

    /// Changes what there is of a plugin, on disk first. Blocking.
    fn change<T>(&self, place: &Place, change: impl FnOnce(&mut Line) -> T) -> Result<T, FileSystemError> {
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.line(&place.0, &place.1);
        let mut line = Line::clone(&before);
        let told = change(&mut line);
        if line == *before {
            return Ok(told);
        }
        let path = self.folder.join(format!("{}.{}.json", place.0, place.1));
        if line == Line::default() {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FileSystemError::when("remove", &path)(error));
                }
                _ => durable::sync_folder(&self.folder)?,
            }
            self.lines.write().unwrap_or_else(PoisonError::into_inner).remove(place);
        } else {
            let record = serde_json::to_vec(&Record::of(place, &line));
            let bytes = record.map_err(|error| FileSystemError::when("write", &path)(error.into()))?;
            durable::write(&path, &bytes, durable::SHARED)?;
            self.lines.write().unwrap_or_else(PoisonError::into_inner).insert(place.clone(), Arc::new(line));
        }
        Ok(told)
    }

    /// Keeps in step with a plugin's document: `active` is the digest that it names now, `None` where it is gone. Blocking.
    pub(super) fn follow(
        &self,
        workspace: &Name,
        plugin: &Name,
        active: Option<(Digest, Exports)>,
        bytes: u64,
        now: Timestamp,
    ) -> Result<(), FileSystemError> {
        self.change(&(workspace.clone(), plugin.clone()), |line| line.follow(active, bytes, now))
    }

    /// Takes a version in as if a stop came before it was compiled.
    #[cfg(test)]
    pub(super) fn interrupted(&self, place: &Place, digest: Digest, activate: bool) {
        let activate = activate.then(Note::default);
        self.change(place, |line| line.take(digest, 1, activate, Timestamp(0))).expect("written");
    }

    /// The version of a plugin that is meant.
    pub(super) fn resolve(&self, workspace: &Name, plugin: &Name, pin: &Pin) -> Result<Digest, Invalid> {
        if let Some(digest) = pin.whole() {
            return Ok(digest);
        }
        let line = self.line(workspace, plugin);
        let mut meant = line.versions.iter().map(|version| version.digest).filter(|digest| pin.matches(digest));
        match (meant.next(), meant.next()) {
            (Some(digest), None) => Ok(digest),
            (None, _) => Err(Invalid::at(
                "",
                format!("no version of plugin `{plugin}` begins with {pin}: see `sluicebox plugin versions {plugin}`"),
            )),
            (Some(_), Some(_)) => {
                Err(Invalid::at("", format!("several versions of plugin `{plugin}` begin with {pin}: give more digits")))
            }
        }
    }
}

impl Line {
    fn version(&self, digest: &Digest) -> Option<&Version> {
        self.versions.iter().find(|version| version.digest == *digest)
    }

    fn version_mut(&mut self, digest: &Digest) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.digest == *digest)
    }

    fn digests(&self) -> impl Iterator<Item = Digest> {
        self.versions.iter().map(|version| version.digest).chain(self.active).chain(self.before)
    }

    fn follow(&mut self, active: Option<(Digest, Exports)>, bytes: u64, now: Timestamp) {
        let Some((digest, exports)) = active else {
            // Nothing is left to go back to: a plugin of this name would be another one.
            (self.active, self.before) = (None, None);
            return;
        };
        let before = self.active.replace(digest);
        if before != Some(digest) {
            self.before = before.or(self.before);
            // This decision is newer than the wish for another version, which is compiled all the same.
            self.versions.iter_mut().for_each(|version| version.activate = None);
        }
        if self.version(&digest).is_none() {
            let state = State::Queued;
            let (problem, idle_since) = (None, None);
            self.versions.push(Version { digest, bytes, uploaded_at: now, state, problem, activate: None, idle_since });
        }
        if let Some(version) = self.version_mut(&digest) {
            (version.state, version.problem, version.activate) = (State::Ready(exports), None, None);
            version.idle_since = None;
        }
    }
}

fn set_aside(path: &Path) -> Result<String, FileSystemError> {
    let aside = durable::set_aside(path, ".damaged")?;
    Ok(format!("the list of a plugin's versions was damaged and begins anew; it is now {}", aside.display()))
}
