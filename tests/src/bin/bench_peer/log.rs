//! A log of fixed size, written once over before it is used, so that a sync writes bytes and changes nothing about the file.

use std::{
    fs::File,
    io::{self, IoSlice, Seek, Write},
    path::Path,
};

/// More than a turn writes; what would go over it goes to its begin.
const LOG_BYTES: u64 = 512 << 20;
const BLOCK_BYTES: usize = 1 << 20;

pub(crate) struct Log {
    file: File,
    written: u64,
}

impl Log {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::options().create(true).truncate(true).write(true).open(path)?;
        let zeros = vec![0; BLOCK_BYTES];
        for _ in 0..LOG_BYTES / BLOCK_BYTES as u64 {
            file.write_all(&zeros)?;
        }
        file.sync_all()?;
        file.rewind()?;
        Ok(Self { file, written: 0 })
    }

    /// Writes these, each after its length, with one sync.
    pub(crate) fn append(&mut self, bodies: &[&[u8]]) -> io::Result<()> {
        let lengths: Vec<[u8; 8]> = bodies.iter().map(|body| (body.len() as u64).to_le_bytes()).collect();
        let mut pieces: Vec<IoSlice<'_>> =
            lengths.iter().zip(bodies).flat_map(|(length, body)| [IoSlice::new(length), IoSlice::new(body)]).collect();
        let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
        if self.written + bytes > LOG_BYTES {
            self.file.rewind()?;
            self.written = 0;
        }
        self.written += bytes;
        let mut left = &mut pieces[..];
        while !left.is_empty() {
            let written = self.file.write_vectored(left)?;
            IoSlice::advance_slices(&mut left, written);
        }
        self.file.sync_data()
    }
}
