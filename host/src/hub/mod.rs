//! The control plane: which sources, destinations, plugins and rules there are. It reads the hub file, checks and commits revisions,
//! keeps secrets sealed, and hands each flow its piece of an immutable snapshot.
//!
//! The hub knows the parts, no part knows the hub: each part has its own spec, and here they are put together. The running host reads
//! the [`Snapshot`] and nothing else; it never waits for a disk.
//!
//! | file | what it is |
//! |---|---|
//! | `file` | the hub file, read by the client: TOML to a draft, errors with line and column |
//! | `entry`, `spec` | entries and their kinds; which part reads which |
//! | `wording`, `settings`, `remainder` | how a misfit is told, and what plugins say of their settings; all misfits of an entry at once |
//! | `draft`, `check`, `apply`, `condition` | what is asked, whether it may be, and doing it; doing it only to what was seen |
//! | `plan`, `difference` | what an apply would do, field by field |
//! | `export`, `past` | entries as a hub file declares them; revisions listed, compared and brought back, and drift |
//! | `schema` | hub file and documents as JSON Schema |
//! | `access`, `tenancy` | who calls, and what their key allows; which workspaces and API keys there are |
//! | `seal`, `rotation` | secrets; a new signing secret in an old one's place |
//! | `aead`, `main_key`, `data_keys`, `unlock`, `rekey`, `keys` | the cipher; keys that wrap keys, and how they are changed; the admin key |
//! | `own_key` | the main keys that lie in a data folder, for backups |
//! | `durable`, `revision`, `store`, `component` | files; records, which are the commit; the database, which follows; components' bytes |
//! | `uploads` | whose components there are, for the quota of a workspace |
//! | `version` | plugins' versions: uploaded, compiled, activated, rolled back, collected |
//! | `snapshot`, `shared_map`, `compaction` | what the host reads; what of it an apply shares with the one before; joining pieces of the rules' index |
//! | `history`, `health` | rules as they were; how plugins do |
//! | `still`, `inspect` | the folder held still for a copy; a look at it that changes nothing |

mod access;
mod aead;
mod apply;
mod check;
mod compaction;
mod component;
mod condition;
mod data_keys;
mod difference;
mod draft;
mod durable;
mod entry;
mod export;
pub mod file;
mod health;
mod history;
mod inspect;
mod keys;
mod main_key;
mod metrics;
mod open;
mod own_key;
mod past;
mod plan;
mod rekey;
mod remainder;
mod revision;
mod rotation;
mod schema;
mod seal;
mod settings;
mod shared_map;
mod snapshot;
mod spec;
mod still;
mod store;
mod strict;
mod tenancy;
mod unlock;
mod uploads;
mod version;
mod wording;

#[cfg(test)]
mod tests;

/// Makes the keys of a data folder, for tests of who carries them.
#[cfg(test)]
pub(crate) fn make_keys(folder: &std::path::Path) {
    unlock::unlock(folder, &MainKeyOptions::default(), true, &mut Vec::new()).expect("made");
}

pub use access::{ADMIN_KEY, Caller, Scope, ScopeError};
pub use condition::{Condition, Tags};
pub use data_keys::DataKeysError;
pub use difference::FieldChange;
pub use draft::{Applied, Change, Draft, Generated, Note, Origin, What};
pub use durable::FileSystemError;
pub use entry::{Document, Kind, KindError, Problem};
pub use export::Exported;
pub use health::PluginHealth;
pub use inspect::{Inspection, MainKeyState, inspect};
pub use keys::KeysError;
pub use main_key::{MainKeyError, MainKeyOptions, MainKeySource};
pub use metrics::register;
pub use open::{Opened, Options};
pub use own_key::{OwnKey, check_own_key, data_keys_file, own_keys, wrapped_by};
pub use past::{Drift, Drifted, Revision, RevisionPage};
pub use plan::{Missing, Plan, Planned};
pub use rekey::{RekeyError, Rekeyed};
pub use revision::FormatError;
pub use rotation::{KeyVersion, Rotation};
pub use schema::{document_schema, hub_file_schema};
pub use seal::SealError;
pub use snapshot::Snapshot;
pub use still::Still;
pub use store::DatabaseError;
pub use tenancy::{
    KeyChange, KeyState, KeyStatus, Naming, NewKey, Quotas, ShownKey, TenancyError, Workspace, WorkspaceChange, WorkspaceStatus,
    named_key,
};
pub use version::{Flaw, State, Trial, Tried, Version, VersionStatus, Versioning};
pub(crate) use wording::nearest;

