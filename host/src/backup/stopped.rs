//! A backup of a data folder that no host runs on, and of the keys that lie in one.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::Path,
};

use super::{
    BackupError, JOURNAL,
    choose::{KEYS, WORK},
    link::{self, Chosen},
    pack::Packer,
};
use crate::{
    event::Timestamp,
    journal::{self, Frozen},
};

/// A folder that is ours while this lives: no host can be started on it.
pub struct Stopped {
    files: Vec<Chosen>,
    journal: Box<dyn Frozen>,
    copy: std::path::PathBuf,
    _lock: File,
}

impl Stopped {
    /// Locks a data folder. The journal is copied beside the archive, into `scratch`, so that a full disk is no hindrance.
    ///
    /// # Errors
    /// Where a host runs on it, it is no data folder, or the disk fails.
    pub fn lock(data: &Path, scratch: &Path) -> Result<Self, BackupError> {
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
        let copy = scratch.join(format!(".sluicebox-{WORK}-{}.journal", std::process::id()));
        Ok(Self { files: link::found(data)?, journal, copy, _lock: lock })
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
        let Self { files, journal, copy, _lock } = self;
        let mut packer = Packer::new(to, now);
        let packed = journal.copy_to(&copy, &mut || Ok(())).map_err(BackupError::from).and_then(|()| {
            files.iter().try_for_each(|file| packer.add(&file.name, &file.path))?;
            Ok(packer.add(JOURNAL, &copy)?)
        });
        match fs::remove_file(&copy) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => packed?,
        }
        packer.finish()?;
        Ok(())
    }
}

/// Writes the keys of a data folder as a further part of an archive: whoever has it opens every secret.
///
/// # Errors
/// Where there is no main key, or the disk or `to` fails.
pub fn keys(data: &Path, to: impl Write, now: Timestamp) -> io::Result<()> {
    let mut packer = Packer::new(to, now);
    for name in KEYS {
        let path = data.join(name);
        if name == KEYS[0] || path.exists() {
            packer.add(name, &path).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        }
    }
    packer.finish().map(drop)
}
