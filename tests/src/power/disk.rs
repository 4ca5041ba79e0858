//! The disk that the recorder's log tells of: what is on it for certain, what is only in memory, and what a power cut leaves.
//!
//! It promises as little as a file system may. A write is certain after a sync of its file, a name after a sync of its folder, a file's
//! own sync says nothing of its name. What is not certain may be there, or not, or in part, in any order. What a failed sync was asked to
//! write may be lost although later syncs succeed. Only a rename within a folder is whole or not at all.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

use super::{
    log::Record,
    record::{KINDS, Kind},
    tail::{Change, Content, Entries, Entry, Tail},
};
use crate::soak::chance::Chance;

/// What ends like this is memory that is shared by a file, which SQLite makes anew after a crash, whatever it finds there.
const VOLATILE: &str = "-shm";

/// Files and folders by path; a folder has no bytes. Folders come before what is in them.
pub(super) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// How much of what was not synced a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// Everything: only the process died.
    All,
    /// Some of it, in some order, some of that torn.
    Some,
    /// Nothing.
    Nothing,
}

/// The data folder on its disk.
#[derive(Debug)]
pub(super) struct Disk {
    /// The first is the data folder itself. None is ever taken out: who has a file open may write to it without a name.
    nodes: Vec<Node>,
    by_inode: HashMap<u64, usize>,
}

#[derive(Debug)]
enum Node {
    File(Tail<Content>),
    Folder(Tail<Entries>),
}

impl Disk {
    /// An empty folder, known by its inode.
    pub(super) fn new(inode: u64) -> Self {
        Self { nodes: vec![Node::Folder(Tail::default())], by_inode: HashMap::from([(inode, 0)]) }
    }

    /// Follows the log.
    ///
    /// # Errors
    ///
    /// The log tells of what cannot be: something was not recorded.
    pub(super) fn follow(&mut self, record: &Record) -> anyhow::Result<()> {
        let text = || Ok::<_, anyhow::Error>(Path::new(std::str::from_utf8(&record.bytes)?).to_owned());
        match record.kind {
            Kind::Create => self.link(&text()?, record.file, Node::File(Tail::default())),
            Kind::Folder => self.link(&text()?, record.file, Node::Folder(Tail::default())),
            Kind::Write => self.change(record.file, Change::Write(vec![(usize::try_from(record.at)?, record.bytes.clone())])),
            Kind::Resize => self.change(record.file, Change::Resize(usize::try_from(record.at)?)),
            Kind::Rename => self.rename(std::str::from_utf8(&record.bytes)?),
            Kind::Remove => self.remove(&text()?),
            Kind::Sync => self.synced(record.file, true),
            Kind::Failed if KINDS.get(usize::try_from(record.at)?) == Some(&Kind::Sync) => self.synced(record.file, false),
            Kind::Map => self.mapped(record.file),
            Kind::Hint | Kind::Failed | Kind::Mark => Ok(()),
        }
    }

    /// The path of what an inode stands for, as names are now; for messages.
    pub(super) fn path_of(&self, inode: u64) -> Option<PathBuf> {
        let node = *self.by_inode.get(&inode)?;
        self.walk(&mut |folder| folder.now().clone()).into_iter().find(|(_, found)| *found == node).map(|(path, _)| path)
    }

    /// All as the processes see it.
    pub(super) fn now(&self) -> Image {
        let nodes = self.walk(&mut |folder| folder.now().clone());
        let shown = |(path, node): (PathBuf, usize)| (path, self.file(node).map(|file| file.now().clone()));
        nodes.into_iter().map(shown).filter(|(path, _)| !is_volatile(path)).collect()
    }

    /// What is there after a power cut at this moment.
    pub(super) fn after_crash(&self, chance: &mut Chance, keep: Keep) -> Image {
        let nodes = self.walk(&mut |folder| folder.after_crash(chance, keep));
        let mut image = Image::new();
        for (path, node) in nodes {
            let bytes = match self.file(node) {
                // Noise, or nothing.
                Some(_) if is_volatile(&path) => Some(chance.bytes(32 << 10)).filter(|_| chance.below(2) == 0),
                Some(file) => Some(file.after_crash(chance, keep)),
                None => None,
            };
            if bytes.is_some() || self.file(node).is_none() {
                image.insert(path, bytes);
            }
        }
        image
    }