use std::{
    collections::HashSet,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    event::{Clock, Digest, Name},
    plugin,
};
use entry::Entry;

/// The quota of a workspace's components, as it is told.
const COMPONENTS_MAX: &str = "components_max";

/// The control plane of one data folder.
pub struct Hub {
    inner: Arc<Inner>,
}

/// Shared with the commits that run beside the caller.
struct Inner {
    /// Held by the draft that is being applied.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Held by who makes or deletes a workspace.
    naming: Arc<tokio::sync::Mutex<()>>,
    /// All entries. Changed only by whose turn it is.
    state: ArcSwap<snapshot::State>,
    /// Made of `state`, right after it.
    snapshot: Arc<ArcSwap<Snapshot>>,
    seal: seal::Seal,
    folder: PathBuf,
    /// Where a new main key goes, or is taken from.
    main_key: MainKeySource,
    keys: keys::Keys,
    tenancy: tenancy::Tenancy,
    catalogue: component::Catalogue,
    /// Whether destinations can call this host back.
    callbacks: bool,
    revisions: revision::Revisions,
    /// `None` once closed.
    disk: Mutex<Option<Disk>>,
    former: history::Former,
    versions: version::Versions,
    versioning: version::Versioning,
    /// Who uploaded what lately.
    uploads: uploads::Uploads,
    /// Uploads that wait to be compiled.
    builds: version::Queue,
    /// Held while segments of an index are joined.
    compacting: Mutex<()>,
    clock: Clock,
}

/// What only one process may have open. Dropped in this order.
struct Disk {
    store: store::Store,
    _lock: File,
}

