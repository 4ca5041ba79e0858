//! Where benchmarks write: `target/bench`, on the disk that the project is on.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// `target/bench`, which is made where it is not there.
///
/// # Panics
///
/// Where it cannot be made.
#[must_use]
pub fn folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")).join("bench");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A new folder below it, which goes with its value: the machine's folder for temporary files may be in memory, where a sync costs nothing.
///
/// # Panics
///
/// Where it cannot be made.
#[must_use]
pub fn scratch() -> TempDir {
    TempDir::new_in(folder()).expect("a folder")
}
