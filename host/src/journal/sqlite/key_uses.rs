//! When API keys were last used: a row for each that ever was.

use rusqlite::{Connection, params};

use super::{error::StoreError, writing::Writing};
use crate::event::Timestamp;

/// Stores them in place of what was known; what is gone goes.
pub(super) fn keep(writing: &Writing<'_>, uses: &[(String, Option<Timestamp>)]) -> Result<(), StoreError> {
    for (key, used_at) in uses {
        match used_at {
            Some(used_at) => writing
                .sql
                .prepare_cached("INSERT OR REPLACE INTO key_uses (key, used_at) VALUES (?1, ?2)")?
                .execute(params![key, used_at])?,
            None => writing.sql.prepare_cached("DELETE FROM key_uses WHERE key = ?1")?.execute([key])?,
        };
    }
    Ok(())
}

/// All there are.
pub(super) fn all(view: &Connection) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let mut statement = view.prepare("SELECT key, used_at FROM key_uses")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
