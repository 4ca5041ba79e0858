//! Where an archive goes: to standard output, or into a file that has its name only when it is whole and on disk. Nothing that is there already is
//! written to, replaced or followed as a link.

use std::{
    fs::{self, File},
    io::{self, BufWriter, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::PIECE_BYTES;

/// What is added to the name of an archive until it is whole.
const UNFINISHED: &str = "unfinished";

/// The place, and what was written so far. Dropped before its end, it leaves no file.
pub(super) struct Target {
    pub(super) to: BufWriter<Box<dyn Write>>,
    file: Option<(PathBuf, File)>,
}

impl Target {
    /// Opens it; `-` is the standard output.
    pub(super) fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            ensure!(
                !io::stdout().is_terminal(),
                "the archive is no text: send it somewhere, as in `sluicebox backup - > sluicebox.tar`"
            );
            return Ok(Self { to: BufWriter::with_capacity(PIECE_BYTES, Box::new(io::stdout())), file: None });
        }
        // A link that leads nowhere is something too.
        ensure!(fs::symlink_metadata(file).is_err(), "{} is there already, and is not overwritten", file.display());
        let beside = beside(file);
        // Nothing that is there is written to or followed: whoever else may write into the folder could have put a link here.
        let to = match File::options().write(true).create_new(true).mode(0o600).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
                "{} is there already: another backup writes it, or one that was killed has left it; then remove it",
                beside.display()
            ),
            opened => opened.with_context(|| format!("{}", beside.display()))?,
        };
        let same = to.try_clone().with_context(|| format!("{}", beside.display()))?;
        Ok(Self { to: BufWriter::with_capacity(PIECE_BYTES, Box::new(to)), file: Some((file.to_owned(), same)) })
    }

    /// Where it is written to, for people.
    pub(super) fn name(&self) -> String {
        self.file.as_ref().map_or_else(|| "standard output".to_owned(), |(file, _)| beside(file).display().to_string())
    }

    /// Where there is room for what an archive is made of.
    pub(super) fn folder(&self) -> PathBuf {
        let folder = self.file.as_ref().and_then(|(file, _)| file.parent()).filter(|folder| *folder != Path::new(""));
        folder.map_or_else(|| if self.file.is_some() { PathBuf::from(".") } else { std::env::temp_dir() }, Path::to_owned)
    }

    /// Has it on disk, and gives it its name.
    pub(super) fn finish(mut self) -> anyhow::Result<()> {
        self.to.flush().with_context(|| self.name())?;
        if let Some((name, file)) = &self.file {
            let done = file.sync_all().and_then(|()| name_new(&beside(name), name));
            let done = done.and_then(|()| File::open(self.folder())?.sync_all());
            done.with_context(|| format!("{}", name.display()))?;
        }
        self.file = None;
        Ok(())
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if let Some((name, _)) = self.file.take() {
            // It is none: whoever finds it must not take it for one.
            let _ = fs::remove_file(beside(&name));
        }
    }
}

/// Gives a file its name, unless something has that name by now.
fn name_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::Error::new(error.kind(), "it came to be while the backup was made, and is not overwritten"))
        }
        // A file system without links, as FAT is.
        Err(_) => renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from),
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{UNFINISHED}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_taken_meanwhile_stays_whose_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.tar");
        let mut target = Target::open(&file).expect("opened");
        target.to.write_all(b"ours").expect("written");
        assert!(Target::open(&file).err().expect("one at a time").to_string().contains("a.tar.unfinished is there already"));
        fs::write(&file, "theirs").expect("written");
        let told = format!("{:#}", target.finish().expect_err("refused"));
        assert!(told.contains("is not overwritten"), "{told}");
        assert_eq!(fs::read_to_string(&file).expect("there"), "theirs");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "and of ours nothing is left");
    }
}
