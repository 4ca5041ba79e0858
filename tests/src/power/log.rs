//! The recorder's log, as it grows.

use std::{fs::File, io::Write, os::unix::fs::FileExt, path::Path, sync::Arc};

use anyhow::{Context, ensure};

use super::record::{HEAD_BYTES, Head, KINDS, Kind};

/// One change, sync or mark.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// The inode.
    pub(super) file: u64,
    pub(super) at: u64,
    pub(super) bytes: Arc<[u8]>,
}

/// The file, and how much of it was read.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    read: u64,
}

impl Log {
    /// A new one.
    pub(super) fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::options().read(true).append(true).create_new(true).open(path)?;
        Ok(Self { file, read: 0 })
    }

    /// Who has this can leave marks.
    pub(super) fn marker(&self) -> anyhow::Result<Marker> {
        Ok(Marker(self.file.try_clone()?))
    }

    /// What came since the last time.
    pub(super) fn take(&mut self) -> anyhow::Result<Vec<Record>> {
        let length = self.file.metadata()?.len() - self.read;
        let mut bytes = vec![0; usize::try_from(length)?];
        self.file.read_exact_at(&mut bytes, self.read)?;
        let (mut records, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((record, behind)) = first(rest)? {
            records.push(record);
            rest = behind;
        }
        self.read += length - rest.len() as u64;
        Ok(records)
    }
}

/// The first record, and what is behind it; `None` where it is not whole yet.
fn first(bytes: &[u8]) -> anyhow::Result<Option<(Record, &[u8])>> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return Ok(None) };
    let kind = *KINDS.get(usize::from(head[0])).context("no log of the recorder")?;
    let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| head[at + n]));
    let length = u32::from_le_bytes(std::array::from_fn(|n| head[17 + n])) as usize;
    let Some((bytes, rest)) = rest.split_at_checked(length) else { return Ok(None) };
    Ok(Some((Record { kind, file: long(1), at: long(9), bytes: bytes.into() }, rest)))
}

/// Leaves marks among the changes. A mark stands behind every change that was made before it was left.
#[derive(Debug)]
pub(super) struct Marker(File);

impl Marker {
    /// In one write, since the recorder writes to the same file.
    pub(super) fn mark(&self, text: &str) -> anyhow::Result<()> {
        let head = Head { kind: Kind::Mark, file: 0, at: 0, length: u32::try_from(text.len())? };
        let line = [&head.encode(), text.as_bytes()].concat();
        let written = (&self.0).write(&line)?;
        ensure!(written == line.len(), "the recorder's log took a part of a mark only");
        Ok(())
    }
}
