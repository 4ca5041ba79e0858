//! A hub in a folder of its own, and what has to hold of each file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, anyhow, ensure};
use prometheus_client::registry::Registry;
use serde_json::Value;
use sluicebox::{
    event::{Digest, Name, Timestamp},
    hub::{
        Applied, Draft, Hub, HubError, Kind, MainKeyOptions, Note, Options, Origin, Problem, Versioning,
        file::{self, HubFile, Names, Text},
    },
    plugin::{self, Plugins},
};
use tempfile::TempDir;

use super::{
    make::{self, Components, File},
    spoil::Spoilt,
};
use crate::guests;

type Entries = BTreeMap<(Kind, Name), Value>;

pub(super) struct World {
    folder: TempDir,
    hub: Arc<Hub>,
    components: Components,
}

impl World {
    pub(super) async fn new() -> anyhow::Result<Self> {
        // In memory where that is to be had: what is tried here is not the disk.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { TempDir::new_in(memory)? } else { TempDir::new()? };
        for (name, text) in make::secret_files() {
            fs::write(folder.path().join(name), text + "\n")?;
        }
        let hub = open(folder.path()).await?;
        let redact = guests::component("redact");
        // Other bytes that take the same settings: an empty custom section more.
        let other = [redact.clone(), vec![0, 2, 1, b'x']].concat();
        let mut digests = Vec::new();
        for component in [redact, other, guests::component("sample")] {
            digests.push(hub.put_component(&workspace(), component.into()).await?.0);
        }
        let components = Components { redact: digests[0], other_redact: digests[1], sample: digests[2] };
        Ok(Self { folder, hub, components })
    }

    pub(super) fn components(&self) -> &Components {
        &self.components
    }

    /// Applies a file, and tries what has to hold. Gives how much it changed.
    pub(super) async fn try_file(&mut self, file: &File) -> anyhow::Result<u64> {
        let read = self.read(&file.text())?;
        let draft = || self.draft(&read);
        let plan = self.hub.plan(&workspace(), draft()).await?;
        ensure!(plan.problems.is_empty() && plan.missing.is_empty(), "{:?} {:?}", plan.problems, plan.missing);
        let applied = self.hub.apply(&workspace(), Draft { expect: Some(plan.revision), ..draft() }).await?;
        let planned: Vec<_> = plan.changes.into_iter().map(|planned| planned.change).collect();
        ensure!(applied.changes == planned, "told: {planned:?}, done: {:?}", applied.changes);

        let exported = file::write(&self.hub.export(&workspace()).entries)?;
        let again = self.unresolved(&exported)?;
        let declared = make::without_secrets(&file.entries);
        for (key, document) in &declared {
            ensure!(again.entries.get(key) == Some(document), "exported, but {key:?}, which is {document}:\n{exported}");
        }
        ensure!(again.entries.len() == declared.len(), "exported, with what was not applied:\n{exported}");
        let plan = self.hub.plan(&workspace(), self.draft(&self.read(&exported)?)).await?;
        ensure!(plan.changes.is_empty() && plan.problems.is_empty(), "what was exported: {:?} {:?}", plan.changes, plan.problems);

        let once_more = self.hub.apply(&workspace(), draft()).await?;
        ensure!(once_more.changes.is_empty() && once_more.generated.is_empty(), "{once_more:?}");
        ensure!(once_more.revision == applied.revision, "revision {} became {}", applied.revision, once_more.revision);
        Ok(applied.changes.len() as u64)
    }

    /// Tries a file that is spoilt: it is refused for just that, and nothing changes.
    pub(super) async fn try_spoilt(&self, file: &File, spoilt: &Spoilt) -> anyhow::Result<()> {
        let before = self.state();
        let mut draft = self.draft(&self.read(&file.text())?);
        match spoilt.clone() {
            Spoilt::Entry(kind, name, document, _) => drop(draft.entries.insert((kind, name), Some(document))),
            Spoilt::Revision => draft.expect = Some(before.revision + 1),
            Spoilt::Deleted(kind, name) => drop(draft.entries.insert((kind, name), None)),
        }
        let refused = self.hub.apply(&workspace(), draft).await;
        ensure!(is_told(&refused, spoilt), "it was not refused for what was spoilt: {refused:?}");
        ensure!(self.state() == before, "it changed something");
        Ok(())
    }

