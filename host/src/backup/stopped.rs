//! A backup of a data folder that no host runs on.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    BackupError, JOURNAL,
    choose::WORK,
    link::{self, Chosen},
    pack::Packer,
};
use crate::{
    event::Timestamp,
    hub,
    journal::{self, Frozen},
};

/// A folder that is ours while this lives: no host can be started on it.
pub struct Stopped {
    files: Vec<Chosen>,
    journal: Box<dyn Frozen>,
    data: PathBuf,
    scratch: Scratch,
    _lock: File,
}

/// A folder for the copy of the journal, which nobody else can look or put anything into. Removed with this.
struct Scratch(PathBuf);

impl Scratch {
    fn within(folder: &Path) -> io::Result<Self> {
        let scratch = folder.join(format!(".sluicebox-{WORK}-{}", std::process::id()));
        let told = |error: io::Error| io::Error::new(error.kind(), format!("the folder {}: {error}", scratch.display()));
        link::new_folder(&scratch).map_err(told)?;
        Ok(Self(scratch))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "what was put together for a backup was not removed");
        }
    }
}

impl Stopped {
    /// Locks a data folder. The journal is copied beside the archive, into a folder within `beside`, so that a full disk is no hindrance.
    ///
    /// # Errors
    /// Where a host runs on it, it is no data folder, or the disk fails.
    pub fn lock(data: &Path, beside: &Path) -> Result<Self, BackupError> {
        let lock = File::options().write(true).open(data.join("hub.lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let told = "a host runs on this folder: leave out --stopped, and it is backed up while it runs";
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, told).into());
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let journal = journal::freeze_stopped(&journal::Options::in_folder(data.join("journal")))?;
        Ok(Self { files: link::found(data)?, journal, data: data.to_owned(), scratch: Scratch::within(beside)?, _lock: lock })
    }

    /// The id of the main key that opens the secrets in it.
    ///
    /// # Errors
    /// Where there are no data keys, or they are damaged.
    pub fn main_key(&self) -> Result<String, BackupError> {
        Ok(hub::wrapped_by(&hub::data_keys_file(&self.data))?)
    }

    /// About how many bytes the archive will have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let length = |file: &Chosen| fs::metadata(&file.path).map_or(0, |metadata| metadata.len());
        self.files.iter().map(length).sum::<u64>() + self.journal.bytes()
    }

    /// Writes the archive.
    ///
    /// # Errors
    /// Where the disk or `to` fails.
    pub fn write(self, to: impl Write, now: Timestamp) -> Result<(), BackupError> {
        let Self { files, journal, scratch, _lock, .. } = self;
        let mut packer = Packer::new(to, now);
        let copy = scratch.0.join("journal.db");
        journal.copy_to(&copy, &mut || Ok(()))?;
        files.iter().try_for_each(|file| packer.add(&file.name, &file.path))?;
        packer.add(JOURNAL, &copy)?;
        packer.finish()?;
        Ok(())
    }
}
