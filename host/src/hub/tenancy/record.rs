//! Workspaces and API keys on disk. `tenancy.json` is what counts: it is written whole, synced, for each change, and the database
//! follows. It is no part of a revision, so that going back to an earlier hub file never brings back a key that was revoked.
//!
//! Both carry the number of the change that they are of. Where one is damaged or lost the other is taken; where both are there, the
//! newer one: an older one knows keys that are revoked by now.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{key::ApiKey, workspace::Workspace};
use crate::{
    event::Timestamp,
    hub::{
        FileSystemError, StoreError, durable,
        revision::{encoded, intact},
        store::{DatabaseError, Rows, Store},
    },
};

/// The file in the data folder.
pub(in crate::hub) const FILE: &str = "tenancy.json";

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;

const CHANGE_ROW: &str = "change";
const KEY_ROWS: &str = "keys/";
const WORKSPACE_ROWS: &str = "workspaces/";

/// All workspaces and keys as of one change. This is the form on disk: a field may be added, none may change its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// Counts the changes; 0 before the first.
    pub(super) change: u64,
    pub(super) workspaces: Vec<Workspace>,
    pub(super) keys: Vec<ApiKey>,
}

impl Record {
    pub(super) fn new(change: u64, workspaces: Vec<Workspace>, keys: Vec<ApiKey>) -> Self {
        Self { format: FORMAT, change, workspaces, keys }
    }

    /// Commits it: when this returns, it is on disk. Where it does not serve, `before` is there as it was.
    pub(super) fn commit(&self, before: &Self, path: &Path) -> Result<(), FileSystemError> {
        let written = durable::write(path, &encoded(self, path)?, durable::PRIVATE);
        if written.is_err() {
            // It may be there already, and only not be certain to stay; whoever asked hears that nothing has changed.
            let _ = encoded(before, path).and_then(|bytes| durable::write(path, &bytes, durable::PRIVATE));
        }
        written
    }

    /// Lets the database follow.
    pub(super) fn follow(&self, store: &Store) -> Result<(), DatabaseError> {
        store.align_tenancy(&self.rows()?)
    }

    fn rows(&self) -> Result<Rows, DatabaseError> {
        let change = (CHANGE_ROW.to_owned(), self.change.to_string().into_bytes());
        let workspaces = self.workspaces.iter().map(|one| row(format!("{WORKSPACE_ROWS}{}", one.name), one));
        let keys = self.keys.iter().map(|key| row(format!("{KEY_ROWS}{}", key.id), key));
        std::iter::once(Ok(change)).chain(workspaces).chain(keys).collect()
    }

    /// `None`: the database never followed one. What is there and not readable is damage.
    fn of_rows(rows: &Rows) -> Result<Option<Self>, DatabaseError> {
        let Some(change) = rows.get(CHANGE_ROW) else { return Ok(None) };
        let change = std::str::from_utf8(change).ok().and_then(|text| text.parse().ok()).ok_or(DatabaseError::Damaged)?;
        Ok(Some(Self::new(change, of_kind(rows, WORKSPACE_ROWS)?, of_kind(rows, KEY_ROWS)?)))
    }
}

fn row(name: String, value: &impl Serialize) -> Result<(String, Vec<u8>), DatabaseError> {
    let bytes = serde_json::to_vec(value).map_err(|error| DatabaseError::Engine(error.into()))?;
    Ok((name, bytes))
}

fn of_kind<T: DeserializeOwned>(rows: &Rows, prefix: &str) -> Result<Vec<T>, DatabaseError> {
    let named = rows.iter().filter(|(name, _)| name.starts_with(prefix));
    named.map(|(_, value)| serde_json::from_slice(value).map_err(|_| DatabaseError::Damaged)).collect()
}

/// What the data folder tells.
pub(super) struct Told {
    /// `None`: there never were any.
    pub(super) record: Option<Record>,
    /// For the operator.
    pub(super) notes: Vec<String>,
}

/// Brings file and database to the same record, the newer of both.
pub(super) fn read(path: &Path, store: &Store, now: Timestamp) -> Result<Told, StoreError> {
    let mut notes = Vec::new();
    let followed = match store.tenancy().and_then(|rows| Record::of_rows(&rows)) {
        // The file makes good for it, or else it is told below.
        Err(DatabaseError::Damaged) => None,
        followed => followed?,
    };
    let kept = match file(path)? {
        Kept::Record(record) => Some(record),
        Kept::Nothing => None,
        Kept::Damaged if followed.is_none() => return Err(StoreError::NoTenancy { file: path.to_owned() }),
        Kept::Damaged => {
            notes.push(set_aside(path, now)?);
            None
        }
    };
    let record = match (kept, followed) {
        (Some(kept), Some(followed)) if kept == followed => Some(kept),
        (Some(kept), followed) if followed.as_ref().is_none_or(|followed| followed.change <= kept.change) => {
            kept.follow(store)?;
            Some(kept)
        }
        (kept, Some(followed)) => {
            let path_shown = path.display();
            notes.push(match kept {
                Some(_) => format!("{path_shown} is older than the database: workspaces and API keys were taken from there"),
                None => format!("workspaces and API keys were taken from the database, since there was no good {path_shown}"),
            });
            durable::write(path, &encoded(&followed, path)?, durable::PRIVATE)?;
            Some(followed)
        }
        (kept, None) => kept,
    };
    Ok(Told { record, notes })
}

enum Kept {
    Record(Record),
    Nothing,
    Damaged,
}

fn file(path: &Path) -> Result<Kept, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::Nothing),
        Err(error) => return Err(FileSystemError::when("read", path)(error).into()),
    };
    let Some(text) = intact(&bytes) else { return Ok(Kept::Damaged) };
    match serde_json::from_str::<Record>(text) {
        Ok(record) if record.format <= FORMAT => Ok(Kept::Record(record)),
        // It is as it was written, by a version that this one does not know.
        _ => Err(StoreError::NewerTenancy { file: path.to_owned() }),
    }
}

fn set_aside(path: &Path, now: Timestamp) -> Result<String, FileSystemError> {
    let aside = durable::set_aside(path, &format!(".damaged-{}", now.0))?;
    Ok(format!("{} was damaged; it is now {}", path.display(), aside.display()))
}