    /// Closes the hub and opens it again: records and database tell the same, and what was there is there.
    pub(super) async fn reopen(self) -> anyhow::Result<()> {
        let before = self.hub.export(&workspace());
        self.hub.close();
        let opened = open_noted(self.folder.path()).await?;
        ensure!(opened.1.is_empty(), "{:?}", opened.1);
        let after = opened.0.export(&workspace());
        ensure!((after.revision, after.entries) == (before.revision, before.entries), "another one after a restart");
        opened.0.close();
        Ok(())
    }

    /// What a refused file must not change.
    fn state(&self) -> Untouched {
        let snapshot = Arc::as_ptr(&self.hub.snapshot().load_full()) as usize;
        let exported = self.hub.export(&workspace());
        let mut records = Vec::new();
        for entry in fs::read_dir(self.folder.path().join("data/revisions")).into_iter().flatten().flatten() {
            records.push(entry.path());
        }
        records.sort();
        Untouched { snapshot, revision: exported.revision, entries: exported.entries, records }
    }

    fn draft(&self, read: &HubFile) -> Draft {
        let entries = read.entries.iter().map(|(key, document)| (key.clone(), Some(document.clone()))).collect();
        Draft { entries, prune: true, note: Note { origin: Origin::HubFile, ..Note::default() }, ..Draft::default() }
    }

    fn unresolved(&self, text: &str) -> anyhow::Result<HubFile> {
        let texts = [Text { label: "hub.toml", text, folder: self.folder.path() }];
        file::read_all(&texts, Names::Declared).map_err(|errors| anyhow!("{errors:?}\n{text}"))
    }

    /// As the command line does it.
    fn read(&self, text: &str) -> anyhow::Result<HubFile> {
        let mut read = self.unresolved(text)?;
        read.resolve_secrets(&make::variable).map_err(|errors| anyhow!("{errors:?}"))?;
        for (plugin, path) in read.plugin_paths.clone() {
            let digest = self.components.at(&path).with_context(|| path.display().to_string())?;
            read.set_digest(&plugin, &digest);
        }
        Ok(read)
    }
}

/// Whether what was spoilt is told, perhaps beside what follows from it.
fn is_told(answer: &Result<Applied, HubError>, spoilt: &Spoilt) -> bool {
    match (answer, spoilt) {
        (Err(HubError::Invalid(problems)), Spoilt::Entry(kind, name, _, at)) => {
            let is_it = |told: &Problem| told.kind == *kind && told.name == name.as_str() && told.pointer.starts_with(at);
            problems.iter().any(is_it)
        }
        (Err(HubError::RevisionChanged { .. }), Spoilt::Revision) => true,
        (Err(HubError::InUse(problems) | HubError::Invalid(problems)), Spoilt::Deleted(_, name)) => {
            problems.iter().any(|told| told.to_string().contains(name.as_str()))
        }
        _ => false,
    }
}

#[derive(PartialEq)]
struct Untouched {
    snapshot: usize,
    revision: u64,
    entries: Entries,
    records: Vec<PathBuf>,
}

impl Components {
    fn at(&self, path: &Path) -> Option<Digest> {
        match path.file_name()?.to_str()? {
            "redact.wasm" => Some(self.redact),
            "sample.wasm" => Some(self.sample),
            _ => None,
        }
    }
}

fn workspace() -> Name {
    Name::default_workspace()
}

async fn open(folder: &Path) -> anyhow::Result<Arc<Hub>> {
    Ok(open_noted(folder).await?.0)
}

async fn open_noted(folder: &Path) -> anyhow::Result<(Arc<Hub>, Vec<String>)> {
    // What a file no longer names is unloaded, and is to be had again without compiling it.
    let cache = Some(folder.join("compiled"));
    let machine = plugin::Options { workers: 1, queue_max: 4, cache, ..plugin::Options::default() };
    let plugins = Plugins::start(&machine, &mut Registry::default())?;
    let options = Options {
        folder: folder.join("data"),
        versioning: Versioning::default(),
        main_key: MainKeyOptions::default(),
        callbacks: true,
    };
    let opened = Hub::open(&options, plugins, Arc::new(|| Timestamp(1_790_000_000_000))).await?;
    Ok((opened.hub, opened.notes))
}
