//! `sluicebox plugin build`: cargo makes a core module, and this a component of it. No code of the plugin is executed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::inspect;
use crate::plugin;

/// What the template sets up for guests.
pub(super) const PROFILE: &str = "release";
const TARGET: &str = "wasm32-unknown-unknown";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The crate's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The profile that cargo builds with.
    #[arg(long, default_value = PROFILE)]
    profile: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let built = build(&arguments.folder, &arguments.profile)?;
    inspect::tell(&built)
}

/// Builds the crate in a folder, and gives back where its component is: `FOLDER/NAME.wasm`.
pub(super) fn build(folder: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("Cargo.toml").canonicalize();
    let manifest = manifest.with_context(|| format!("there is no crate in {} (Cargo.toml)", folder.display()))?;
    let name = package_name(&manifest)?;
    let module = module(&manifest, profile)?;
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = plugin::componentize(&bytes).with_context(|| format!("{} is no plugin", module.display()))?;
    let file = format!("{name}.wasm");
    let file = if folder == Path::new(".") { PathBuf::from(file) } else { folder.join(file) };
    fs::write(&file, component).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// The crate's name, from cargo, which knows what it inherits.
fn package_name(manifest: &Path) -> anyhow::Result<String> {
    let asked = cargo(manifest).args(["metadata", "--no-deps", "--format-version", "1"]).stdout(Stdio::piped()).output();
    let answer = asked.context("cannot run cargo: plugins in Rust are built with it (https://rustup.rs)")?;
    // Cargo has told why on its error stream.
    if !answer.status.success() {
        bail!("cargo cannot read {}", manifest.display());
    }
    let metadata: Value = serde_json::from_slice(&answer.stdout).context("cargo's answer is not understood")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.into_iter().find(|package| is_of(package, manifest));
    let name = package.and_then(|package| package["name"].as_str());
    name.map(str::to_owned)
        .with_context(|| format!("{} is of no package: name the folder of the plugin's crate", manifest.display()))
}

/// The core module that cargo built.
fn module(manifest: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let mut build = cargo(manifest);
    build.args(["build", "--lib", "--profile", profile, "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let answer = build.stdout(Stdio::piped()).output().context("cannot run cargo")?;
    if !answer.status.success() {
        let mend = if has_target(manifest) { String::new() } else { format!("\n{}", without_target()) };
        bail!("cargo could not build {}{mend}", manifest.display());
    }
    let lines = String::from_utf8_lossy(&answer.stdout);
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let artifacts = messages.filter(|message| message["reason"] == "compiler-artifact" && is_of(message, manifest));
    let files: Vec<Value> =
        artifacts.flat_map(|artifact| artifact["filenames"].as_array().cloned().unwrap_or_default()).collect();
    let module = files.iter().filter_map(Value::as_str).find(|file| file.ends_with(".wasm"));
    module.map(PathBuf::from).with_context(|| {
        format!("{} builds no module: it needs crate-type = [\"cdylib\", \"rlib\"] under [lib]", manifest.display())
    })
}

fn is_of(message: &Value, manifest: &Path) -> bool {
    message["manifest_path"].as_str().is_some_and(|path| Path::new(path) == manifest)
}

/// In the crate's folder: that is where cargo looks for `.cargo/config.toml`.
fn cargo(manifest: &Path) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(manifest.parent().unwrap_or(Path::new("."))).stderr(Stdio::inherit());
    cargo
}

fn has_target(manifest: &Path) -> bool {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(manifest.parent().unwrap_or(Path::new(".")));
    let Ok(answer) = rustc.output() else { return false };
    let folder = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    let has_std = |entry: fs::DirEntry| entry.file_name().to_string_lossy().starts_with("libstd-");
    folder.read_dir().is_ok_and(|entries| entries.flatten().any(has_std))
}

fn without_target() -> String {
    format!(
        "this Rust has no standard library for {TARGET}, which plugins are built for\n  \
         with rustup:     rustup target add {TARGET}\n  \
         Debian, Ubuntu:  apt-get install libstd-rust-dev-wasm32\n  \
         Fedora:          dnf install rust-std-static-{TARGET}"
    )
}
