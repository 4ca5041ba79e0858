//! Which files are the data folder's, and the log of what happens to them. Every change is made and logged under one lock, so the log's
//! order is that of the changes.

use std::{
    collections::HashSet,
    env,
    ffi::{CStr, CString},
    mem::MaybeUninit,
    os::{fd::RawFd, unix::ffi::OsStrExt},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    fault::Faults,
    record::{HEAD_BYTES, Head, Kind},
};

/// The longest path that the system gives.
const PATH_BYTES_MAX: usize = 4096;

/// What the environment says; `None`: nothing is recorded.
static WATCH: OnceLock<Option<Watch>> = OnceLock::new();

struct Watch {
    /// The data folder, as the host is told it.
    folder: Vec<u8>,
    changing: Mutex<Changing>,
}

/// Held while a change is made.
pub(crate) struct Changing {
    log: RawFd,
    /// Device and inode of the folder's files and folders. One that has no name any more is of no interest.
    known: HashSet<(u64, u64)>,
    faults: Option<Faults>,
}

/// A file of the folder, and the right to change it.
pub(crate) struct Watched {
    pub(crate) changing: MutexGuard<'static, Changing>,
    pub(crate) file: u64,
    descriptor: RawFd,
}

/// A name in the folder, and the right to change it.
pub(crate) struct Named {
    pub(crate) changing: MutexGuard<'static, Changing>,
    /// Below the folder; empty: the folder itself.
    pub(crate) path: Vec<u8>,
}

/// The folder's file behind a descriptor. Sockets and pipes are told from it without the lock, which a forked child may never get.
pub(crate) fn of_descriptor(file: RawFd) -> Option<Watched> {
    let watch = watch()?;
    let status = status_of(file)?;
    if ![libc::S_IFREG, libc::S_IFDIR].contains(&(status.st_mode & libc::S_IFMT)) {
        return None;
    }
    let changing = watch.lock();
    let known = changing.known.contains(&(status.st_dev, status.st_ino));
    known.then_some(Watched { changing, file: status.st_ino, descriptor: file })
}

/// The folder's name behind a path; paths that are not absolute are nobody's.
pub(crate) fn of_path(path: &CStr) -> Option<Named> {
    let watch = watch()?;
    let path = watch.below(path)?;
    Some(Named { changing: watch.lock(), path })
}

/// A path below the folder, for who has the right to change it already; empty where it is not there.
pub(crate) fn below(path: &CStr) -> Vec<u8> {
    watch().and_then(|watch| watch.below(path)).unwrap_or_default()
}

impl Watched {
    /// As [`Changing::fails`], of the file behind the descriptor.
    pub(crate) fn fails(&mut self, kind: Kind) -> bool {
        let (file, descriptor) = (self.file, self.descriptor);
        self.changing.fails(kind, file, &[], || path_of(descriptor))
    }
}

impl Changing {
    /// Makes a file known that was opened or made; gives what it is known by.
    pub(crate) fn know(&mut self, status: &libc::stat) -> u64 {
        self.known.insert((status.st_dev, status.st_ino));
        status.st_ino
    }

    /// What loses its name may give its inode to another folder's file.
    pub(crate) fn forget(&mut self, status: &libc::stat) {
        self.known.remove(&(status.st_dev, status.st_ino));
    }

    /// Whether the change of a name fails; that it does is logged, and told to who asked for it.
    pub(crate) fn fails_at(&mut self, kind: Kind, path: &[u8]) -> bool {
        self.fails(kind, 0, path, || path.to_vec())
    }

    fn fails(&mut self, kind: Kind, file: u64, logged: &[u8], path: impl FnOnce() -> Vec<u8>) -> bool {
        let Some(error) = self.faults.as_mut().and_then(|faults| faults.next(path)) else { return false };
        self.log(Kind::Failed, file, kind as u64, logged);
        // SAFETY: the thread's own.
        unsafe { *libc::__errno_location() = error };
        true
    }

    /// Appends to the log, in one write: several processes may.
    pub(crate) fn log(&mut self, kind: Kind, file: u64, at: u64, bytes: &[u8]) {
        let head = Head { kind, file, at, length: u32::try_from(bytes.len()).unwrap_or(u32::MAX) }.encode();
        let parts = [part(&head), part(bytes)];
        // SAFETY: both parts are as long as they say.
        let written = unsafe { libc::syscall(libc::SYS_writev, self.log, parts.as_ptr(), parts.len()) };
        if usize::try_from(written).ok() != Some(HEAD_BYTES + bytes.len()) {
            // A log with a gap would be believed.
            std::process::abort();
        }
    }
}

fn part(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() }
}

impl Watch {
    fn from_environment() -> Option<Self> {
        let path = |name: &str| CString::new(env::var_os(name)?.as_bytes()).ok();
        let (folder, log) = (path("RECORDER_FOLDER")?, path("RECORDER_LOG")?);
        let flags = libc::O_WRONLY | libc::O_APPEND | libc::O_CREAT | libc::O_CLOEXEC;
        // SAFETY: a path that ends with NUL.
        let log = unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, log.as_ptr(), flags, 0o600) };
        let log = RawFd::try_from(log).ok().filter(|log| *log >= 0).unwrap_or_else(|| std::process::abort());
        let faults = path("RECORDER_FAULTS").as_ref().map(Faults::open);
        let mut known = HashSet::new();
        known.extend(status_at(&folder).map(|status| (status.st_dev, status.st_ino)));
        Some(Self { folder: folder.into_bytes(), changing: Mutex::new(Changing { log, known, faults }) })
    }

    fn below(&self, path: &CStr) -> Option<Vec<u8>> {
        let below = path.to_bytes().strip_prefix(self.folder.as_slice())?;
        let names: Vec<&[u8]> = below.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        (below.is_empty() || below.starts_with(b"/")).then(|| names.join(&b'/'))
    }

    fn lock(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn watch() -> Option<&'static Watch> {
    WATCH.get_or_init(Watch::from_environment).as_ref()
}

/// The path below the folder of an open file, as it is called now.
fn path_of(file: RawFd) -> Vec<u8> {
    let Ok(link) = CString::new(format!("/proc/self/fd/{file}")) else { return Vec::new() };
    let mut path = [0_u8; PATH_BYTES_MAX];
    // SAFETY: the buffer has that many bytes.
    let length = unsafe { libc::readlink(link.as_ptr(), path.as_mut_ptr().cast(), path.len()) };
    let path = &path[..usize::try_from(length).unwrap_or(0)];
    CString::new(path).map(|path| below(&path)).unwrap_or_default()
}

/// What a descriptor stands for.
pub(crate) fn status_of(file: RawFd) -> Option<libc::stat> {
    let mut status = MaybeUninit::uninit();
    // SAFETY: filled in where the call succeeds.
    unsafe { (libc::fstat(file, status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}

/// What a path stands for.
pub(crate) fn status_at(path: &CStr) -> Option<libc::stat> {
    let mut status = MaybeUninit::uninit();
    // SAFETY: filled in where the call succeeds.
    unsafe { (libc::lstat(path.as_ptr(), status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}
