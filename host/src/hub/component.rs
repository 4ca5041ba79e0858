//! The components' bytes: files named by the SHA-256 of what they hold, so that one that is there never changes. They are too
//! large for the store (DESIGN, "Stores").

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::durable::{self, FileSystemError};
use crate::{
    event::{Digest, Invalid, Name},
    plugin::{self, Plugins},
};

/// The most components that are kept, of all workspaces together.
pub(super) const FILES_MAX: usize = 4096;

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

    /// The component's bytes. `None` too where the file no longer holds what its name says, so that an upload mends it.
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

    /// Keeps the bytes under their digest. False: there are [`FILES_MAX`] already.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<bool, FileSystemError> {
        if self.read(digest)?.is_some() {
            return Ok(true);
        }
        if !self.has(digest) && durable::files(&self.folder)?.len() >= FILES_MAX {
            return Ok(false);
        }
        durable::write(&self.path(digest), bytes, durable::SHARED).map(|()| true)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(format!("{}.wasm", hex::encode(digest.as_bytes())))
    }
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
}

impl Catalogue {
    /// Joins a plugin's entry with its component, which is compiled first where it is not yet.
    pub(super) async fn bind(&self, name: &Name, spec: &plugin::Spec) -> Result<Arc<plugin::Bound>, BindError> {
        self.load(name.as_str(), &spec.digest).await?;
        self.plugins.bind(name.clone(), spec).map_err(BindError::Invalid)
    }

    /// Makes sure that the component is stored and compiled; else tells why it is not.
    async fn load(&self, label: &str, digest: &str) -> Result<(), BindError> {
        let invalid = |message| BindError::Invalid(Invalid::at("/digest", message));
        let digest: Digest = digest.parse().map_err(|error: crate::event::IdError| invalid(error.to_string()))?;
        let loaded = self.plugins.is_loaded(&digest);
        if loaded && self.components.has(&digest) {
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

/// The engine's own failure passes; a component that it refuses, it refuses again.
fn refused(error: &plugin::LoadError) -> BindError {
    match error.code {
        ENGINE_FAILED => BindError::Unavailable(error.to_string()),
        _ => BindError::Invalid(Invalid::at("/digest", error.to_string())),
    }
}

/// The one code of [`plugin::LoadError`] that is the server's fault.
const ENGINE_FAILED: &str = "P011";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_found_by_its_digest_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let components = Components::open(folder.path().join("components")).expect("opened");
        let digest = Digest::of(b"bytes");
        assert_eq!(components.read(&digest).expect("no failure"), None);
        components.put(&digest, b"bytes").expect("kept");
        assert_eq!(components.read(&digest).expect("no failure").as_deref(), Some(&b"bytes"[..]));

        fs::write(components.path(&digest), b"bites").expect("damaged");
        assert_eq!(components.read(&digest).expect("no failure"), None);
        components.put(&digest, b"bytes").expect("mended");
        assert!(components.read(&digest).expect("no failure").is_some());
    }
}
