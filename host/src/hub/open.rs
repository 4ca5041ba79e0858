//! Opening the hub: the folder is locked, the keys are read, the records and the database are brought to one state, and that state is
//! checked and refined like any draft.
//!
//! Records and database: what the records tell counts, and the database follows. Only where the database is newer (its revision was
//! committed, since it is written after the record, and the record was lost since) it counts, and a new record is written of it.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    Disk, FileSystemError, Hub, HubError, Inner, StoreError,
    check::{Terms, check},
    component::{Catalogue, Components},
    draft::Edits,
    durable,
    entry::{Entry, Key, Kind, Problem},
    history::Former,
    keys::Keys,
    main_key::MainKeyOptions,
    revision::{Record, Revisions, Whole},
    seal::Seal,
    snapshot::{Item, Snapshot, State, Workspace},
    store::Store,
    tenancy::{self, Tenancy},
    unlock::unlock,
    uploads::Uploads,
    version::{Queue, Versioning, Versions},
};
use crate::{
    event::{Clock, Digest, Name, Timestamp},
    journal,
    plugin::Plugins,
};

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder. The hub's are `hub/`, `hub.lock`, `revisions/`, `components/`, `versions/`, `tenancy.json`, `data-keys.json`, `main.key` and
    /// `admin.key` in it.
    pub folder: PathBuf,
    /// What secrets are sealed by in the end.
    pub main_key: MainKeyOptions,
    /// How plugins' versions are kept.
    pub versioning: Versioning,
    /// Whether destinations can call this host back: it knows its public URL.
    pub callbacks: bool,
}

/// An open hub, and what there is to say about it.
pub struct Opened {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Whether the admin key is new, and should be shown.
    pub admin_key_made: bool,
    /// For the operator: what was damaged and how it was mended.
    pub notes: Vec<String>,
}

impl Hub {
    /// Opens the hub in its folder, and makes there what is missing.
    ///
    /// # Errors
    /// [`HubError::Store`] where the folder is in use, a key is lost or the disk failed; [`HubError::Invalid`] where a stored entry no longer
    /// fits, as when its component's file is gone or damaged, which is named then: the host must not run without a rule or a plugin that
    /// it had.
    pub async fn open(options: &Options, plugins: Arc<Plugins>, clock: Clock) -> Result<Opened, HubError> {
        let (folder, main_key) = (options.folder.clone(), options.main_key.clone());
        let now = clock();
        let machine = Arc::clone(&plugins);
        let loaded = spawn_blocking(move || {
            let loaded = Loaded::from(&folder, &main_key, now)?;
            machine.open_cache(loaded.seal.keys.derived("compiled components"));
            Ok::<_, StoreError>(loaded)
        });
        let loaded = loaded.await.map_err(StoreError::Stopped)??;
        let catalogue = Catalogue::new(loaded.components, plugins);
        let terms = Terms { workspace: &Name::default_workspace(), catalogue: &catalogue, callbacks: options.callbacks };
        let state = refined(loaded.revision, loaded.whole, &loaded.seal, &terms).await?;
        let state = State { rates: loaded.tenancy.load().rates(), ..state };
        let snapshot = Snapshot::of(&state);
        let inner = Inner {
            turn: Arc::default(),
            naming: Arc::default(),
            state: ArcSwap::from_pointee(state),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
            seal: loaded.seal,
            folder: options.folder.clone(),
            main_key: options.main_key.source.clone(),
            keys: loaded.keys,
            tenancy: loaded.tenancy,
            catalogue,
            callbacks: options.callbacks,
            revisions: loaded.revisions,
            disk: Mutex::new(Some(loaded.disk)),
            former: Former::default(),
            versions: loaded.versions,
            versioning: options.versioning.clone(),
            uploads: Uploads::default(),
            builds: Queue::default(),
            compacting: Mutex::default(),
            clock,
        };
        let hub = Arc::new(Self { inner: Arc::new(inner) });
        hub.catch_up_with_versions().await?;
        Ok(Opened { hub, admin_key_made: loaded.admin_key_made, notes: loaded.notes })
    }
}

/// What lies on disk, not yet refined.
struct Loaded {
    keys: Keys,
    admin_key_made: bool,
    tenancy: Tenancy,
    seal: Seal,
    components: Components,
    revisions: Revisions,
    versions: Versions,
    disk: Disk,
    revision: u64,
    whole: Whole,
    notes: Vec<String>,
}

