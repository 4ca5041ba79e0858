//! The write-ahead log that an earlier process left. Where a sync of it had failed, the system holds its pages for written, and no later
//! sync writes them again; but what SQLite reads there it takes for committed, and appends to it. A power cut would then take all that
//! follows with it. So all of the log is written once more, as it is, and synced, before SQLite sees it.

use std::{fs::File, io::ErrorKind, os::unix::fs::FileExt as _, path::Path};

use super::error::StoreError;

/// Read and written at once.
const CHUNK_BYTES: usize = 1 << 20;

/// Makes the log of a store's file certain, where there is one. Nobody may have the store open.
pub(super) fn make_certain(log: &Path) -> Result<(), StoreError> {
    let file = match File::options().read(true).write(true).open(log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let (mut chunk, mut at) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let read = file.read_at(&mut chunk, at)?;
        if read == 0 {
            return Ok(file.sync_all()?);
        }
        file.write_all_at(&chunk[..read], at)?;
        at += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_log_is_as_it_was_and_none_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("journal.db-wal");
        make_certain(&log).expect("nothing to do");
        assert!(!log.exists());
        let bytes: Vec<u8> = (0..CHUNK_BYTES + 12_345).map(|n| n.to_le_bytes()[n % 3]).collect();
        fs::write(&log, &bytes).expect("written");
        make_certain(&log).expect("written again");
        assert!(fs::read(&log).expect("read") == bytes);
    }
}
