//! Revisions as people ask for them: listed, compared, brought back, and what changed since the last hub file. All of it is read from the
//! records when somebody asks; a workspace sees its own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tokio::task::spawn_blocking;

use super::{
    Hub, HubError, Kind, StoreError,
    apply::check_expected,
    draft::{Applied, Change, Draft, Note, Origin},
    entry::{Documents, Key},
    plan::Planned,
    revision::{Head, RecordsError, Revisions, Written},
};
use crate::event::{Name, Timestamp};

/// The most records that one question reads; whoever pages goes on where it ended.
const RECORDS_READ_MAX: usize = 1_000;

/// A revision, without its documents.
#[derive(Clone, Debug)]
pub struct Revision {
    /// Its number; numbers are shared by all workspaces, so that one workspace's have gaps.
    pub number: u64,
    /// When it was applied.
    pub at: Timestamp,
    /// By what way it came, from whom, and what is said of it.
    pub note: Note,
    /// What changed.
    pub changes: Vec<Change>,
}

/// Some revisions, newest first.
#[derive(Clone, Debug)]
pub struct RevisionPage {
    /// The revisions.
    pub items: Vec<Revision>,
    /// Where the next page begins: below this number. `None`: there are no more.
    pub next: Option<u64>,
}

/// What changed by other ways than a hub file since one was applied last.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    /// The revision of that hub file. `None`: none was ever applied, or not within the newest 1,000 records.
    pub since: Option<u64>,
    /// Each entry once, as it was changed last.
    pub changes: Vec<Drifted>,
}

/// A changed entry.
#[derive(Clone, Debug)]
pub struct Drifted {
    /// Which, and how.
    pub change: Change,
    /// In which revision.
    pub revision: u64,
    /// From whom it came.
    pub by: Option<String>,
}

impl Drift {
    /// What happened to an entry, if anything.
    pub(super) fn of(&self, change: &Change) -> Option<&Drifted> {
        self.changes.iter().find(|drifted| (drifted.change.kind, &drifted.change.name) == (change.kind, &change.name))
    }
}

impl Hub {
    /// The revision in force in a workspace; 0 before its first.
    #[must_use]
    pub fn revision_of(&self, workspace: &Name) -> u64 {
        self.inner.state.load().revision_of(workspace)
    }

    /// The workspace's revisions below `before`, newest first.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn revisions(&self, workspace: &Name, before: Option<u64>, limit: usize) -> Result<RevisionPage, HubError> {
        let own = self.own(workspace);
        self.with_records(move |records| {
            let (mut items, mut next) = (Vec::new(), None);
            for (read, head) in records.newest_below(before.unwrap_or(u64::MAX))?.enumerate() {
                let (number, head) = head?;
                if items.len() == limit || read == RECORDS_READ_MAX {
                    next = Some(number + 1);
                    break;
                }
                items.extend(head.filter(&own).map(Revision::of));
            }
            Ok(RevisionPage { items, next })
        })
        .await
    }

    /// One revision of the workspace.
    ///
    /// # Errors
    /// [`HubError::NoRevision`], [`HubError::RevisionGone`], [`HubError::Store`].
    pub async fn revision(&self, workspace: &Name, number: u64) -> Result<Revision, HubError> {
        let own = self.own(workspace);
        let found = self.with_records(move |records| Ok((records.head(number)?, records.oldest()?))).await?;
        match found {
            (Some(head), _) if own(&head) => Ok(Revision::of(head)),
            (None, Some(oldest)) if number < oldest && number > 0 => Err(HubError::RevisionGone { revision: number, oldest }),
            _ => Err(HubError::NoRevision { revision: number }),
        }
    }

    /// What differs between two revisions of the workspace; `to` is the one in force where none is named.
    ///
    /// # Errors
    /// As of [`revision`](Self::revision).
    pub async fn revision_diff(&self, workspace: &Name, from: u64, to: Option<u64>) -> Result<Vec<Planned>, HubError> {
        let before = self.documents_at(workspace, from).await?;
        let after = match to {
            Some(to) => self.documents_at(workspace, to).await?,
            None => self.unsealed(workspace, self.inner.state.load().documents())?,
        };
        let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
        let differs = keys.into_iter().filter(|key| before.get(key) != after.get(key));
        Ok(differs.map(|key| Planned::of(key, before.get(key), after.get(key))).collect())
    }

    /// Makes the workspace's entries what they were, in a new revision; secrets too.
    ///
    /// # Errors
    /// As of [`revision`](Self::revision) and [`apply`](Self::apply).
    pub async fn roll_back_to(
        &self,
        workspace: &Name,
        number: u64,
        expect: Option<u64>,
        note: Note,
    ) -> Result<Applied, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        check_expected(expect, self.revision_of(workspace))?;
        let documents = self.documents_at(workspace, number).await?;
        let entries = documents.into_iter().map(|(key, document)| (key, Some(document))).collect();
        let message = note.message.or_else(|| Some(format!("back to revision {number}")));
        let note = Note { origin: Origin::Rollback, message, ..note };
        self.apply_in_turn(turn, workspace, Draft { entries, prune: true, expect, note, ..Draft::default() }).await
    }

    /// What changed by other ways since the last hub file.
    ///
    /// # Errors
    /// [`HubError::Store`].
    pub async fn drift(&self, workspace: &Name) -> Result<Drift, HubError> {
        let own = self.own(workspace);
        self.with_records(move |records| drift_of(records.newest_below(u64::MAX)?, own)).await
    }

    /// Which revisions are the workspace's, and not an earlier one's of the same name.
    fn own(&self, workspace: &Name) -> impl Fn(&Head) -> bool + Send + 'static {
        let (workspace, after) = (workspace.clone(), self.revisions_begin_after(workspace));
        move |head| head.workspace == workspace && head.revision > after
    }

    /// The workspace's documents as of a revision of its own, their secrets in clear.
    async fn documents_at(&self, workspace: &Name, number: u64) -> Result<BTreeMap<Key, Value>, HubError> {
        self.revision(workspace, number).await?;
        let told = self.with_records(move |records| Ok((records.at(number)?, records.oldest()?.unwrap_or_default()))).await?;
        let (documents, oldest) = told;
        let documents = documents.ok_or(HubError::RevisionGone { revision: number, oldest })?;
        self.unsealed(workspace, documents)
    }

    fn unsealed(&self, workspace: &Name, documents: Documents) -> Result<BTreeMap<Key, Value>, HubError> {
        let own = documents.into_iter().filter(|(entry, _)| entry.workspace == *workspace);
        let clear = own.map(|(entry, document)| Ok((entry.key(), self.inner.seal.unseal(&entry, document)?)));
        clear.collect::<Result<_, _>>().map_err(|error| HubError::Store(StoreError::Seal(error)))
    }

    async fn with_records<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Revisions) -> Result<T, RecordsError> + Send + 'static,
    ) -> Result<T, HubError> {
        let inner = self.inner.clone();
        let read = spawn_blocking(move || read(&inner.revisions)).await.map_err(StoreError::Stopped)?;
        Ok(read.map_err(StoreError::from)?)
    }
}

