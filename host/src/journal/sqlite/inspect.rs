//! A look at a journal that somebody else may have open: is it sound, and whose version is it? Nothing is changed.

use std::{fs::File, io::ErrorKind, path::Path};

use rusqlite::{Connection, OptionalExtension as _};

use super::{Options, error::StoreError, folder, schema};
use crate::journal::JournalError;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// A process has it open.
    pub in_use: bool,
    /// The version of its layout, and the one that this program knows.
    pub version: (i64, i64),
    /// What is wrong, up to [`PROBLEMS_MAX`]; empty: it is sound.
    pub problems: Vec<String>,
}

/// Problems that are told: the first says enough.
const PROBLEMS_MAX: usize = 5;

/// Rows that refer to rows which are not there: a name, and a question that has an answer only where it is so.
const INVARIANTS: [(&str, &str); 5] = [
    (
        "a run whose event is missing",
        "SELECT seq FROM runs r WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = r.event) LIMIT 1",
    ),
    (
        "a delivery whose event is missing",
        "SELECT seq FROM deliveries d WHERE d.event IS NOT NULL AND NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = d.event) LIMIT 1",
    ),
    (
        "a delivery whose batch is missing",
        "SELECT seq FROM deliveries d WHERE d.batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.seq = d.batch) LIMIT 1",
    ),
    (
        "an attempt whose delivery is missing",
        "SELECT delivery FROM attempts a WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.seq = a.delivery) LIMIT 1",
    ),
    (
        "a member of a batch whose event is missing",
        "SELECT seq FROM batch_members m WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = m.event) LIMIT 1",
    ),
];

/// Looks at the journal in a folder; `None`: there is none. Reads all of it, which takes its time.
///
/// # Errors
///
/// Where it cannot be read at all.
pub fn inspect(options: &Options) -> Result<Option<Inspection>, JournalError> {
    Ok(look(&options.folder)?)
}

fn look(at: &Path) -> Result<Option<Inspection>, StoreError> {
    let file = at.join(folder::FILE);
    if let Err(error) = std::fs::metadata(&file) {
        return if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error.into()) };
    }
    let in_use = File::open(at.join(folder::LOCK)).is_ok_and(|lock| lock.try_lock().is_err());
    let connection = schema::open_reader(&file)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let mut problems = unsound(&connection)?;
    if problems.is_empty() && version == schema::VERSION {
        for (what, question) in INVARIANTS {
            let found: Option<i64> = connection.query_row(question, [], |row| row.get(0)).optional()?;
            problems.extend(found.map(|seq| format!("{what} (row {seq})")));
        }
    }
    Ok(Some(Inspection { in_use, version: (version, schema::VERSION), problems }))
}

fn unsound(connection: &Connection) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({PROBLEMS_MAX})"))?;
    let told = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(told.into_iter().filter(|line| line != "ok").collect())
}