/// What the hub did not do, and whose it is to mend.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The draft is wrong; everything that is, at once.
    #[error("{} of the draft's values are refused, the first: {}", .0.len(), first(.0))]
    Invalid(Vec<Problem>),
    /// There is nothing of this name.
    #[error("no {} is called `{name}`", kind.singular())]
    NotFound {
        /// The kind.
        kind: Kind,
        /// The name.
        name: Name,
    },
    /// It is not what whoever asked has seen, or is there although it should not be.
    #[error("{} `{name}` is not as the call expects it: read it again, and change what it is now", kind.singular())]
    Changed {
        /// The kind.
        kind: Kind,
        /// The name.
        name: Name,
    },
    /// Rules use what would be deleted.
    #[error("{}", first(.0))]
    InUse(Vec<Problem>),
    /// Who applies it may not change this kind.
    #[error("this changes {kind}, which is not for who asks")]
    NotAllowed {
        /// The kind.
        kind: Kind,
    },
    /// There is no room for it.
    #[error("there are {max} {what} already, which is the limit")]
    Conflict {
        /// Of what.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// There is no such workspace; the sentence names the nearest.
    #[error("{0}")]
    NoWorkspace(String),
    /// The workspace may have no more.
    #[error("the quota `{quota}` of workspace `{workspace}` is {max}, and this would be more; the operator can raise it")]
    Quota {
        /// Whose.
        workspace: Name,
        /// Which.
        quota: &'static str,
        /// How many there may be.
        max: u32,
    },
    /// Somebody else was faster.
    #[error(
        "nothing was applied: this was made to revision {expected}, and meanwhile revision {revision} is in force. Look at what would \
         change now, and apply again"
    )]
    RevisionChanged {
        /// What the draft was made to.
        expected: u64,
        /// What is in force.
        revision: u64,
    },
    /// The workspace has no such revision.
    #[error("there is no revision {revision} of this workspace")]
    NoRevision {
        /// The number.
        revision: u64,
    },
    /// The records no longer tell.
    #[error("revision {revision} is no longer kept: the oldest that can be looked at is {oldest}")]
    RevisionGone {
        /// The number.
        revision: u64,
        /// The oldest of which all is known.
        oldest: u64,
    },
    /// The workspace names no such component, or its file is gone.
    #[error("no component {digest} is kept here")]
    NoComponent {
        /// The component.
        digest: Digest,
    },
    /// Too many uploads wait to be compiled.
    #[error("{waiting} uploads wait to be compiled already, which is the limit: try again when some of them are")]
    Busy {
        /// The limit.
        waiting: usize,
    },
    /// A plugin has no such version.
    #[error("{message}")]
    NoVersion {
        /// The plugin.
        plugin: Name,
        /// For people.
        message: String,
    },
    /// A version that is not compiled, or cannot be.
    #[error("{digest} of plugin `{plugin}` cannot be used: {why}")]
    NotReady {
        /// The plugin.
        plugin: Name,
        /// The version.
        digest: Digest,
        /// For people.
        why: String,
    },
    /// The component cannot be a plugin.
    #[error(transparent)]
    Refused(#[from] plugin::LoadError),
    /// The main key cannot be changed like this.
    #[error(transparent)]
    Rekey(#[from] RekeyError),
    /// The data folder did not serve.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why the data folder did not serve.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk.
    #[error(transparent)]
    FileSystem(#[from] FileSystemError),
    /// A revision's record.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// What there was is not empty, and not readable: it must not be taken for empty.
    #[error(
        "no record in {} is readable, and the database in {} holds nothing: restore either folder from your backup (what was damaged \
         lies there with `damaged` in its name). To begin with an empty hub, remove both",
        revisions.display(), database.display()
    )]
    NothingReadable {
        /// The folder of records.
        revisions: PathBuf,
        /// The folder of the database.
        database: PathBuf,
    },
    /// Taking them for none would be safe, and all keys would be gone.
    #[error(
        "{} is damaged, and the database holds no copy of it: restore it from your backup. To begin without any API key, and with the \
         workspaces that have entries, remove the file; the key in admin.key is not concerned",
        file.display()
    )]
    NoTenancy {
        /// The record of workspaces and keys.
        file: PathBuf,
    },
    /// The record of workspaces and keys is as it was written, and not known here.
    #[error("{} is intact, but this version does not read it: start the version of sluicebox that wrote it, or a newer one", file.display())]
    NewerTenancy {
        /// The record.
        file: PathBuf,
    },
    /// The admin key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The main key.
    #[error(transparent)]
    MainKey(#[from] MainKeyError),
    /// What it wraps.
    #[error(transparent)]
    DataKeys(#[from] DataKeysError),
    /// A secret.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Another process has it.
    #[error("another process has the data folder open: {} is locked", lock.display())]
    InUse {
        /// The file.
        lock: PathBuf,
    },
    /// [`Hub::close`] was called.
    #[error("the hub is closed")]
    Closed,
    /// The work was given up half way; the runtime is stopping, or it panicked.
    #[error("the work on the data folder stopped")]
    Stopped(#[source] tokio::task::JoinError),
}

impl From<revision::RecordsError> for StoreError {
    fn from(error: revision::RecordsError) -> Self {
        match error {
            revision::RecordsError::FileSystem(error) => Self::FileSystem(error),
            revision::RecordsError::Format(error) => Self::Format(error),
        }
    }
}

impl Hub {
    /// What the running host reads; follows each apply.
    #[must_use]
    pub fn snapshot(&self) -> Arc<ArcSwap<Snapshot>> {
        self.inner.snapshot.clone()
    }

    /// One entry's document; of its secrets only `{ "ref": "${X}" }` or `{ "set": true }`.
    #[must_use]
    pub fn get(&self, workspace: &Name, kind: Kind, name: &Name) -> Option<Value> {
        let key = (kind, name.clone());
        let state = self.inner.state.load();
        state.item(workspace, &key).map(|item| seal::shown(&Entry::new(workspace, &key), &item.document))
    }

    /// All entries of a kind in the order of their names, as [`get`](Self::get) shows them.
    #[must_use]
    pub fn list(&self, workspace: &Name, kind: Kind) -> Vec<(Name, Value)> {
        let standing = self.inner.state.load().workspace(workspace);
        let of_kind = standing.iter().filter(|(key, _)| key.0 == kind);
        of_kind.map(|(key, item)| (key.1.clone(), seal::shown(&Entry::new(workspace, key), &item.document))).collect()
    }

    /// A key of this data folder for another purpose, which tells nothing of the main key and stays when that is changed.
    #[must_use]
    pub fn derived_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        self.inner.seal.keys.derived(purpose)
    }

    /// Keeps a component, so that plugins of the workspace can name its digest, and compiles it. One that is no plugin is not kept.
    ///
    /// # Errors
    /// [`HubError::NoWorkspace`], [`HubError::Refused`] with what its author should mend, [`HubError::Quota`] at the workspace's limit and
    /// [`HubError::Conflict`] at the host's, [`HubError::Store`] where the disk failed.
    pub async fn put_component(&self, workspace: &Name, bytes: Bytes) -> Result<(Digest, plugin::Exports), HubError> {
        let components_max = self.check_workspace(workspace)?.components_max;
        let digest = Digest::of(&bytes);
        let full = HubError::Conflict { what: "components", max: component::FILES_MAX };
        let over = |max| HubError::Quota { workspace: workspace.clone(), quota: COMPONENTS_MAX, max };
        // Before it is compiled, which is dear; and once more in its turn.
        if let Some(max) = components_max.filter(|_| !self.inner.may_upload(workspace, &digest, components_max)) {
            return Err(over(max));
        }
        let catalogue = &self.inner.catalogue;
        let (digest, exports) = catalogue.plugins.load(&digest.to_string(), bytes.clone()).await?;
        let uploader = workspace.clone();
        let put = self.with_versions(move |inner| {
            let may = inner.may_upload(&uploader, &digest, components_max);
            let kept = if may { inner.keep(&uploader, &digest, &bytes) } else { Ok(false) };
            if !matches!(kept, Ok(true)) {
                inner.release();
            }
            kept.map(|kept| (may, kept))
        });
        match (put.await?, components_max) {
            ((_, true), _) => Ok((digest, exports)),
            ((false, _), Some(max)) => Err(over(max)),
            _ => Err(full),
        }
    }

    /// Closes the stores and unlocks the folder; later applies fail. What was applied is on disk already.
    pub fn close(&self) {
        self.inner.disk().take();
    }
}

impl Inner {
    /// What entries are checked against.
    fn terms<'a>(&'a self, workspace: &'a Name) -> check::Terms<'a> {
        check::Terms { workspace, catalogue: &self.catalogue, callbacks: self.callbacks }
    }

    /// Takes components out of memory that neither the state nor a former rule set runs. An upload that is not named yet is compiled
    /// again when it is.
    fn release(&self) {
        self.catalogue.unload_except(|| self.state.load().digests().chain(self.former.digests()).collect());
    }

    /// Keeps an upload of a workspace. False: there is no room for it on the host.
    fn keep(&self, workspace: &Name, digest: &Digest, bytes: &Bytes) -> Result<bool, revision::RecordsError> {
        let kept = self.catalogue.components.put(digest, bytes, component::FILES_MAX, || self.named())?;
        if kept {
            self.uploads.note(workspace, *digest, (self.clock)());
        }
        Ok(kept)
    }

    /// The components that any kept record or version names. Reads all records.
    fn named(&self) -> Result<HashSet<Digest>, revision::RecordsError> {
        let mut named = self.revisions.digests()?;
        named.extend(self.versions.digests());
        Ok(named)
    }

    fn disk(&self) -> MutexGuard<'_, Option<Disk>> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first(problems: &[Problem]) -> String {
    problems.first().map(ToString::to_string).unwrap_or_default()
}