/// What the records tell of a workspace, the newest first.
fn drift_of(
    records: impl Iterator<Item = Result<(u64, Option<Head>), RecordsError>>,
    own: impl Fn(&Head) -> bool,
) -> Result<Drift, RecordsError> {
    let mut drift = Drift::default();
    let mut seen: BTreeSet<(Kind, Name)> = BTreeSet::new();
    for (read, head) in records.enumerate() {
        // Also where all of them are other workspaces'.
        if read >= RECORDS_READ_MAX {
            return Ok(drift);
        }
        let Some(head) = head?.1.filter(&own) else { continue };
        if head.note.origin == Origin::HubFile {
            return Ok(Drift { since: Some(head.revision), ..drift });
        }
        let Revision { number, note, changes, .. } = Revision::of(head);
        let new = changes.into_iter().filter(|change| seen.insert((change.kind, change.name.clone())));
        drift.changes.extend(new.map(|change| Drifted { change, revision: number, by: note.by.clone() }));
    }
    // No hub file was ever applied: there is nothing to drift from.
    Ok(Drift::default())
}

impl Revision {
    fn of(head: Head) -> Self {
        let change = |written: Written| Change { kind: written.kind, name: written.name, what: written.what };
        let changes = head.changes.into_iter().map(change).collect();
        Self { number: head.revision, at: Timestamp(head.at), note: head.note, changes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(revision: u64, workspace: &str, origin: Origin) -> Head {
        let note = Note { origin, ..Note::default() };
        Head { revision, workspace: workspace.parse().expect("a name"), at: 0, changes: Vec::new(), note }
    }

    /// A neighbour that changes much costs nobody more than so many records.
    #[test]
    fn a_question_about_drift_reads_so_many_records_whosever_they_are() {
        let newest = 10 * RECORDS_READ_MAX as u64;
        let mut read = 0;
        let records = (1..=newest).rev().map(|revision| {
            read += 1;
            let whose = if revision == 1 { head(1, "quiet", Origin::HubFile) } else { head(revision, "busy", Origin::Api) };
            Ok((revision, Some(whose)))
        });
        let drift = drift_of(records, |head| head.workspace.as_str() == "quiet").expect("read");
        assert_eq!((drift.since, drift.changes.len()), (None, 0));
        assert!(read <= RECORDS_READ_MAX + 1, "{read}");
    }
}
