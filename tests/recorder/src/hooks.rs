//! The functions of the C library by which files are changed. Each does what its namesake does, by the system call itself.
//!
//! `open` and its kin take their mode as a last argument that need not be there; on the systems that this is built for it arrives in the
//! same place either way, and means nothing where nothing is made.

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    slice,
};

use libc::{iovec, mode_t, off_t, size_t, ssize_t};

use crate::{
    record::Kind,
    watch::{self, Named, status_at, status_of},
};

/// What functions give that did not do what was asked.
const FAILED: c_int = -1;

/// The system call of this name, with its arguments.
macro_rules! system {
    ($name:ident $(, $argument:expr)*) => {
        // SAFETY: the arguments are the caller's own, who vouches for them.
        unsafe { libc::syscall(libc::$name $(, $argument)*) }
    };
}

/// Functions, some of which have two names.
macro_rules! hooks {
    () => {};
    ($name:ident / $other:ident $arguments:tt -> $answer:ty = $body:expr; $($rest:tt)*) => {
        hook! { $name $arguments -> $answer = $body }
        hook! { $other $arguments -> $answer = $body }
        hooks! { $($rest)* }
    };
    ($name:ident $arguments:tt -> $answer:ty = $body:expr; $($rest:tt)*) => {
        hook! { $name $arguments -> $answer = $body }
        hooks! { $($rest)* }
    };
}

macro_rules! hook {
    ($name:ident ($($argument:ident: $type:ty),*) -> $answer:ty = $body:expr) => {
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $answer {
            $body
        }
    };
}

