//! Applying a draft: check, seal, commit, swap. Drafts take turns, so that each is checked against what it changes; readers never
//! wait. From the commit on nothing is left to chance: it runs to its end even if whoever asked has gone.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use super::{
    Disk, FileSystemError, Hub, HubError, Inner, StoreError,
    check::{Findings, Parts, check_proposed},
    draft::{Applied, Change, Draft, Edits, Generated, Note, Proposal, What},
    entry::{Entry, Key, Kind},
    revision::{KEEP, Record},
    snapshot::{ChangedRules, Item, State},
};
use crate::{
    event::Name,
    failpoint::{self, Step},
};

/// The most entries, of all workspaces together.
const ENTRIES_MAX: usize = 250_000;

impl Hub {
    /// Applies a draft to a workspace, whole or not at all. When this returns, the revision is on disk and in effect.
    ///
    /// # Errors
    /// [`HubError::Invalid`] and [`HubError::InUse`] with all that is wrong, [`HubError::NotFound`] for a deletion of what is not
    /// there, [`HubError::NotAllowed`] where it changes what it may not, [`HubError::NoWorkspace`], [`HubError::Conflict`] at a limit,
    /// [`HubError::Quota`] at one of the workspace, [`HubError::Store`] where the disk failed. Nothing has changed then.
    pub async fn apply(&self, workspace: &Name, draft: Draft) -> Result<Applied, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        self.apply_in_turn(turn, workspace, draft).await
    }

    pub(super) async fn apply_in_turn(
        &self,
        turn: OwnedMutexGuard<()>,
        workspace: &Name,
        draft: Draft,
    ) -> Result<Applied, HubError> {
        let state = self.inner.state.load_full();
        let (standing, revision) = (state.workspace(workspace), state.revision_of(workspace));
        check_expected(draft.expect, revision)?;
        let (note, only) = (draft.note.clone(), draft.only.clone());
        let proposal = Proposal::of(workspace, &standing, draft, &self.inner.seal, &self.inner.versions)?;
        check_allowed(only.as_deref(), &proposal.edits)?;
        self.check_room(workspace, &state, &proposal.edits)?;
        let parts = verdict(check_proposed(&standing, &proposal.edits, &self.inner.terms(workspace)).await, &proposal)?;
        if proposal.edits.is_empty() {
            return Ok(Applied { revision, ..Applied::default() });
        }
        let commit = Commit {
            workspace: workspace.clone(),
            documents: sealed(&self.inner, workspace, proposal.edits)?,
            parts,
            generated: proposal.generated,
            note,
        };
        let inner = self.inner.clone();
        let committed = tokio::task::spawn_blocking(move || {
            let applied = commit.run(&inner, &state);
            drop(turn);
            applied
        });
        committed.await.map_err(StoreError::Stopped)?
    }

    /// Whether there is room for what comes, in the workspace and in all of them.
    pub(super) fn check_room(&self, workspace: &Name, state: &State, edits: &Edits) -> Result<(), HubError> {
        let standing = state.workspace(workspace);
        self.check_workspace(workspace)?.admit(workspace, &standing, edits)?;
        let come = edits.iter().filter(|(key, document)| document.is_some() && !standing.contains_key(key)).count();
        let gone = edits.values().filter(|document| document.is_none()).count();
        if come > gone && state.len() + come - gone > ENTRIES_MAX {
            return Err(HubError::Conflict { what: "entries", max: ENTRIES_MAX });
        }
        Ok(())
    }
}

/// Who may not change a kind may name its entries as they are.
fn check_allowed(only: Option<&[Kind]>, edits: &Edits) -> Result<(), HubError> {
    let Some(only) = only else { return Ok(()) };
    match edits.keys().find(|(kind, _)| !only.contains(kind)) {
        Some((kind, _)) => Err(HubError::NotAllowed { kind: *kind }),
        None => Ok(()),
    }
}

/// A draft that was made to one revision is not applied to another.
pub(super) fn check_expected(expect: Option<u64>, revision: u64) -> Result<(), HubError> {
    match expect {
        Some(expected) if expected != revision => Err(HubError::RevisionChanged { expected, revision }),
        _ => Ok(()),
    }
}

pub(super) fn verdict(checked: Result<Parts, Findings>, proposal: &Proposal) -> Result<Parts, HubError> {
    let mut problems = proposal.problems.clone();
    match checked {
        Ok(parts) if problems.is_empty() => Ok(parts),
        Ok(_) => Err(HubError::Invalid(problems)),
        Err(findings) => {
            problems.extend(findings.problems);
            if problems.is_empty() {
                return Err(HubError::InUse(findings.in_use));
            }
            problems.extend(findings.in_use);
            Err(HubError::Invalid(problems))
        }
    }
}

