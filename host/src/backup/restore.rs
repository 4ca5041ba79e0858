//! An archive made a data folder again: into an empty one, every file checked against the list, and nothing outside of it touched
//! whatever the archive says. Until all is done a file in the folder says so, and no host starts on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use tar::{Archive, EntryType};

use super::{
    JOURNAL,
    choose::{KEYS, UNFINISHED, is_of_a_backup},
    link::private_folder,
    manifest::{self, FORMAT, Manifest, ManifestFile},
};
use crate::hub::{self, StoreError};

/// Files of one archive; a host keeps at most 100,000 records and some thousand others.
const FILES_MAX: usize = 1_000_000;
/// Folders in each other.
const DEPTH_MAX: usize = 9;
/// The list of so many files.
const MANIFEST_BYTES_MAX: u64 = 256 << 20;
/// The longest path of a file, in bytes: nine names of a file system, far more than any that a host makes.
const PATH_BYTES_MAX: u64 = 4 << 10;
/// Read and written at once.
const PIECE_BYTES: usize = 128 << 10;

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// What is there is not overwritten.
    #[error("{} is not empty: name a folder that is, or is not there yet", .0.display())]
    NotEmpty(PathBuf),
    /// It is something else.
    #[error("this is no backup: {0}")]
    NoBackup(String),
    /// It begins as one and breaks off.
    #[error(
        "the backup is cut off after {files} whole files, in the middle or at its end: {how}; copy it once more, or take another one"
    )]
    CutOff {
        /// That were read.
        files: usize,
        /// What was met.
        how: String,
    },
    /// It is no whole backup.
    #[error("this is no whole backup: {0}")]
    NotWhole(String),
    /// The archive holds what no backup holds.
    #[error("the archive has an entry that no backup has, and may have been made to do harm: {0}")]
    Foreign(String),
    /// Another program's format.
    #[error(
        "the backup has format {found}, and {FORMAT} is the newest known here: restore it by the version that wrote it, {by}, or a newer one"
    )]
    Newer {
        /// Of the archive.
        found: u32,
        /// The version that wrote it.
        by: String,
    },
    /// A file is not what it was.
    #[error("{path} is damaged: its bytes are not those that were backed up")]
    Damaged {
        /// Which.
        path: String,
    },
    /// The main key is not that of the rest.
    #[error("main.key of the archive does not open its secrets: {0}")]
    OtherKey(#[source] StoreError),
    /// A restore that was interrupted.
    #[error("{} was not restored to its end: remove it, and restore once more", .0.display())]
    Unfinished(PathBuf),
    /// The archive could not be read, or the folder not be written.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl RestoreError {
    fn when(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.into(), source }
    }
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Of the first part: when it was made, and by which version.
    pub manifest: Manifest,
    /// How many.
    pub files: usize,
    /// Keys that were not in the archive, and have to be brought back by hand.
    pub keys_missing: Vec<&'static str>,
}

/// Whether a host may be started on this folder.
///
/// # Errors
/// Where a restore into it has not come to its end.
pub fn refuse_unfinished(data: &Path) -> Result<(), RestoreError> {
    if data.join(UNFINISHED).exists() { Err(RestoreError::Unfinished(data.to_owned())) } else { Ok(()) }
}

/// Restores an archive into a folder that is empty or not there. When this returns, all of it is on disk. Blocks.
///
/// # Errors
/// [`RestoreError`]; the folder is empty again then.
pub fn restore(archive: impl Read, into: &Path) -> Result<Restored, RestoreError> {
    let was_there = into.exists();
    make_empty(into)?;
    let unfinished = into.join(UNFINISHED);
    create(&unfinished).and_then(|file| file.sync_all()).map_err(RestoreError::when(format!("{}", unfinished.display())))?;
    let mut unpacking = Unpacking { into: into.to_owned(), files: BTreeMap::new(), listed: BTreeSet::new(), first: None };
    let done = unpacking.unpack(archive).and_then(|()| unpacking.finish(&unfinished));
    if done.is_err() {
        // Half a folder is worth nothing; what cannot be removed says of itself that it is unfinished.
        let emptied = unpacking.empty();
        if emptied.is_ok() && !was_there {
            let _ = fs::remove_dir(into);
        }
    }
    done
}

