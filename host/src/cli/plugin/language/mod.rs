//! The languages that plugins are written in. What one of them needs is in its own module: the files of a new plugin, how its folder
//! is known, and how a component is built of it. To add one, add a case here and a module beside the others.

mod javascript;
mod python;
mod rust;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use self::javascript::Dialect;
use super::kind::Kind;
use crate::plugin::{self, About};
pub(super) use rust::PROFILE;

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Language {
    /// Rust, built by cargo.
    Rust,
    /// JavaScript, built by Node.js and npm.
    Js,
    /// TypeScript, likewise.
    Ts,
    /// Python, built by componentize-py.
    Python,
}

/// A plugin that begins.
pub(super) struct Project<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// Where the language's SDK is, unless it is to be had otherwise.
    pub(super) sdk: Option<&'a Path>,
}

/// What a language brings to a new plugin, beside the README and the fixtures that all have.
pub(super) struct Files {
    /// Path in the folder, and text.
    pub(super) files: Vec<(PathBuf, String)>,
    /// The command that tests the function alone.
    pub(super) test: &'static str,
}

impl Language {
    /// All of them, in the order in which a folder is looked at.
    const ALL: [Self; 4] = [Self::Rust, Self::Js, Self::Ts, Self::Python];

    /// The files of a new plugin. Nothing is written yet, so that a name or an SDK that is none leaves no folder behind.
    pub(super) fn files(self, project: &Project<'_>) -> anyhow::Result<Files> {
        match self {
            Self::Rust => rust::files(project),
            Self::Js => javascript::files(project, Dialect::JavaScript),
            Self::Ts => javascript::files(project, Dialect::TypeScript),
            Self::Python => python::files(project),
        }
    }

    /// Builds the plugin in a folder, by whatever language is found there, and gives back where its component is: `FOLDER/NAME.wasm`.
    pub(super) fn build(folder: &Path, profile: &str) -> anyhow::Result<PathBuf> {
        let found = Self::ALL.into_iter().find(|language| folder.join(language.manifest()).is_file());
        let found = found.with_context(|| {
            let mut manifests = Self::ALL.map(Self::manifest).to_vec();
            manifests.dedup();
            format!("there is no plugin in {} (no {})", folder.display(), manifests.join(", no "))
        })?;
        match found {
            Self::Rust => rust::build(folder, profile),
            Self::Js | Self::Ts => javascript::build(folder),
            Self::Python => python::build(folder),
        }
    }

    /// The file by which a folder is known.
    const fn manifest(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::Js | Self::Ts => "package.json",
            Self::Python => "pyproject.toml",
        }
    }
}

/// What a builder that runs in the plugin's own language leaves beside the component that it made.
#[derive(Deserialize)]
struct Built {
    /// The JSON Schema of the settings, where the plugin has one.
    schema: Option<Value>,
    /// The version of the SDK that is in the component.
    sdk: String,
}

impl Built {
    fn read(file: &Path) -> anyhow::Result<Self> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text).context("the build's answer is not understood")
    }
}

/// Writes a folder's component, with the schema of its settings and who it is, and gives back where.
fn finish(folder: &Path, mut component: Vec<u8>, schema: Option<&Value>, about: &About) -> anyhow::Result<PathBuf> {
    if let Some(schema) = schema {
        component = plugin::with_config_schema(component, &schema.to_string());
    }
    let component = plugin::describe(&component, about)?;
    // Without the scope of an npm package.
    let file = format!("{}.wasm", about.name.rsplit('/').next().unwrap_or_default());
    let file = if folder == Path::new(".") { PathBuf::from(file) } else { folder.join(file) };
    fs::write(&file, component).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// The version of a plugin whose manifest has none, as cargo has it.
fn no_version() -> String {
    "0.0.0".to_owned()
}