fn sealed(inner: &Inner, workspace: &Name, edits: Edits) -> Result<BTreeMap<Key, Option<Value>>, StoreError> {
    let seal = |(key, clear): (Key, Option<Value>)| {
        let entry = Entry::new(workspace, &key);
        Ok((key, clear.map(|clear| inner.seal.seal(&entry, clear)).transpose()?))
    };
    edits.into_iter().map(seal).collect()
}

/// A checked draft.
struct Commit {
    workspace: Name,
    /// What changes, secrets sealed; `None`: deleted.
    documents: BTreeMap<Key, Option<Value>>,
    parts: Parts,
    generated: Vec<Generated>,
    note: Note,
}

impl Commit {
    fn run(self, inner: &Arc<Inner>, before: &State) -> Result<Applied, HubError> {
        let disk = inner.disk();
        let disk = disk.as_ref().ok_or(StoreError::Closed)?;
        let revision = inner.revisions.highest().map_err(StoreError::FileSystem)?.max(before.revision) + 1;
        let after = self.onto(before, revision);
        self.record(inner, before, &after).map_err(StoreError::FileSystem)?;
        failpoint::reach(Step::RevisionRecorded);
        // The revision stands; what follows cannot undo it, and the next start mends what fails of it.
        self.follow(disk, before, &after);
        failpoint::reach(Step::RevisionFollowed);
        let snapshot = inner.snapshot.load().followed_by(before, &after, self.changed_rules().as_ref());
        inner.state.store(Arc::new(after));
        inner.snapshot.store(Arc::new(snapshot));
        inner.versions_follow(&self.workspace, self.documents.keys());
        inner.release();
        inner.compact_rules(&self.workspace);
        tracing::info!(revision, workspace = %self.workspace, changes = self.documents.len(), "a revision was applied");
        Ok(Applied { revision, changes: self.changes(before), generated: self.generated })
    }

    /// Also where only plugins changed: their rules are of a new revision then.
    fn changed_rules(&self) -> Option<ChangedRules<'_>> {
        let changed = || self.parts.keys().chain(self.documents.keys());
        let names = changed().filter(|(kind, _)| *kind == Kind::Rule).map(|(_, name)| name).collect();
        let any = changed().any(|(kind, _)| matches!(kind, Kind::Rule | Kind::Plugin));
        any.then_some(ChangedRules { workspace: &self.workspace, names })
    }

    /// The state after it.
    fn onto(&self, before: &State, revision: u64) -> State {
        let mut workspace = Arc::unwrap_or_clone(before.workspace(&self.workspace));
        for key in self.documents.iter().filter(|(_, document)| document.is_none()).map(|(key, _)| key) {
            workspace.remove(key);
        }
        for (key, part) in &self.parts {
            let document = self.documents.get(key).cloned().flatten();
            let document = document.or_else(|| workspace.get(key).map(|item| item.document.clone()));
            if let Some(document) = document {
                workspace.insert(key.clone(), Arc::new(Item { document, part: part.clone(), since: revision }));
            }
        }
        let mut after = State { revision, ..before.clone() };
        after.newest.insert(self.workspace.clone(), revision);
        after.workspaces.insert(self.workspace.clone(), Arc::new(workspace));
        after.workspaces.retain(|_, workspace| !workspace.is_empty());
        after
    }

    /// Commits it.
    fn record(&self, inner: &Inner, before: &State, after: &State) -> Result<(), FileSystemError> {
        let record = Record::new(after.revision, before.revision, &self.workspace, (inner.clock)(), &self.documents);
        let record = record.with_joined(self.joined()).noted(self.note.clone(), &self.changes(before));
        let full = inner.revisions.is_full_due(after.revision, before.revision, after.len())?.then(|| after.whole());
        inner.revisions.commit(record, full)?;
        if let Err(error) = inner.revisions.prune(KEEP, (inner.clock)()) {
            tracing::warn!(%error, "old revisions were not removed");
        }
        Ok(())
    }

    /// The rules that were refined again for what they are joined with.
    fn joined(&self) -> Vec<Name> {
        let joined = self.parts.keys().filter(|key| key.0 == Kind::Rule && !self.documents.contains_key(key));
        joined.map(|(_, name)| name.clone()).collect()
    }

    /// Lets the database follow. One that missed a revision gets everything.
    fn follow(&self, disk: &Disk, before: &State, after: &State) {
        let followed = match disk.store.revision() {
            Ok(revision) if revision == before.revision => {
                let changes = self.documents.iter();
                let changes = changes.map(|(key, document)| (Entry::new(&self.workspace, key), document.as_ref()));
                disk.store.write(after.revision, &changes.collect())
            }
            _ => disk.store.align(after.revision, &after.documents()),
        };
        if let Err(error) = followed {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database did not follow; the next start will mend it");
        }
    }

    fn changes(&self, before: &State) -> Vec<Change> {
        let change = |(key, document): (&Key, &Option<Value>)| {
            let what = What::of(before.item(&self.workspace, key).is_some(), document.is_some());
            Change { kind: key.0, name: key.1.clone(), what }
        };
        self.documents.iter().map(change).collect()
    }
}
