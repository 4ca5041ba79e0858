//! The components' bytes: files named by the SHA-256 of what they hold, so that one that is there never changes. They are too
//! large for the store (DESIGN, "Stores").

use std::{
    collections::HashSet,
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use super::{
    durable::{self, FileSystemError},
    revision::RecordsError,
};
use crate::{
    event::{Digest, Invalid, Name, Timestamp},
    failpoint::{self, Step},
    plugin::{self, Plugins},
};

/// The most components that are kept, of all workspaces together.
pub(super) const FILES_MAX: usize = 4096;

/// An upload that nothing names is kept at least for this long: an apply uploads components before it names them.
pub(super) const UNNAMED_AGE_MIN: Duration = Duration::from_secs(3600);

/// The folder that holds them.
#[derive(Clone)]
pub(super) struct Components {
    folder: Arc<Path>,
}

impl Components {
    pub(super) fn open(folder: PathBuf) -> Result<Self, FileSystemError> {
        durable::make_folder(&folder)?;
        durable::sweep(&folder)?;
        Ok(Self { folder: folder.into() })
    }

    /// The folder as it is, for who only reads: nothing is made or swept.
    pub(super) fn at_rest(folder: PathBuf) -> Self {
        Self { folder: folder.into() }
    }

    /// The component's bytes. `None` too where the file no longer holds what its name says: an upload mends it while the host
    /// runs, and before its next start only a restored file does.
    pub(super) fn read(&self, digest: &Digest) -> Result<Option<Bytes>, FileSystemError> {
        let path = self.path(digest);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(Bytes::from(bytes)).filter(|bytes| Digest::of(bytes) == *digest)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileSystemError::when("read", &path)(error)),
        }
    }

    /// Whether the file is there; what it holds is checked by [`read`](Self::read).
    pub(super) fn has(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Keeps the bytes under their digest. False: there are `files_max` already, and all of them are `named`, or are new.
    pub(super) fn put(
        &self,
        digest: &Digest,
        bytes: &[u8],
        files_max: usize,
        named: impl FnOnce() -> Result<HashSet<Digest>, RecordsError>,
    ) -> Result<bool, RecordsError> {
        let path = self.path(digest);
        if self.read(digest)?.is_some() {
            // As new as an upload: who put it is about to name it.
            let touched = File::options().write(true).open(&path).and_then(|file| file.set_modified(SystemTime::now()));
            touched.map_err(FileSystemError::when("touch", &path))?;
            return Ok(true);
        }
        let is_full = || Ok::<_, FileSystemError>(durable::files(&self.folder)?.len() >= files_max);
        if !self.has(digest) && is_full()? {
            self.remove_except(&named()?)?;
            if is_full()? {
                return Ok(false);
            }
        }
        durable::write(&path, bytes, durable::SHARED)?;
        failpoint::reach(Step::ComponentStored);
        Ok(true)
    }

    /// Removes what is not `named`, but for uploads younger than an hour, which an apply may be about to name. Gives what is gone.
    pub(super) fn remove_except(&self, named: &HashSet<Digest>) -> Result<Vec<Digest>, FileSystemError> {
        let named: HashSet<PathBuf> = named.iter().map(|digest| self.path(digest)).collect();
        let mut gone = Vec::new();
        for path in durable::files(&self.folder)?.into_iter().filter(|path| is_component(path) && !named.contains(path)) {
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = modified.map_err(FileSystemError::when("read", &path))?.elapsed().unwrap_or_default();
            if age >= UNNAMED_AGE_MIN {
                fs::remove_file(&path).map_err(FileSystemError::when("remove", &path))?;
                let digits = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
                gone.extend(format!("sha256:{digits}").parse::<Digest>());
            }
        }
        if !gone.is_empty() {
            durable::sync_folder(&self.folder)?;
        }
        Ok(gone)
    }

    /// How long the component is; 0 where it is not there.
    pub(super) fn length(&self, digest: &Digest) -> u64 {
        fs::metadata(self.path(digest)).map_or(0, |metadata| metadata.len())
    }

    /// Removes the component, unless it was uploaded again after `idle_since`. True: it is gone.
    pub(super) fn remove(&self, digest: &Digest, idle_since: Timestamp) -> Result<bool, FileSystemError> {
        let path = self.path(digest);
        let Ok(modified) = fs::metadata(&path).and_then(|metadata| metadata.modified()) else { return Ok(true) };
        let modified_ms = modified.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis());
        if modified_ms > u128::from(idle_since.0) {
            return Ok(false);
        }
        fs::remove_file(&path).map_err(FileSystemError::when("remove", &path))?;
        Ok(true)
    }

    /// Where the component is, or should be.
    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", hex::encode(digest.as_bytes())))
    }
}

/// And no file that is being written.
fn is_component(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("wasm"))
}

/// Why a plugin is not joined with its component.
#[derive(Clone, Debug)]
pub(super) enum BindError {
    /// The entry or the component is wrong, and stays so.
    Invalid(Invalid),
    /// The disk, the engine, or a file that is not there: it may work later, without another entry.
    Unavailable(String),
}

impl BindError {
    fn map(self, change: impl FnOnce(Invalid) -> Invalid) -> Self {
        match self {
            Self::Invalid(invalid) => Self::Invalid(change(invalid)),
            Self::Unavailable(message) => Self::Unavailable(message),
        }
    }

    /// As it is told to whoever applied the entry.
    pub(super) fn into_invalid(self) -> Invalid {
        match self {
            Self::Invalid(invalid) => invalid,
            Self::Unavailable(message) => Invalid::at("/digest", message),
        }
    }
}

