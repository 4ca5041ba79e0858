//! How the host is packed: the Debian package, the systemd unit, the image and its compose file, and what shells complete.

mod completions;
mod debian;
mod image;
mod systemd;

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A file of the project.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// What `cargo xtask test` has installed or made, by its variable.
fn given(variable: &str) -> PathBuf {
    env::var_os(variable).unwrap_or_else(|| panic!("{variable} is not set; run `cargo xtask test packaging`")).into()
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Both of what it wrote; it has to end well.
fn works(command: &mut Command) -> String {
    let output = output(command);
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{told}", output.status);
    told
}
