//! The hub's files as of one moment: links to them, in a folder of the data folder. A link costs no space, and keeps what it names also when
//! that is replaced or removed. Where the file system has no links, files are copied.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use super::choose::{self, WORK};

/// Folders within the data folder, and within these.
const DEPTH_MAX: usize = 8;

/// A file of a backup.
pub(super) struct Chosen {
    /// Its path within the data folder.
    pub(super) name: String,
    /// Where it is now.
    pub(super) path: PathBuf,
}

/// The folder that a backup is put together in. Removed with this.
pub(super) struct Work {
    folder: PathBuf,
    files: Vec<Chosen>,
    bytes: u64,
}

impl Work {
    /// Links all that belongs to a backup.
    pub(super) fn link(data: &Path) -> io::Result<Self> {
        Self::remove(data)?;
        let folder = data.join(WORK);
        new_folder(&folder)?;
        let mut work = Self { folder, files: Vec::new(), bytes: 0 };
        let found = found(data)?;
        for (number, file) in found.into_iter().enumerate() {
            let link = work.folder.join(number.to_string());
            match fs::hard_link(&file.path, &link) {
                Ok(()) => {}
                // Uploads that were not wanted, and lists of versions, may go at any time.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => drop(fs::copy(&file.path, &link)?),
            }
            work.bytes += fs::metadata(&link)?.len();
            work.files.push(Chosen { name: file.name, path: link });
        }
        Ok(work)
    }

    /// Removes what one that was interrupted has left.
    pub(super) fn remove(data: &Path) -> io::Result<()> {
        match fs::remove_dir_all(data.join(WORK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// In the order in which they are packed.
    pub(super) fn files(&self) -> &[Chosen] {
        &self.files
    }

    /// Of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the copy of the journal goes.
    pub(super) fn copy_of_journal(&self) -> PathBuf {
        self.folder.join("journal.db")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now goes with the next backup, or the next start.
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::warn!(%error, "what was put together for a backup was not removed");
        }
    }
}

/// The files of a data folder that belong to a backup. Components last: whatever names one was written after it.
pub(super) fn found(data: &Path) -> io::Result<Vec<Chosen>> {
    let mut found = Vec::new();
    let (components, rest): (Vec<_>, Vec<_>) = entries(data)?.into_iter().partition(|(name, _)| name == "components");
    for (name, path) in rest.into_iter().chain(components).filter(|(name, _)| choose::belongs(name)) {
        walk(name, path, DEPTH_MAX, &mut found)?;
    }
    Ok(found)
}

/// A folder that an operator has put on another disk is followed by its link in the data folder; within, neither links nor anything else
/// that is no file is.
fn walk(name: String, path: PathBuf, depth_left: usize, found: &mut Vec<Chosen>) -> io::Result<()> {
    let told = if depth_left == DEPTH_MAX { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
    let kind = match told {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        told => told?.file_type(),
    };
    if kind.is_file() && choose::is_kept(&name) {
        found.push(Chosen { name, path });
    } else if kind.is_dir() && depth_left > 0 {
        for (inner, path) in entries(&path)? {
            walk(format!("{name}/{inner}"), path, depth_left - 1, found)?;
        }
    }
    Ok(())
}

/// By name, so that two archives of the same folder are alike. The host gives no name that is not UTF-8.
fn entries(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        entries.extend(entry.file_name().into_string().ok().map(|name| (name, entry.path())));
    }
    entries.sort();
    Ok(entries)
}

/// One that was not there, so that it is nobody else's, and what is put into it neither.
pub(super) fn new_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(folder)
}

pub(super) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(folder)
}
