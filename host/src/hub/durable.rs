//! Files that are there whole or not at all, and still there after a power cut: written beside, synced, renamed, and the
//! folder synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::keys::random;
use crate::failpoint::{self, Step};

/// What the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}: {source}", path.display())]
pub struct FileSystemError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl FileSystemError {
    /// For `map_err`.
    pub(super) fn when<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> Self + use<'a> {
        move |source| Self { doing, path: path.to_owned(), source }
    }
}

/// A file that only the owner reads.
pub(super) const PRIVATE: u32 = 0o600;
/// A file that holds nothing in clear.
pub(super) const SHARED: u32 = 0o644;

/// How unfinished files end, which [`sweep`] removes.
const UNFINISHED: &str = ".tmp";

/// Writes the file, in the place of an older one if there is one.
pub(super) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileSystemError> {
    let beside = unfinished(path)?;
    let written = write_new(&beside, bytes, mode).and_then(|()| {
        failpoint::reach(Step::FileWritten);
        fs::rename(&beside, path)
    });
    if written.is_err() {
        // What cannot be removed now goes with the next sweep.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(FileSystemError::when("write", path))?;
    failpoint::reach(Step::FileRenamed);
    path.parent().map_or(Ok(()), sync_folder)
}

/// Gives a file that is on disk already its name, in the place of an older one.
pub(super) fn put_in_place(from: &Path, to: &Path) -> Result<(), FileSystemError> {
    fs::rename(from, to).map_err(FileSystemError::when("put in place", from))?;
    failpoint::reach(Step::FileRenamed);
    to.parent().map_or(Ok(()), sync_folder)
}

/// Gives a damaged file or folder another name, for people to look at, and tells which.
pub(super) fn set_aside(path: &Path, ending: &str) -> Result<PathBuf, FileSystemError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(ending);
    let aside = PathBuf::from(aside);
    fs::rename(path, &aside).map_err(FileSystemError::when("set aside", path))?;
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(aside)
}

/// Makes the folder, for the owner alone, where there is none. Its name stays after a power cut, and so what is put into it: also where
/// it was there already, since who made it may have been stopped right after.
pub(super) fn make_folder(folder: &Path) -> Result<(), FileSystemError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).and_then(|()| folder.canonicalize());
    let made = made.map_err(FileSystemError::when("make the folder", folder))?;
    match made.parent().map_or(Ok(()), sync_folder) {
        // The folder above the data folder may be closed to us; then it was not we who made this one.
        Err(error) if error.source.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}

/// Makes renames and removals in the folder last.
pub(super) fn sync_folder(folder: &Path) -> Result<(), FileSystemError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileSystemError::when("sync", folder))
}

/// Removes what an interrupted [`write`] left.
pub(super) fn sweep(folder: &Path) -> Result<(), FileSystemError> {
    for path in files(folder)? {
        if path.to_string_lossy().ends_with(UNFINISHED) {
            fs::remove_file(&path).map_err(FileSystemError::when("remove", &path))?;
        }
    }
    Ok(())
}

/// The paths in a folder, in no order.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, FileSystemError> {
    let read = || fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<_>>();
    read().map_err(FileSystemError::when("list", folder))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name of its own for each write, so that two of the same file do not meet.
fn unfinished(path: &Path) -> Result<PathBuf, FileSystemError> {
    let random = random::<8>().map_err(FileSystemError::when("name", path))?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}{UNFINISHED}", hex::encode(*random)));
    Ok(PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leftovers_are_swept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.json");
        write(&path, b"one", PRIVATE).expect("written");
        write(&path, b"two", PRIVATE).expect("written again");
        assert_eq!(fs::read(&path).expect("read"), b"two");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, PRIVATE);

        fs::write(folder.path().join("b.json.0123.tmp"), b"half").expect("left over");
        sweep(folder.path()).expect("swept");
        assert_eq!(files(folder.path()).expect("listed"), [path]);
    }
}
