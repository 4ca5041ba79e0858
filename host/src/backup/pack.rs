//! Writing an archive: files one after another, each hashed as it goes by, and the list of them last.

use std::{
    fs::File,
    io::{self, Read, Write},
    path::Path,
};

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::manifest::{self, Manifest, ManifestFile};
use crate::event::Timestamp;

/// An archive while it is written.
pub(super) struct Packer<W: Write> {
    archive: Builder<Counted<W>>,
    files: Vec<ManifestFile>,
    made_at: Timestamp,
}

/// Counts what it passes on.
struct Counted<W> {
    to: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Hashes what is read through it.
struct Hashed<R> {
    from: R,
    hash: Sha256,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(into)?;
        self.hash.update(&into[..read]);
        Ok(read)
    }
}

impl<W: Write> Packer<W> {
    /// An empty one.
    pub(super) fn new(to: W, made_at: Timestamp) -> Self {
        Self { archive: Builder::new(Counted { to, bytes: 0 }), files: Vec::new(), made_at }
    }

    /// Adds a file, which nobody changes meanwhile, under its path within the data folder.
    pub(super) fn add(&mut self, name: &str, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        self.add_from(name, file, bytes)
    }

    /// Adds a file that is so long.
    pub(super) fn add_from(&mut self, name: &str, from: impl Read, bytes: u64) -> io::Result<()> {
        // One that grows must not run into the next, and one that shrinks is an error of the archive's.
        let mut hashed = Hashed { from: from.take(bytes), hash: Sha256::new() };
        self.archive.append_data(&mut self.header(bytes), name, &mut hashed)?;
        if hashed.from.limit() > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, format!("{name} became shorter while it was read")));
        }
        self.files.push(ManifestFile { path: name.to_owned(), bytes, sha256: hex::encode(hashed.hash.finalize()) });
        Ok(())
    }

    /// Ends it with its list, and tells how long it is.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        let list = serde_json::to_vec(&Manifest::of(std::mem::take(&mut self.files), self.made_at))?;
        self.archive.append_data(&mut self.header(list.len() as u64), manifest::NAME, &*list)?;
        let mut counted = self.archive.into_inner()?;
        counted.flush()?;
        Ok(counted.bytes)
    }

    fn header(&self, bytes: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_size(bytes);
        header.set_mode(0o600);
        header.set_mtime(self.made_at.0 / 1000);
        header
    }
}
