//! Folders of real files: images that are laid down, what a host left, and what is kept for people.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use tempfile::TempDir;

use super::disk::{self, Disk, Image};
use crate::process::binary;

/// Makes the files.
pub(super) fn lay(image: &Image, at: &Path) -> anyhow::Result<()> {
    fs::create_dir(at)?;
    for (path, bytes) in image {
        match bytes {
            Some(bytes) => fs::write(at.join(path), bytes)?,
            None => fs::create_dir(at.join(path))?,
        }
    }
    Ok(())
}

/// Whether following the log gives just what is in the folder: nothing escaped the recorder.
pub(super) fn is_as_recorded(disk: &Disk, data: &Path) -> anyhow::Result<()> {
    let (told, mut there) = (disk.now(), Image::new());
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(data.join(&folder))? {
            let path = folder.join(entry?.file_name());
            let is_folder = data.join(&path).is_dir();
            let bytes = if is_folder { None } else { Some(fs::read(data.join(&path))?) };
            if is_folder {
                folders.push(path.clone());
            }
            if !disk::is_volatile(&path) {
                there.insert(path, bytes);
            }
        }
    }
    let differs = |path: &&PathBuf| told.get(*path) != there.get(*path);
    let different: Vec<&PathBuf> = told.keys().chain(there.keys()).filter(differs).collect();
    ensure!(different.is_empty(), "what the recorder noted is not what is on disk: {different:?}");
    Ok(())
}

/// Where a person finds it.
pub(super) fn keep(folder: TempDir) -> anyhow::Result<PathBuf> {
    let kept = binary().ancestors().nth(2).map(|target| target.join("power")).unwrap_or_default();
    fs::create_dir_all(&kept)?;
    let temporary = folder.keep();
    let kept = kept.join(temporary.file_name().context("a name")?);
    // Across file systems a rename fails; then it stays where it is.
    Ok(if fs::rename(&temporary, &kept).is_ok() { kept } else { temporary })
}