/// The stored components and the plugin machine's catalogue of compiled ones.
#[derive(Clone)]
pub(super) struct Catalogue {
    pub(super) components: Components,
    pub(super) plugins: Arc<Plugins>,
    /// Read by who loads and binds; written by who unloads, so that nothing goes between the two.
    pub(super) binding: Arc<tokio::sync::RwLock<()>>,
}

impl Catalogue {
    pub(super) fn new(components: Components, plugins: Arc<Plugins>) -> Self {
        let stored = components.clone();
        plugins.use_components(move |digest| stored.read(digest).ok().flatten());
        Self { components, plugins, binding: Arc::default() }
    }

    /// Takes compiled components that nobody needs out of memory. While one is being bound all stay; the next commit is soon enough.
    pub(super) fn unload_except(&self, needed: impl FnOnce() -> HashSet<Digest>) {
        if let Ok(_alone) = self.binding.try_write() {
            self.plugins.unload_except(&needed());
        }
    }

    /// Joins a plugin's entry with its component, which is compiled first where it is not yet.
    pub(super) async fn bind(&self, workspace: &Name, name: &Name, spec: &plugin::Spec) -> Result<Arc<plugin::Bound>, BindError> {
        let _binding = self.binding.read().await;
        self.load(name.as_str(), &spec.digest).await?;
        if let Some(canary) = &spec.canary {
            let in_canary = |invalid: Invalid| Invalid { pointer: "/canary/digest".to_owned(), ..invalid };
            self.load(name.as_str(), &canary.digest).await.map_err(|error| error.map(in_canary))?;
        }
        self.plugins.bind(workspace, name.clone(), spec).map_err(BindError::Invalid)
    }

    /// Joins a pinned version with the rest of its plugin's entry, compiled first likewise.
    pub(super) async fn bind_pinned(
        &self,
        plugin: &plugin::Bound,
        reference: &plugin::Reference,
    ) -> Result<Arc<plugin::Bound>, BindError> {
        let unresolved = || Invalid::at("/digest", format!("`{reference}` is not a whole digest"));
        let digest = reference.pin.as_ref().and_then(plugin::Pin::whole).ok_or_else(unresolved).map_err(BindError::Invalid)?;
        let _binding = self.binding.read().await;
        self.load(plugin.name.as_str(), &digest.to_string()).await?;
        self.plugins.rebind(plugin, &digest).map_err(BindError::Invalid)
    }

    /// Makes sure that the component is stored and compiled; else tells why it is not.
    async fn load(&self, label: &str, digest: &str) -> Result<(), BindError> {
        let invalid = |message| BindError::Invalid(Invalid::at("/digest", message));
        let digest: Digest = digest.parse().map_err(|error: crate::event::IdError| invalid(error.to_string()))?;
        let loaded = self.plugins.is_loaded(&digest);
        if self.components.has(&digest) && (loaded || self.plugins.know(digest).await) {
            return Ok(());
        }
        let components = self.components.clone();
        let read = tokio::task::spawn_blocking(move || components.read(&digest)).await;
        let read = read.map_err(|error| BindError::Unavailable(error.to_string()))?;
        let bytes = read.map_err(|error| BindError::Unavailable(error.to_string()))?;
        let absent = || format!("no component {digest} is stored: upload it first (`sluicebox plugin push`)");
        let bytes = bytes.ok_or_else(|| BindError::Unavailable(absent()))?;
        if !loaded {
            self.plugins.load(label, bytes).await.map_err(|error| refused(&error))?;
        }
        Ok(())
    }
}

/// What failed in passing may go well the next time; a component that the engine refuses, it refuses again.
fn refused(error: &plugin::LoadError) -> BindError {
    if error.is_passing() {
        BindError::Unavailable(error.to_string())
    } else {
        BindError::Invalid(Invalid::at("/digest", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Result<HashSet<Digest>, RecordsError> {
        Ok(HashSet::new())
    }

    #[test]
    fn what_nobody_names_gives_way_once_it_is_old() {
        let folder = tempfile::tempdir().expect("a folder");
        let components = Components::open(folder.path().join("components")).expect("opened");
        let [named, old, new, more] = ["named", "old", "new", "more"].map(|text| Digest::of(text.as_bytes()));
        let put = |digest: &Digest, text: &str| {
            components.put(digest, text.as_bytes(), 3, || Ok(HashSet::from([named]))).expect("no failure")
        };
        assert!(put(&named, "named") && put(&old, "old") && put(&new, "new"));
        assert!(!put(&more, "more"), "all are named or new");
        for digest in [&named, &old] {
            let file = File::options().write(true).open(components.path(digest)).expect("there");
            file.set_modified(SystemTime::now() - 2 * UNNAMED_AGE_MIN).expect("aged");
        }
        assert!(put(&more, "more"));
        assert_eq!([&named, &old, &new, &more].map(|digest| components.has(digest)), [true, false, true, true]);
    }

    #[test]
    fn a_component_is_found_by_its_digest_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let components = Components::open(folder.path().join("components")).expect("opened");
        let digest = Digest::of(b"bytes");
        assert_eq!(components.read(&digest).expect("no failure"), None);
        components.put(&digest, b"bytes", 9, none).expect("kept");
        assert_eq!(components.read(&digest).expect("no failure").as_deref(), Some(&b"bytes"[..]));

        fs::write(components.path(&digest), b"bites").expect("damaged");
        assert_eq!(components.read(&digest).expect("no failure"), None);
        components.put(&digest, b"bytes", 9, none).expect("mended");
        assert!(components.read(&digest).expect("no failure").is_some());
    }
}