    /// Every name with what it stands for, folders first.
    fn walk(&self, entries: &mut dyn FnMut(&Tail<Entries>) -> BTreeMap<String, usize>) -> Vec<(PathBuf, usize)> {
        let (mut found, mut folders) = (Vec::new(), vec![(PathBuf::new(), 0)]);
        while let Some((path, folder)) = folders.pop() {
            let Node::Folder(folder) = &self.nodes[folder] else { continue };
            for (name, node) in entries(folder) {
                let path = path.join(name);
                found.push((path.clone(), node));
                folders.push((path, node));
            }
        }
        found
    }

    fn file(&self, node: usize) -> Option<&Tail<Content>> {
        match &self.nodes[node] {
            Node::File(file) => Some(file),
            Node::Folder(_) => None,
        }
    }

    fn known(&self, inode: u64) -> anyhow::Result<usize> {
        self.by_inode.get(&inode).copied().with_context(|| format!("a file that nobody made was changed: inode {inode}"))
    }

    /// The folder of a path, and the name in it.
    fn place(&mut self, path: &Path) -> anyhow::Result<(&mut Tail<Entries>, String)> {
        let name = path.file_name().context("no name")?.to_string_lossy().into_owned();
        let mut folder = 0;
        for part in path.parent().into_iter().flat_map(Path::iter) {
            let Node::Folder(parent) = &self.nodes[folder] else { bail!("{} is below a file", path.display()) };
            let missing = || format!("{} is below what is not there", path.display());
            folder = *parent.now().get(&*part.to_string_lossy()).with_context(missing)?;
        }
        match &mut self.nodes[folder] {
            Node::Folder(folder) => Ok((folder, name)),
            Node::File(_) => bail!("{} is below a file", path.display()),
        }
    }

    fn link(&mut self, path: &Path, inode: u64, node: Node) -> anyhow::Result<()> {
        let new = self.nodes.len();
        let (folder, name) = self.place(path)?;
        folder.change(Entry::Link(name, new));
        self.nodes.push(node);
        self.by_inode.insert(inode, new);
        Ok(())
    }

    fn rename(&mut self, paths: &str) -> anyhow::Result<()> {
        let (from, to) = paths.split_once('\0').context("a rename has two paths")?;
        let (from, to) = (Path::new(from), Path::new(to));
        if from.parent() != to.parent() {
            bail!("{} left its folder: nothing here does, and no order of its two changes is known", from.display());
        }
        let (folder, before) = self.place(from)?;
        let node = *folder.now().get(&before).with_context(|| format!("{} is not there", from.display()))?;
        let after = to.file_name().context("no name")?.to_string_lossy().into_owned();
        folder.change(Entry::Rename(before, after, node));
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> anyhow::Result<()> {
        let (folder, name) = self.place(path)?;
        folder.change(Entry::Unlink(name));
        Ok(())
    }

    fn change(&mut self, inode: u64, change: Change) -> anyhow::Result<()> {
        let node = self.known(inode)?;
        match &mut self.nodes[node] {
            Node::File(file) => file.change(change),
            Node::Folder(_) => bail!("a folder was written to"),
        }
        Ok(())
    }

    fn synced(&mut self, inode: u64, done: bool) -> anyhow::Result<()> {
        let node = self.known(inode)?;
        match &mut self.nodes[node] {
            Node::File(file) => file.synced(done),
            Node::Folder(folder) => folder.synced(done),
        }
        Ok(())
    }

    fn mapped(&self, inode: u64) -> anyhow::Result<()> {
        let path = self.path_of(inode).unwrap_or_default();
        if !is_volatile(&path) {
            bail!("{} is changed by memory, which the recorder does not see", path.display());
        }
        Ok(())
    }
}

pub(super) fn is_volatile(path: &Path) -> bool {
    path.to_string_lossy().ends_with(VOLATILE)
}
