//! Plugins in Rust: cargo makes a core module, and this a component of it. No code of the plugin is executed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::{Files, Project, finish};
use crate::{
    cli::plugin::kind::Kind,
    plugin::{self, About},
};

/// What the template sets up for guests.
pub(in crate::cli::plugin) const PROFILE: &str = "release";
const TARGET: &str = "wasm32-unknown-unknown";

/// What a new crate has.
pub(super) fn files(project: &Project<'_>) -> anyhow::Result<Files> {
    check(project.name)?;
    let manifest = include_str!("../template/rust/Cargo.toml.txt").replace("{{name}}", project.name);
    let source = match project.kind {
        Kind::Filter => include_str!("../template/rust/filter.rs"),
        Kind::Transform => include_str!("../template/rust/transform.rs"),
        Kind::Batch => include_str!("../template/rust/batch.rs"),
        Kind::Verify => include_str!("../template/rust/verify.rs"),
    };
    let files = vec![
        (PathBuf::from("Cargo.toml"), manifest.replace("{{sdk}}", &dependency(project.sdk)?)),
        (PathBuf::from(".cargo/config.toml"), include_str!("../template/rust/config.toml").to_owned()),
        (PathBuf::from(".gitignore"), include_str!("../template/rust/gitignore.txt").to_owned()),
        (PathBuf::from("src/lib.rs"), source.to_owned()),
    ];
    Ok(Files { files, test: "cargo test" })
}

/// A plugin's name that is no name of a crate would only be found by cargo, in a folder that is there by then.
fn check(name: &str) -> anyhow::Result<()> {
    ensure!(name.starts_with(|c: char| c.is_ascii_lowercase()), "`{name}` cannot name a crate: it has to begin with a letter");
    let taken = ["serde", "sluicebox-sdk", "sluicebox_sdk", "core", "std", "alloc", "test", "proc_macro"];
    ensure!(!taken.contains(&name), "`{name}` cannot name this crate: another has that name");
    Ok(())
}

/// Where cargo finds `sluicebox-sdk`.
fn dependency(sdk: Option<&Path>) -> anyhow::Result<String> {
    let Some(sdk) = sdk else { return Ok("version = \"0.1\"".to_owned()) };
    let folder = sdk.canonicalize().with_context(|| format!("--sdk {}", sdk.display()))?;
    if !folder.join("Cargo.toml").is_file() {
        bail!("--sdk {}: there is no Cargo.toml; give the folder `sdk` of Sluicebox's sources", sdk.display());
    }
    // A JSON string is a TOML string: quotes and backslashes are escaped alike.
    Ok(format!("path = {}", serde_json::Value::from(folder.to_string_lossy())))
}

/// Builds the crate in a folder, and gives back where its component is.
pub(super) fn build(folder: &Path, profile: &str) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("Cargo.toml").canonicalize();
    let manifest = manifest.with_context(|| format!("there is no crate in {} (Cargo.toml)", folder.display()))?;
    let (name, version) = package(&manifest)?;
    let (module, sdk) = module(&manifest, profile)?;
    let bytes = fs::read(&module).with_context(|| format!("cannot read {}", module.display()))?;
    let component = plugin::componentize(&bytes).with_context(|| format!("{} is no plugin", module.display()))?;
    finish(folder, component, None, &About::new(name, version, sdk))
}

/// The crate's name and version, from cargo, which knows what it inherits.
fn package(manifest: &Path) -> anyhow::Result<(String, String)> {
    let asked = cargo(manifest).args(["metadata", "--no-deps", "--format-version", "1"]).stdout(Stdio::piped()).output();
    let answer = asked.context("cannot run cargo: plugins in Rust are built with it (https://rustup.rs)")?;
    // Cargo has told why on its error stream.
    if !answer.status.success() {
        bail!("cargo cannot read {}", manifest.display());
    }
    let metadata: Value = serde_json::from_slice(&answer.stdout).context("cargo's answer is not understood")?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let package = packages.into_iter().find(|package| is_of(package, manifest));
    let text = |key: &str| package.and_then(|package| package[key].as_str()).map(str::to_owned);
    text("name")
        .zip(text("version"))
        .with_context(|| format!("{} is of no package: name the folder of the plugin's crate", manifest.display()))
}

/// The core module that cargo built, and the SDK in it.
fn module(manifest: &Path, profile: &str) -> anyhow::Result<(PathBuf, String)> {
    let mut build = cargo(manifest);
    build.args(["build", "--lib", "--profile", profile, "--target", TARGET, "--message-format", "json-render-diagnostics"]);
    let answer = build.stdout(Stdio::piped()).output().context("cannot run cargo")?;
    if !answer.status.success() {
        let mend = if has_target(manifest) { String::new() } else { format!("\n{}", without_target()) };
        bail!("cargo could not build {}{mend}", manifest.display());
    }
    let lines = String::from_utf8_lossy(&answer.stdout);
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let artifacts: Vec<Value> = messages.filter(|message| message["reason"] == "compiler-artifact").collect();
    let own = artifacts.iter().filter(|artifact| is_of(artifact, manifest));
    let mut files = own.filter_map(|artifact| artifact["filenames"].as_array()).flatten().filter_map(Value::as_str);
    let module = files.find(|file| file.ends_with(".wasm")).map(PathBuf::from).with_context(|| {
        format!("{} builds no module: it needs crate-type = [\"cdylib\", \"rlib\"] under [lib]", manifest.display())
    })?;
    Ok((module, sdk(&artifacts)))
}

/// The language, and the SDK's version where one was compiled: cargo ends the id of a package with it, behind `@` or `#`.
fn sdk(artifacts: &[Value]) -> String {
    let sdk = artifacts.iter().find(|artifact| artifact["target"]["name"] == "sluicebox_sdk");
    let version = sdk.and_then(|artifact| artifact["package_id"].as_str()?.rsplit(['@', '#']).next());
    version.map_or_else(|| "rust".to_owned(), |version| format!("rust {version}"))
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