hooks! {
    open / open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at(libc::AT_FDCWD, path, flags, mode);
    openat / openat64(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int = open_at(folder, path, flags, mode);
    creat / creat64(path: *const c_char, mode: mode_t) -> c_int =
        open_at(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode);

    write(file: c_int, bytes: *const c_void, count: size_t) -> ssize_t =
        changed(file, None, &[iovec { iov_base: bytes.cast_mut(), iov_len: count }], || system!(SYS_write, file, bytes, count));
    pwrite / pwrite64(file: c_int, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t =
        changed(file, Some(at), &[iovec { iov_base: bytes.cast_mut(), iov_len: count }], || system!(SYS_pwrite64, file, bytes, count, at));
    writev(file: c_int, parts: *const iovec, count: c_int) -> ssize_t =
        changed(file, None, gathered(parts, count), || system!(SYS_writev, file, parts, count));
    pwritev / pwritev64(file: c_int, parts: *const iovec, count: c_int, at: off_t) -> ssize_t =
        changed(file, Some(at), gathered(parts, count), || system!(SYS_pwritev, file, parts, count, at, 0));

    ftruncate / ftruncate64(file: c_int, length: off_t) -> c_int = resized(file, || system!(SYS_ftruncate, file, length));
    fallocate / fallocate64(file: c_int, mode: c_int, at: off_t, length: off_t) -> c_int =
        resized(file, || system!(SYS_fallocate, file, mode, at, length));
    // It gives its error instead of keeping it.
    posix_fallocate / posix_fallocate64(file: c_int, at: off_t, length: off_t) -> c_int =
        if resized(file, || system!(SYS_fallocate, file, 0, at, length)) == 0 { 0 } else { error() };

    rename(from: *const c_char, to: *const c_char) -> c_int = renamed(from, to, || {
        system!(SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0)
    });
    unlink(path: *const c_char) -> c_int = removed(path, || system!(SYS_unlinkat, libc::AT_FDCWD, path, 0));
    unlinkat(folder: c_int, path: *const c_char, flags: c_int) -> c_int = removed(path, || system!(SYS_unlinkat, folder, path, flags));
    rmdir(path: *const c_char) -> c_int = removed(path, || system!(SYS_unlinkat, libc::AT_FDCWD, path, libc::AT_REMOVEDIR));
    mkdir(path: *const c_char, mode: mode_t) -> c_int = made(path, || system!(SYS_mkdirat, libc::AT_FDCWD, path, mode));

    fsync(file: c_int) -> c_int = synced(file, Kind::Sync, || system!(SYS_fsync, file));
    fdatasync(file: c_int) -> c_int = synced(file, Kind::Sync, || system!(SYS_fdatasync, file));
    sync_file_range(file: c_int, at: off_t, count: off_t, flags: c_uint) -> c_int =
        synced(file, Kind::Hint, || system!(SYS_sync_file_range, file, at, count, flags));

    mmap / mmap64(at: *mut c_void, length: size_t, access: c_int, flags: c_int, file: c_int, offset: off_t) -> *mut c_void = {
        if file >= 0 && access & libc::PROT_WRITE != 0 && flags & libc::MAP_SHARED != 0
            && let Some(mut watched) = watch::of_descriptor(file) {
            let file = watched.file;
            watched.changing.log(Kind::Map, file, 0, &[]);
        }
        system!(SYS_mmap, at, length, access, flags, file, offset) as *mut c_void
    };
}

fn open_at(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    let open = || number(system!(SYS_openat, folder, path, flags, mode));
    let Some(Named { mut changing, path: name }) = watch::of_path(text(path)) else { return open() };
    let made = flags & libc::O_CREAT != 0 && status_at(text(path)).is_none();
    if made && changing.fails_at(Kind::Create, &name) {
        return FAILED;
    }
    let file = open();
    // Only then: asking of what failed would put another error in the place of its own.
    if file >= 0
        && let Some(status) = status_of(file)
    {
        let known = changing.know(&status);
        if made {
            changing.log(Kind::Create, known, 0, &name);
        } else if flags & libc::O_TRUNC != 0 {
            changing.log(Kind::Resize, known, 0, &[]);
        }
    }
    file
}

/// A write of these parts at `at`, or where the file stands.
fn changed(file: c_int, at: Option<off_t>, parts: &[iovec], write: impl FnOnce() -> i64) -> ssize_t {
    let Some(mut watched) = watch::of_descriptor(file) else { return wide(write()) };
    if watched.fails(Kind::Write) {
        return wide(FAILED.into());
    }
    // SAFETY: both only ask.
    let (stands, appends) =
        unsafe { (libc::lseek(file, 0, libc::SEEK_CUR), libc::fcntl(file, libc::F_GETFL) & libc::O_APPEND != 0) };
    let end = || status_of(file).map_or(0, |status| status.st_size);
    let at = at.unwrap_or_else(|| if appends { end() } else { stands });
    let written = wide(write());
    if let (Ok(at), Ok(count)) = (u64::try_from(at), usize::try_from(written)) {
        let mut bytes = Vec::with_capacity(count);
        for part in parts.iter().filter(|part| part.iov_len > 0) {
            // SAFETY: the caller says that it can be read, and the system call did.
            bytes.extend_from_slice(unsafe { slice::from_raw_parts(part.iov_base.cast(), part.iov_len) });
        }
        bytes.truncate(count);
        watched.changing.log(Kind::Write, watched.file, at, &bytes);
    }
    written
}

fn resized(file: c_int, resize: impl FnOnce() -> i64) -> c_int {
    let Some(mut watched) = watch::of_descriptor(file) else { return number(resize()) };
    if watched.fails(Kind::Resize) {
        return FAILED;
    }
    let done = number(resize());
    if let (0, Some(length)) = (done, status_of(file).and_then(|status| u64::try_from(status.st_size).ok())) {
        watched.changing.log(Kind::Resize, watched.file, length, &[]);
    }
    done
}

fn synced(file: c_int, kind: Kind, sync: impl FnOnce() -> i64) -> c_int {
    let Some(mut watched) = watch::of_descriptor(file) else { return number(sync()) };
    if watched.fails(kind) {
        return FAILED;
    }
    watched.changing.log(kind, watched.file, 0, &[]);
    0
}

fn renamed(from: *const c_char, to: *const c_char, rename: impl FnOnce() -> i64) -> c_int {
    let Some(Named { mut changing, path: before }) = watch::of_path(text(from)) else { return number(rename()) };
    if changing.fails_at(Kind::Rename, &before) {
        return FAILED;
    }
    let replaced = status_at(text(to));
    let done = number(rename());
    if done == 0 {
        if let Some(status) = replaced {
            changing.forget(&status);
        }
        let after = watch::below(text(to));
        changing.log(Kind::Rename, 0, 0, &[before, after].join(&0));
    }
    done
}

fn removed(path: *const c_char, remove: impl FnOnce() -> i64) -> c_int {
    let Some(Named { mut changing, path: name }) = watch::of_path(text(path)) else { return number(remove()) };
    if changing.fails_at(Kind::Remove, &name) {
        return FAILED;
    }
    let there = status_at(text(path));
    let done = number(remove());
    if let (0, Some(status)) = (done, there) {
        changing.forget(&status);
        changing.log(Kind::Remove, 0, 0, &name);
    }
    done
}

fn made(path: *const c_char, make: impl FnOnce() -> i64) -> c_int {
    let Some(Named { mut changing, path: name }) = watch::of_path(text(path)) else { return number(make()) };
    if status_at(text(path)).is_none() && changing.fails_at(Kind::Folder, &name) {
        return FAILED;
    }
    let done = number(make());
    if done == 0
        && let Some(status) = status_at(text(path))
    {
        let known = changing.know(&status);
        changing.log(Kind::Folder, known, 0, &name);
    }
    done
}

fn text<'a>(path: *const c_char) -> &'a CStr {
    // SAFETY: the caller gives a path that ends with NUL.
    unsafe { CStr::from_ptr(path) }
}

fn gathered<'a>(parts: *const iovec, count: c_int) -> &'a [iovec] {
    // SAFETY: the caller gives so many.
    unsafe { slice::from_raw_parts(parts, usize::try_from(count).unwrap_or(0)) }
}

fn error() -> c_int {
    // SAFETY: the thread's own.
    unsafe { *libc::__errno_location() }
}

fn number(answer: i64) -> c_int {
    c_int::try_from(answer).unwrap_or(FAILED)
}

fn wide(answer: i64) -> ssize_t {
    ssize_t::try_from(answer).unwrap_or(-1)
}