fn make_empty(folder: &Path) -> Result<(), RestoreError> {
    private_folder(folder).map_err(RestoreError::when(format!("{}", folder.display())))?;
    let mut entries = fs::read_dir(folder).map_err(RestoreError::when(format!("{}", folder.display())))?;
    // Made by the file system.
    let is_empty = entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found"));
    if is_empty { Ok(()) } else { Err(RestoreError::NotEmpty(folder.to_owned())) }
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

struct Unpacking {
    into: PathBuf,
    /// Unpacked, and not on a list yet.
    files: BTreeMap<String, ManifestFile>,
    listed: BTreeSet<String>,
    first: Option<Manifest>,
}

impl Unpacking {
    fn unpack(&mut self, archive: impl Read) -> Result<(), RestoreError> {
        let mut archive = Archive::new(archive);
        // An archive may have a second part, with the keys.
        archive.set_ignore_zeros(true);
        let unread = || RestoreError::when("the archive");
        let mut long_path = None;
        // As they lie there: a long name is an entry before that of its file, which else would be read to its end, however long it is.
        for entry in archive.entries().map_err(unread())?.raw(true) {
            let mut entry = entry.map_err(|error| self.unread(error))?;
            if entry.header().entry_type() == EntryType::GNULongName {
                if long_path.is_some() {
                    return Err(RestoreError::Foreign("two long names for one file".to_owned()));
                }
                long_path = Some(long_name(&mut entry)?);
                continue;
            }
            let path = match long_path.take() {
                Some(path) => path,
                None => entry.path().map_err(unread())?.into_owned(),
            };
            let name = within(&path).ok_or_else(|| RestoreError::Foreign(format!("the path {}", path.display())))?;
            if name != manifest::NAME && !is_of_a_backup(&name) {
                return Err(RestoreError::Foreign(format!("{name}, which is no part of a backup")));
            }
            if entry.header().entry_type() != EntryType::Regular {
                return Err(RestoreError::Foreign(format!("{name} is no file, but {:?}", entry.header().entry_type())));
            }
            if name == manifest::NAME {
                self.check(entry)?;
            } else if self.files.len() + self.listed.len() >= FILES_MAX {
                return Err(RestoreError::Foreign(format!("more than {FILES_MAX} files")));
            } else {
                let file = self.file(&name, &mut entry)?;
                self.files.insert(name, file);
            }
        }
        match &self.first {
            None if self.files.is_empty() => Err(RestoreError::NoBackup("there is no file in it, or nothing at all".to_owned())),
            None => Err(self.cut_off(format!("its list ({}) is missing", manifest::NAME))),
            Some(_) if !self.files.is_empty() => Err(RestoreError::NotWhole("the list of its last part is missing".to_owned())),
            Some(_) => Ok(()),
        }
    }

    /// The archive does not go on: it was one until then, or never.
    fn unread(&self, error: io::Error) -> RestoreError {
        if error.raw_os_error().is_some() {
            return RestoreError::when("the archive")(error);
        }
        if self.files.is_empty() && self.listed.is_empty() {
            return RestoreError::NoBackup(format!("it is no archive as `sluicebox backup` writes it ({error})"));
        }
        self.cut_off(error.to_string())
    }

    fn cut_off(&self, how: String) -> RestoreError {
        RestoreError::CutOff { files: self.files.len() + self.listed.len(), how }
    }

    /// Writes a file, and tells what it is.
    fn file(&self, name: &str, from: &mut impl Read) -> Result<ManifestFile, RestoreError> {
        let path = self.into.join(name);
        let failed = || RestoreError::when(format!("{}", path.display()));
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(failed())?;
        }
        if path.exists() {
            return Err(RestoreError::Foreign(format!("{name} twice, or in the place of ours")));
        }
        let (mut file, mut hash, mut bytes) = (create(&path).map_err(failed())?, Sha256::new(), 0);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = from.read(&mut piece).map_err(RestoreError::when(format!("the archive, at {name}")))?;
            if read == 0 {
                break;
            }
            hash.update(&piece[..read]);
            file.write_all(&piece[..read]).map_err(failed())?;
            bytes += read as u64;
        }
        file.sync_all().map_err(failed())?;
        Ok(ManifestFile { path: name.to_owned(), bytes, sha256: hex::encode(hash.finalize()) })
    }

    /// Holds the files since the last list against this one.
    fn check(&mut self, list: impl Read) -> Result<(), RestoreError> {
        let mut text = Vec::new();
        list.take(MANIFEST_BYTES_MAX).read_to_end(&mut text).map_err(RestoreError::when("the archive's list"))?;
        let told: Manifest = serde_json::from_slice(&text).map_err(|error| {
            if error.is_eof() {
                self.cut_off("in its list".to_owned())
            } else {
                RestoreError::NotWhole(format!("its list: {error}"))
            }
        })?;
        if told.format != FORMAT {
            return Err(RestoreError::Newer { found: told.format, by: told.sluicebox });
        }
        for file in &told.files {
            match self.files.remove(&file.path) {
                Some(found) if found == *file => drop(self.listed.insert(file.path.clone())),
                Some(_) => return Err(RestoreError::Damaged { path: file.path.clone() }),
                None => return Err(RestoreError::NotWhole(format!("{} is missing", file.path))),
            }
        }
        if let Some(name) = self.files.keys().next() {
            return Err(RestoreError::Foreign(format!("{name}, which is not on its list")));
        }
        self.first.get_or_insert(told);
        Ok(())
    }

    /// Makes all names last, and only then lets a host start on it.
    fn finish(&self, unfinished: &Path) -> Result<Restored, RestoreError> {
        if !self.listed.contains(JOURNAL) {
            return Err(RestoreError::NotWhole(format!("{JOURNAL} is missing")));
        }
        hub::check_own_key(&self.into).map_err(RestoreError::OtherKey)?;
        let mut folders: BTreeSet<PathBuf> = BTreeSet::from([self.into.clone()]);
        for name in &self.listed {
            let path = self.into.join(name);
            folders.extend(path.ancestors().skip(1).take_while(|folder| *folder != self.into).map(Path::to_owned));
        }
        folders.iter().try_for_each(|folder| sync(folder))?;
        fs::remove_file(unfinished).map_err(RestoreError::when(format!("{}", unfinished.display())))?;
        sync(&self.into)?;
        if let Some(above) = self.into.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned)) {
            // It may be closed to us; then it was not we who made this one.
            let _ = sync(&above);
        }
        let manifest = self.first.clone().ok_or_else(|| RestoreError::NotWhole("its list is missing".to_owned()))?;
        let keys_missing = KEYS.into_iter().filter(|key| !self.listed.contains(*key)).collect();
        Ok(Restored { manifest, files: self.listed.len(), keys_missing })
    }

    /// Removes all that was unpacked.
    fn empty(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.into)? {
            let path = entry?.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "lost+found") {
                fs::remove_dir_all(&path)?;
            } else if path.is_file() && !path.ends_with(UNFINISHED) {
                fs::remove_file(&path)?;
            }
        }
        fs::remove_file(self.into.join(UNFINISHED))
    }
}

