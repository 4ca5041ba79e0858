//! What guests need: a WebAssembly target with the standard library, and the builds themselves.

use std::{path::PathBuf, process::Command};

use anyhow::bail;

use crate::{cargo, run, step, target_folder};

const TARGET: &str = "wasm32-unknown-unknown";

/// The plugins that the project ships.
pub(crate) const PLUGINS: [&str; 11] = [
    "redact",
    "only-humans",
    "digest",
    "github-to-slack",
    "edit-fields",
    "reshape",
    "sample",
    "xml-to-json",
    "payload-version",
    "discord-verify",
    "dedupe",
];

/// Guests that only tests use.
pub(crate) const TEST_GUESTS: [&str; 5] = ["misbehave", "wrong-interface", "capable", "doorkeeper", "remember"];

/// Guests that benchmarks call.
pub(crate) const BENCH_GUESTS: [&str; 4] = ["bench-empty", "bench-json", "misbehave", "redact"];

/// The plugin that the README shows, built as the README says.
pub(crate) const README_GUEST: &str = "big-orders";

/// Where the built guests are.
pub(crate) fn folder() -> PathBuf {
    target_folder().join(TARGET).join("guest")
}

/// Uses the target where it is installed, else asks rustup for it, else says how to get it.
pub(crate) fn install_target() -> anyhow::Result<()> {
    if is_installed() {
        return Ok(());
    }
    step(&format!("installing what plugins are compiled with: rustup target add {TARGET}"));
    let added = Command::new("rustup").args(["target", "add", TARGET]).current_dir(crate::root()).status();
    if added.is_ok_and(|status| status.success()) && is_installed() {
        return Ok(());
    }
    bail!(
        "plugins cannot be compiled: this Rust has no standard library for {TARGET}.\n\
         With rustup:             rustup target add {TARGET}\n\
         With a distribution's Rust: install its package for the target, as in\n  \
         Debian, Ubuntu:        apt-get install libstd-rust-dev-wasm32\n  \
         Fedora:                dnf install rust-std-static-{TARGET}"
    )
}

fn is_installed() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(crate::root()).output();
    let Ok(answer) = asked else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    let has_std = |entry: std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libstd-");
    folder.read_dir().is_ok_and(|entries| entries.flatten().any(has_std))
}

/// Builds these packages as guests, small.
pub(crate) fn build(packages: &[&str]) -> anyhow::Result<()> {
    let mut cargo = cargo();
    cargo.args(["build", "--profile", "guest", "--target", TARGET, "--lib"]);
    // With the version that all of the workspace have: a library that some guest is tested with may have the same name.
    let exact = packages.iter().map(|package| format!("{package}@{}", env!("CARGO_PKG_VERSION")));
    run(cargo.args(exact.flat_map(|package| ["--package".to_owned(), package])))
}

/// Builds a package as a guest for speed.
pub(crate) fn build_for_speed(package: &str) -> anyhow::Result<()> {
    run(cargo().args(["build", "--profile", "guest-speed", "--target", TARGET, "--lib", "--package", package]))
}

/// Builds a package as an author does who knows of no profile.
pub(crate) fn build_plainly(package: &str) -> anyhow::Result<()> {
    run(cargo().args(["build", "--release", "--target", TARGET, "--package", package]))
}
