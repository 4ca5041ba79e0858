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

/// The component of a guest that was built for speed, where it was.
#[must_use]
pub fn fast_component(name: &str) -> Vec<u8> {
    sluicebox::plugin::componentize(&read(&folder().with_file_name("guest-speed"), name)).expect("a component")
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

/// A language other than Rust, whose plugins `sluicebox plugin build` made components of.
#[derive(Clone, Copy, Debug)]
pub enum Language {
    /// And TypeScript.
    JavaScript,
    /// By componentize-py.
    Python,
}

impl Language {
    /// The component of a plugin.
    #[must_use]
    pub fn component(self, name: &str) -> Vec<u8> {
        let file = self.file(name);
        fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}; build it with `cargo xtask guests`", file.display()))
    }

    /// Where that is, if its language's tools were to be had.
    #[must_use]
    pub fn file(self, name: &str) -> PathBuf {
        let target = folder().ancestors().nth(2).map(Path::to_path_buf).expect("the target folder");
        let folder = match self {
            Self::JavaScript => "javascript",
            Self::Python => "python",
        };
        target.join(folder).join(format!("{name}.wasm"))
    }
}

/// Where guests are built to.
#[must_use]
pub fn folder() -> PathBuf {
    let built = || crate::process::binary().ancestors().nth(2).map(|target| target.join("wasm32-unknown-unknown/guest"));
    env::var_os("SLUICEBOX_GUESTS").map(PathBuf::from).or_else(built).expect("a folder of guests")
}