/// The name of the file behind it, which is too long for the file's own header.
fn long_name(entry: &mut impl Read) -> Result<PathBuf, RestoreError> {
    let mut text = Vec::new();
    entry.take(PATH_BYTES_MAX + 1).read_to_end(&mut text).map_err(RestoreError::when("the archive, at a long name"))?;
    if text.len() as u64 > PATH_BYTES_MAX {
        return Err(RestoreError::Foreign(format!("a path of more than {PATH_BYTES_MAX} bytes")));
    }
    if text.last() == Some(&0) {
        text.pop();
    }
    let told = |_| RestoreError::Foreign("a path that is not UTF-8".to_owned());
    String::from_utf8(text).map(PathBuf::from).map_err(told)
}

fn sync(folder: &Path) -> Result<(), RestoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RestoreError::when(format!("{}", folder.display())))
}

/// The path as a name below the folder, where it is one: of plain pieces alone, in UTF-8.
fn within(path: &Path) -> Option<String> {
    let pieces: Option<Vec<&str>> =
        path.components().map(|piece| if let Component::Normal(name) = piece { name.to_str() } else { None }).collect();
    let pieces = pieces.filter(|pieces| (1..=DEPTH_MAX).contains(&pieces.len()))?;
    let name = pieces.join("/");
    // Written as it is meant: without `//`, `/.` or an end that makes a folder of it.
    (path.to_str() == Some(&name) && name != UNFINISHED).then_some(name)
}

#[cfg(test)]
mod tests;
