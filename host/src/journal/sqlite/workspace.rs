//! What is left of a workspace: asked before its name is given again, so that a new one sees nothing of an old one.

use rusqlite::{Connection, params};

use super::{error::StoreError, writing::Writing};
use crate::event::Name;

/// Tables that are not of work, and what names a row in each.
const BESIDE: [(&str, &str); 4] = [
    ("plugin_state", "workspace, plugin, key"),
    ("plugin_state_sizes", "workspace, plugin"),
    ("lane_facts", "workspace, destination"),
    ("duplicates", "workspace, source, key"),
];

/// Whether any work of it is on record.
pub(super) fn has_work(view: &Connection, workspace: &Name) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM events WHERE workspace = ?1) OR EXISTS (SELECT 1 FROM runs WHERE workspace = ?1) \
               OR EXISTS (SELECT 1 FROM batches WHERE workspace = ?1) OR EXISTS (SELECT 1 FROM deliveries WHERE workspace = ?1)";
    Ok(view.query_row(sql, [workspace], |row| row.get(0))?)
}

/// Removes up to `max` rows of what is kept beside the work, and tells how many there were.
pub(super) fn forget(writing: &mut Writing<'_>, workspace: &Name, max: usize) -> Result<(), StoreError> {
    let mut left = max;
    for (table, key) in BESIDE {
        let sql = format!("DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE workspace = ?1 LIMIT ?2)");
        let limit = i64::try_from(left).unwrap_or(i64::MAX);
        left -= writing.sql.execute(&sql, params![workspace, limit])?;
    }
    writing.told.amount = (max - left) as u64;
    Ok(())
}
