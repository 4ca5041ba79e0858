//! Guests that `cargo xtask test` has built from source.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The core module of a guest, as cargo leaves it.
#[must_use]
pub fn module(name: &str) -> Vec<u8> {
    read(&folder(), name)
}

/// The core module that `cargo build --release` leaves where no profile for guests is named.
#[must_use]
pub fn plain_module(name: &str) -> Vec<u8> {
    read(&folder().with_file_name("release"), name)
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    let file = folder.join(format!("{}.wasm", name.replace('-', "_")));
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask test`", file.display()))
}

/// The component of a guest, as the command line makes it.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    sluicebox::plugin::componentize(&module(name)).expect("a component")
}

/// The component of a plugin in Python.
#[must_use]
pub fn python(name: &str) -> Vec<u8> {
    let file = python_file(name);
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask test`", file.display()))
}

/// Where that is.
#[must_use]
pub fn python_file(name: &str) -> PathBuf {
    let target = folder().ancestors().nth(2).map(Path::to_path_buf);
    target.expect("the target folder").join("python").join(format!("{name}.wasm"))
}

/// Where guests are built to.
#[must_use]
pub fn folder() -> PathBuf {
    let built = || crate::process::binary().ancestors().nth(2).map(|target| target.join("wasm32-unknown-unknown/guest"));
    env::var_os("SLUICEBOX_GUESTS").map(PathBuf::from).or_else(built).expect("a folder of guests")
}
