//! The lock of a folder that one process has for itself.

use std::{
    fs::{File, TryLockError},
    thread::sleep,
    time::Duration,
};

/// How often it is tried again: who only looks (`doctor`) holds it for a moment.
const TRIES_MAX: u32 = 20;
/// Between two tries; all together a second.
const TRY_AGAIN_MS: u64 = 50;

/// Locks a file, which ends with its process.
///
/// # Errors
///
/// Where another process has it, and keeps it.
pub fn lock(file: &File) -> Result<(), TryLockError> {
    lock_after(file, || sleep(Duration::from_millis(TRY_AGAIN_MS)))
}

fn lock_after(file: &File, mut pause: impl FnMut()) -> Result<(), TryLockError> {
    for _ in 0..TRIES_MAX {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => pause(),
            done => return done,
        }
    }
    file.try_lock()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_holds_the_lock_for_a_moment_keeps_nobody_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || File::options().create(true).write(true).truncate(false).open(folder.path().join("lock")).expect("a file");
        let (look, host) = (open(), open());
        look.try_lock().expect("free");
        let mut looking = Some(look);
        lock_after(&host, || drop(looking.take())).expect("the look is over");
        let mut pauses = 0;
        let refused = lock_after(&open(), || pauses += 1);
        assert!(matches!(refused, Err(TryLockError::WouldBlock)) && pauses == TRIES_MAX, "a host that runs stays");
    }
}
