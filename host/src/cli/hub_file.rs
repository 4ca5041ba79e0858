//! The hub files of a command: read, their references resolved, their components found, and judged by the host. Everything that is wrong is told
//! at once, what the host finds too; it is asked even where files are wrong, but for those that are no TOML.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use bytes::Bytes;
use http::Method;
use serde::de::DeserializeOwned;

use super::{
    Hub,
    client::{Client, Refused},
    progress::Progress,
};
use crate::{
    api::{ApplyRequest, ComponentStored, PlanTold, SpecProblem},
    event::{Digest, Name},
    hub::{
        Kind, Problem,
        file::{self, Examined, FileError, HubFile, Names, Text},
    },
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
    /// The components of the files that plugins name.
    components: BTreeMap<Name, Bytes>,
    /// What was found on this machine.
    errors: Vec<FileError>,
}

impl HubFiles {
    /// Reads the files, and what they refer to on this machine. What is wrong is told with what the host finds.
    ///
    /// # Errors
    /// A file is not there, or no TOML: of what it may say nothing can be judged.
    pub(super) fn read(files: &Files) -> anyhow::Result<Self> {
        let paths = expanded(&files.files)?;
        let (mut texts, mut unread) = (Vec::with_capacity(paths.len()), Vec::new());
        for path in &paths {
            let label = path.display().to_string();
            match fs::read_to_string(path) {
                Ok(text) => texts.push((label, text, path.parent().unwrap_or(Path::new("")))),
                Err(error) => unread.push(format!("cannot read {label}: {error}")),
            }
        }
        if !unread.is_empty() {
            bail!("nothing was applied\n{}", unread.join("\n"));
        }
        let texts: Vec<Text<'_>> = texts.iter().map(|(label, text, folder)| Text { label, text, folder }).collect();
        // What is not named goes, so nothing else can be meant.
        let names = if files.prune { Names::Declared } else { Names::Standing };
        let Examined { mut file, mut errors, is_broken } = file::examine(&texts, names);
        if is_broken {
            return Err(all(&errors));
        }
        let secrets = file.resolve_secrets(&|name| env::var(name).ok());
        let schemas = file.resolve_schemas();
        errors.extend([secrets, schemas].into_iter().filter_map(Result::err).flatten());
        let mut read = Self { file, prune: files.prune, components: BTreeMap::new(), errors };
        read.read_components();
        Ok(read)
    }

    /// Makes a component of each file that a plugin names, and puts its digest beside the path.
    fn read_components(&mut self) {
        for (name, path) in self.file.plugin_paths.clone() {
            match component(&path) {
                Ok(component) => {
                    self.file.set_digest(&name, &Digest::of(&component));
                    self.components.insert(name, component);
                }
                Err(error) => {
                    self.errors.push(self.file.component_error(&name, &on_one_line(&format!("{error:#}"))));
                    // Of no component, so that the host can judge the rest.
                    self.file.set_digest(&name, &Digest::of(b""));
                }
            }
        }
    }

    /// The host that judges them.
    pub(super) fn client(&self, hub: &Hub) -> anyhow::Result<Client> {
        Client::new(hub).map_err(|error| self.not_judged(error))
    }

    /// What the host would do. Components that it has not are uploaded where `uploads`; else what hangs on them is not judged.
    ///
    /// # Errors
    /// The host does not answer, or the files are not judged for another reason. What is wrong with them is for [`refuse`](Self::refuse).
    pub(super) async fn plan(&mut self, client: &Client, expect: Option<u64>, uploads: bool) -> anyhow::Result<PlanTold> {
        let plan = self.dry_run(client, expect).await?;
        if !uploads || plan.missing_components.is_empty() {
            return Ok(plan);
        }
        let uploaded = self.upload(client, &plan).await?;
        if uploaded == 0 { Ok(plan) } else { self.dry_run(client, expect).await }
    }

    async fn dry_run(&self, client: &Client, expect: Option<u64>) -> anyhow::Result<PlanTold> {
        let mut query = vec![("dry_run", "true".to_owned())];
        query.extend(expect.map(|revision| ("expect", revision.to_string())));
        self.post(client, &query).await.map_err(|error| self.not_judged(error))
    }

