//! Which change fails: numbers in a file, so that a test can set them while the host runs.
//!
//! Five numbers of 8 bytes: the first change that fails, the first after it that does not, and the error, all written by the test; then how many
//! changes there were in this process, and how many of them failed, both written here. Behind them the test may name, each ended by a NUL, how the
//! paths below the folder begin that it is about (`.` is the folder itself): then only changes of these are counted, and fail.

use std::{ffi::CString, os::fd::RawFd};

/// Before what is written here.
const TOLD_BYTES: usize = 3 * 8;
/// Before the paths.
const NUMBERS_BYTES: i64 = 5 * 8;
/// The longest list of paths.
const PATHS_BYTES_MAX: usize = 256;

/// The open file of numbers.
pub(crate) struct Faults {
    file: RawFd,
    passed: u64,
    failed: u64,
}

impl Faults {
    pub(crate) fn open(path: &CString) -> Self {
        // SAFETY: a path that ends with NUL; an error is a descriptor that no read succeeds with.
        let file = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) };
        Self { file: RawFd::try_from(file).unwrap_or(-1), passed: 0, failed: 0 }
    }

    /// The error that the change of `path` which is about to happen has to fail with, if any.
    pub(crate) fn next(&mut self, path: impl FnOnce() -> Vec<u8>) -> Option<i32> {
        if !self.is_about(path) {
            return None;
        }
        self.passed += 1;
        let mut told = [0_u64; TOLD_BYTES / 8];
        // SAFETY: the buffer has that many bytes, and any are valid.
        let read = unsafe { libc::syscall(libc::SYS_pread64, self.file, told.as_mut_ptr(), TOLD_BYTES, 0) };
        let [from, until, error] = told;
        let fails = read == TOLD_BYTES as i64 && (from..until).contains(&self.passed);
        self.failed += u64::from(fails);
        let counted = [self.passed, self.failed];
        // SAFETY: as above. A failure is a test that sees no progress.
        unsafe { libc::syscall(libc::SYS_pwrite64, self.file, counted.as_ptr(), size_of_val(&counted), TOLD_BYTES) };
        fails.then(|| i32::try_from(error).unwrap_or(libc::EIO))
    }

    fn is_about(&self, path: impl FnOnce() -> Vec<u8>) -> bool {
        let mut told = [0_u8; PATHS_BYTES_MAX];
        // SAFETY: the buffer has that many bytes, and any are valid.
        let read = unsafe { libc::syscall(libc::SYS_pread64, self.file, told.as_mut_ptr(), told.len(), NUMBERS_BYTES) };
        let told = &told[..usize::try_from(read).unwrap_or(0)];
        let mut beginnings = told.split(|byte| *byte == 0).filter(|beginning| !beginning.is_empty()).peekable();
        if beginnings.peek().is_none() {
            return true;
        }
        let path = path();
        let path = if path.is_empty() { b"." } else { path.as_slice() };
        beginnings.any(|beginning| path.starts_with(beginning))
    }
}
