//! The hub files of a command: read, their references resolved, their components found. Everything that is wrong is told at once.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;

use super::{
    client::{Client, Refused},
    progress::Progress,
};
use crate::{
    api::{ApplyRequest, ComponentStored, PlanTold, SpecProblem},
    event::Digest,
    hub::file::{self, FileError, HubFile, Names, Text},
    plugin,
};

/// Which hub files.
#[derive(Debug, clap::Args)]
pub(super) struct Files {
    /// Hub files, and folders of them: all `*.toml` in a folder, not in those below it. They are one hub file together.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Delete what the files do not name.
    #[arg(long)]
    prune: bool,
}

/// Hub files, taken together.
pub(super) struct HubFiles {
    file: HubFile,
    prune: bool,
}

impl HubFiles {
    /// Reads the files, and what they refer to on this machine.
    pub(super) fn read(files: &Files) -> anyhow::Result<Self> {
        let paths = expanded(&files.files)?;
        let mut texts = Vec::with_capacity(paths.len());
        for path in &paths {
            let label = path.display().to_string();
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {label}"))?;
            texts.push((label, text, path.parent().unwrap_or(Path::new(""))));
        }
        let texts: Vec<Text<'_>> = texts.iter().map(|(label, text, folder)| Text { label, text, folder }).collect();
        // What is not named goes, so nothing else can be meant.
        let names = if files.prune { Names::Declared } else { Names::Standing };
        let mut file = file::read_all(&texts, names).map_err(|errors| all(&errors))?;
        let secrets = file.resolve_secrets(&|name| env::var(name).ok());
        let schemas = file.resolve_schemas();
        let errors: Vec<FileError> = [secrets, schemas].into_iter().filter_map(Result::err).flatten().collect();
        if errors.is_empty() { Ok(Self { file, prune: files.prune }) } else { Err(all(&errors)) }
    }

    /// Makes a component of each file that a plugin names, uploads it, and puts its digest beside the path.
    pub(super) async fn upload(&mut self, client: &Client) -> anyhow::Result<()> {
        let paths = self.file.plugin_paths.clone();
        let progress = Progress::of_many(paths.len(), "uploading plugins, which the host compiles:");
        for (name, path) in paths {
            let component = component(&path).with_context(|| format!("plugins.{name}"))?;
            let stored: ComponentStored = client
                .upload(Method::POST, "/v1/components", component)
                .await
                .with_context(|| format!("plugins.{name}: {} was refused", path.display()))?;
            self.file.set_digest(&name, &stored.digest.parse()?);
            progress.one_more();
        }
        Ok(())
    }

    /// The same, but uploads nothing: what the digest is can be told here.
    pub(super) fn digest(&mut self) -> anyhow::Result<()> {
        for (name, path) in self.file.plugin_paths.clone() {
            let component = component(&path).with_context(|| format!("plugins.{name}"))?;
            self.file.set_digest(&name, &Digest::of(&component));
        }
        Ok(())
    }

    /// Has the host apply them, or tell what that would do.
    pub(super) async fn post<T: DeserializeOwned>(&self, client: &Client, query: &[(&str, String)]) -> anyhow::Result<T> {
        let mut query = query.to_vec();
        if self.prune {
            query.push(("prune", "true".to_owned()));
        }
        let posted = client.post_with("/v1/apply", &query, &ApplyRequest::of(&self.file.entries)).await;
        posted.map_err(|error| self.located(error))
    }

    /// Fails where the host would refuse them.
    pub(super) fn refuse(&self, plan: &PlanTold) -> anyhow::Result<()> {
        if plan.problems.is_empty() {
            return Ok(());
        }
        bail!(self.told(plan.problems.clone()))
    }

    /// The server's problems, with the lines of the files that they are about.
    fn located(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(Refused { problem, .. }) = error.downcast_ref::<Refused>() else { return error };
        let problems: Vec<SpecProblem> = serde_json::from_value(problem["problems"].clone()).unwrap_or_default();
        if problems.is_empty() { error } else { self.told(problems) }
    }

    fn told(&self, problems: Vec<SpecProblem>) -> anyhow::Error {
        let errors: Vec<FileError> = problems.into_iter().map(|problem| self.file.locate(&problem.into())).collect();
        all(&errors)
    }
}

/// The files, each folder replaced by the hub files in it, in the order of their names.
fn expanded(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut found = Vec::new();
        for entry in entries {
            let file = entry.with_context(|| format!("cannot read {}", path.display()))?.path();
            if file.is_file() && file.extension().is_some_and(|extension| extension == "toml") {
                found.push(file);
            }
        }
        if found.is_empty() {
            bail!("there is no hub file (*.toml) in {}", path.display());
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// The component in a file; a core module that a plain `cargo build` made is turned into one.
pub(super) fn component(path: &Path) -> anyhow::Result<Bytes> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let component = plugin::componentize(&bytes).with_context(|| format!("{} is no plugin", path.display()))?;
    Ok(Bytes::from(component))
}

fn all(errors: &[FileError]) -> anyhow::Error {
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("nothing was applied\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_stands_for_its_hub_files() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b.toml", "a.toml", "notes.md"] {
            fs::write(folder.path().join(name), "").expect("a file");
        }
        fs::create_dir(folder.path().join("below.toml")).expect("a folder");
        let single = PathBuf::from("x.toml");
        let files = expanded(&[single.clone(), folder.path().to_owned()]).expect("read");
        assert_eq!(files, [single, folder.path().join("a.toml"), folder.path().join("b.toml")]);
        let empty = folder.path().join("below.toml");
        assert!(expanded(&[empty]).expect_err("nothing there").to_string().contains("no hub file"));
    }
}