    /// Uploads what the host has not. Gives how much that was.
    async fn upload(&mut self, client: &Client, plan: &PlanTold) -> anyhow::Result<usize> {
        let missing: Vec<(Name, String)> =
            plan.missing_components.iter().map(|missing| (missing.plugin.clone(), missing.digest.clone())).collect();
        let (mut uploaded, mut errors) = (0, Vec::new());
        let progress = Progress::of_many(missing.len(), "uploading plugins, which the host compiles:");
        for (plugin, digest) in missing {
            // One that stays as it is runs; that its file was lost keeps nothing from being applied.
            let is_changed = plan.changes.iter().any(|change| (change.kind, &change.name) == (Kind::Plugin, &plugin));
            let here = self.components.get(&plugin).filter(|component| Digest::of(component).to_string() == digest);
            let Some(component) = here else {
                errors.extend(self.not_here(&plugin, &digest).filter(|_| is_changed));
                continue;
            };
            let stored = client.upload::<ComponentStored>(Method::POST, "/v1/components", component.clone()).await;
            match stored {
                Ok(_) => uploaded += 1,
                Err(error) => match error.downcast_ref::<Refused>() {
                    Some(refused) if is_changed => errors.push(self.file.component_error(&plugin, &not_uploaded(refused))),
                    Some(_) => {}
                    None => return Err(self.not_judged(error)),
                },
            }
            progress.one_more();
        }
        self.errors.extend(errors);
        Ok(uploaded)
    }

    /// A component that is named by its digest, and that nobody has.
    fn not_here(&self, plugin: &Name, digest: &str) -> Option<FileError> {
        let document = self.file.entries.get(&(Kind::Plugin, plugin.clone()))?;
        let names = |pointer: &&str| document.pointer(pointer).and_then(|value| value.as_str()) == Some(digest);
        let pointer = ["/digest", "/canary/digest"].into_iter().find(names)?;
        // What was wrong with its file has been told.
        if pointer == "/digest" && document.get("path").is_some() {
            return None;
        }
        let message = format!("no component {digest} is stored: upload it first (`sluicebox plugin push`)");
        let problem = Problem { kind: Kind::Plugin, name: plugin.to_string(), pointer: pointer.to_owned(), message };
        Some(self.file.locate(&problem))
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

    /// Whether something was found wrong on this machine.
    pub(super) fn are_wrong(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Fails where anything is wrong, with all of it.
    pub(super) fn refuse(&self, plan: &PlanTold) -> anyhow::Result<()> {
        let errors = self.with_problems(plan.problems.clone());
        if errors.is_empty() { Ok(()) } else { Err(all(&errors)) }
    }

    /// Tells of what is applied, and will hardly do what it is meant to.
    pub(super) fn warn(&self, plan: &PlanTold) {
        for warning in plan.warnings.clone() {
            errln!("warning: {}", self.file.locate(&warning.into()));
        }
    }

    /// The server's problems, with the lines of the files that they are about.
    fn located(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(Refused { problem, .. }) = error.downcast_ref::<Refused>() else { return error };
        let problems: Vec<SpecProblem> = serde_json::from_value(problem["problems"].clone()).unwrap_or_default();
        if problems.is_empty() { error } else { all(&self.with_problems(problems)) }
    }

    /// What was found here, and what the host found beside that.
    fn with_problems(&self, problems: Vec<SpecProblem>) -> Vec<FileError> {
        let problems = problems.into_iter().map(Problem::from);
        // Of what would be deleted it is told where it is used, in these files.
        let is_ours = |problem: &Problem| !self.are_wrong() || self.file.declares(problem.kind, &problem.name);
        let located = problems.filter(is_ours).map(|problem| self.file.locate(&problem));
        let is_told = |error: &FileError| self.errors.iter().any(|told| (&told.file, &told.path) == (&error.file, &error.path));
        let of_host: Vec<FileError> = located.filter(|error| !is_told(error)).collect();
        self.file.in_order([self.errors.clone(), of_host].concat())
    }

    /// What was found here, where the host cannot be asked for the rest.
    fn not_judged(&self, error: anyhow::Error) -> anyhow::Error {
        if !self.are_wrong() {
            return error;
        }
        let errors = self.file.in_order(self.errors.clone());
        anyhow::anyhow!("{:#}\nwhat only the host can check is not checked: {error:#}", all(&errors))
    }
}

/// Why a component was not taken.
fn not_uploaded(refused: &Refused) -> String {
    if refused.kind() == "scope-missing" {
        return "its component is not on the host yet, and this key may not upload it: that needs the scope `plugins`".to_owned();
    }
    format!("its component is refused: {}", on_one_line(&refused.to_string()))
}

fn on_one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
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