impl Loaded {
    fn from(folder: &Path, main_key: &MainKeyOptions, now: Timestamp) -> Result<Self, StoreError> {
        durable::make_folder(folder)?;
        let lock = lock(&folder.join("hub.lock"))?;
        durable::sweep(folder)?;
        let revisions = Revisions::open(folder.join("revisions"))?;
        let mut notes = Vec::new();
        // First: with a wrong key nothing is touched.
        let data_keys = unlock(folder, main_key, revisions.is_empty()?, &mut notes)?;
        let opened_keys = Keys::open(folder)?;
        let mut told = revisions.newest()?;
        let opened = Store::open(&folder.join("hub"), now)?;
        notes.extend(opened_keys.notes);
        notes.append(&mut told.notes);
        notes.extend(opened.notes);

        if told.revision == 0 && opened.revision == 0 && !revisions.is_empty()? {
            return Err(StoreError::NothingReadable { revisions: folder.join("revisions"), database: folder.join("hub") });
        }
        if opened.revision > told.revision {
            notes.push(format!("the record of revision {} is lost; it was taken from the database", opened.revision));
            let record = Record::new(opened.revision, told.revision, &Name::default_workspace(), now, &BTreeMap::new());
            let workspaces = opened.documents.keys().map(|entry| (entry.workspace.clone(), opened.revision));
            let newest = told.whole.newest.into_iter().chain(workspaces).collect();
            let whole = Whole { documents: opened.documents, newest, ..Whole::default() };
            revisions.commit(record, Some(whole.clone()))?;
            (told.revision, told.whole) = (opened.revision, whole);
        } else if (opened.revision, &opened.documents) != (told.revision, &told.whole.documents) {
            opened.store.align(told.revision, &told.whole.documents)?;
        }
        let with_entries = told.whole.documents.keys().map(|entry| entry.workspace.clone()).collect();
        let tenancy = Tenancy::open(folder.join(tenancy::FILE), &opened.store, &with_entries, now, &mut notes)?;
        Ok(Self {
            seal: Seal::new(data_keys),
            keys: opened_keys.keys,
            admin_key_made: opened_keys.admin_key_made,
            tenancy,
            components: Components::open(folder.join("components"))?,
            revisions,
            versions: Versions::open(folder.join("versions"), &mut notes)?,
            disk: Disk { store: opened.store, _lock: lock },
            revision: told.revision,
            whole: told.whole,
            notes,
        })
    }
}

/// Two processes on one folder would each overwrite the other's revisions.
fn lock(path: &Path) -> Result<File, StoreError> {
    let open = File::options().create(true).write(true).truncate(false).open(path);
    let file = open.map_err(FileSystemError::when("open", path))?;
    match journal::lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { lock: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(FileSystemError::when("lock", path)(error).into()),
    }
}

/// The state of these documents. A rule of which it is not known since when it is what it is counts as new.
async fn refined(revision: u64, whole: Whole, seal: &Seal, terms: &Terms<'_>) -> Result<State, HubError> {
    let Whole { documents, since, newest } = whole;
    let mut workspaces: BTreeMap<Name, BTreeMap<Key, Value>> = BTreeMap::new();
    let mut edits: BTreeMap<Name, Edits> = BTreeMap::new();
    for (entry, document) in documents {
        let clear = seal.unseal(&entry, document.clone()).map_err(StoreError::Seal)?;
        edits.entry(entry.workspace.clone()).or_default().insert(entry.key(), Some(clear));
        workspaces.entry(entry.workspace.clone()).or_default().insert(entry.key(), document);
    }
    let mut state = State { revision, newest, ..State::default() };
    for (name, mut documents) in workspaces {
        let edits = edits.remove(&name).unwrap_or_default();
        let terms = Terms { workspace: &name, ..*terms };
        let checked = check(&Workspace::default(), &edits, &terms).await;
        let parts = checked.map_err(|findings| unfit(findings.problems, &edits, &terms.catalogue.components))?;
        let since = |key: &Key| since.get(&Entry::new(&name, key)).copied().unwrap_or(revision);
        let item = |(key, part)| {
            let (document, since) = (documents.remove(&key)?, since(&key));
            Some((key, Arc::new(Item { document, part, since })))
        };
        let items = parts.into_iter().filter_map(item).collect();
        state.workspaces.insert(name, Arc::new(items));
    }
    Ok(state)
}

/// Nobody can upload to a host that does not start; so for a component that is not there, its file is named.
fn unfit(mut problems: Vec<Problem>, edits: &Edits, components: &Components) -> HubError {
    for problem in problems.iter_mut().filter(|problem| problem.kind == Kind::Plugin && problem.pointer == "/digest") {
        let key = problem.name.parse().map(|name| (Kind::Plugin, name));
        let digest = key.ok().and_then(|key| edits.get(&key)?.as_ref()?["digest"].as_str()?.parse::<Digest>().ok());
        if let Some(digest) = digest.filter(|digest| !matches!(components.read(digest), Ok(Some(_)))) {
            let path = components.path(&digest);
            problem.message =
                format!("the component {digest} is missing or damaged: restore {} from your backup", path.display());
        }
    }
    HubError::Invalid(problems)
}
