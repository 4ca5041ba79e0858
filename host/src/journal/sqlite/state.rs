//! What plugins remember. It changes in the transaction of the outcome that changes it, and only where all that the outcome rests on is
//! still as it was seen; so runs that touch the same keys at once come out as if one had waited for the other.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    wire::{Columns, Whole},
    writing::Writing,
};
use crate::{
    event::{KeyUse, Name, StateChange, StateEntry, StateUse, Timestamp},
    journal::{StateEnd, StoredState},
};

/// Expired entries of a plugin that are removed with each outcome of work that touched its state, whatever becomes of it: more than such
/// work usually adds.
pub(super) const EXPIRED_MAX: u32 = 256;

/// What is under a key at `now`.
pub(super) fn find(
    view: &Connection,
    workspace: &Name,
    plugin: &Name,
    key: &str,
    now: Timestamp,
) -> Result<StoredState, StoreError> {
    let sql = "SELECT version, expires_at, value FROM plugin_state WHERE workspace = ?1 AND plugin = ?2 AND key = ?3";
    let entry = view.prepare_cached(sql)?.query_row(params![workspace, plugin, key], |row| {
        let mut columns = Columns::of(row);
        Ok(StateEntry { version: columns.whole()?, expires_at: columns.take()?, value: columns.bytes()? })
    });
    let entry = entry.optional()?.filter(|entry| entry.is_there_at(now));
    // Only what an outcome would remove, however much else is expired: who is told of more room than that would not get it.
    let sql = "SELECT coalesce(sum(bytes), 0) FROM (SELECT octet_length(key) + length(value) AS bytes FROM plugin_state \
               WHERE workspace = ?1 AND plugin = ?2 AND expires_at <= ?3 ORDER BY expires_at LIMIT ?4)";
    let values = params![workspace, plugin, now, EXPIRED_MAX];
    let expired = view.prepare_cached(sql)?.query_row(values, |row| Columns::of(row).whole())?;
    Ok(StoredState { entry, bytes: size(view, workspace, plugin)?.saturating_sub(expired) })
}

/// Whether all that an outcome rests on is as it was seen, and what it leaves has room. Nothing is stored yet, but expired entries of these
/// plugins are removed.
pub(super) fn fits(writing: &Writing<'_>, workspace: &Name, end: &StateEnd) -> Result<bool, StoreError> {
    for of_plugin in &end.uses {
        for key in &of_plugin.keys {
            let seen = key.seen.as_ref().map(|entry| entry.version);
            if version(writing, workspace, &of_plugin.plugin, &key.key, end.now)? != seen {
                return Ok(false);
            }
        }
    }
    for of_plugin in &end.uses {
        remove_expired(writing, workspace, &of_plugin.plugin)?;
        if !has_room(writing, workspace, of_plugin)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Stores what an outcome leaves.
pub(super) fn store(writing: &Writing<'_>, workspace: &Name, end: &StateEnd) -> Result<(), StoreError> {
    for StateUse { plugin, keys, .. } in &end.uses {
        let mut bytes = size(writing.sql, workspace, plugin)?;
        let before = bytes;
        for KeyUse { key, left, .. } in keys {
            let Some(change) = left else { continue };
            bytes -= remove(writing, workspace, plugin, key)?.min(bytes);
            if let StateChange::Put(entry) = change {
                insert(writing, workspace, plugin, key, entry)?;
                bytes += (key.len() + entry.value.len()) as u64;
            }
        }
        if bytes != before {
            set_size(writing, workspace, plugin, bytes)?;
        }
    }
    Ok(())
}

fn version(writing: &Writing<'_>, workspace: &Name, plugin: &Name, key: &str, now: Timestamp) -> Result<Option<u64>, StoreError> {
    let sql = "SELECT version FROM plugin_state WHERE workspace = ?1 AND plugin = ?2 AND key = ?3 \
               AND (expires_at IS NULL OR expires_at > ?4)";
    let found = writing.sql.prepare_cached(sql)?.query_row(params![workspace, plugin, key, now], |row| Columns::of(row).whole());
    Ok(found.optional()?)
}

/// What does not grow has room, also where the limit was lowered.
fn has_room(writing: &Writing<'_>, workspace: &Name, of_plugin: &StateUse) -> Result<bool, StoreError> {
    let StateUse { plugin, bytes_max, keys } = of_plugin;
    let (mut removed, mut added) = (0, 0);
    for KeyUse { key, left, .. } in keys {
        if left.is_some() {
            removed += entry_bytes(writing, workspace, plugin, key)?;
        }
        if let Some(StateChange::Put(entry)) = left {
            added += (key.len() + entry.value.len()) as u64;
        }
    }
    Ok(added <= removed || size(writing.sql, workspace, plugin)?.saturating_sub(removed) + added <= *bytes_max)
}

fn entry_bytes(writing: &Writing<'_>, workspace: &Name, plugin: &Name, key: &str) -> Result<u64, StoreError> {
    let sql = "SELECT octet_length(key) + length(value) FROM plugin_state WHERE workspace = ?1 AND plugin = ?2 AND key = ?3";
    let found = writing.sql.prepare_cached(sql)?.query_row(params![workspace, plugin, key], |row| Columns::of(row).whole());
    Ok(found.optional()?.unwrap_or(0))
}

fn insert(writing: &Writing<'_>, workspace: &Name, plugin: &Name, key: &str, entry: &StateEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO plugin_state (workspace, plugin, key, version, expires_at, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let values = params![workspace, plugin, key, Whole(entry.version), entry.expires_at, &entry.value[..]];
    writing.sql.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Gives the bytes of what was there.
fn remove(writing: &Writing<'_>, workspace: &Name, plugin: &Name, key: &str) -> Result<u64, StoreError> {
    let sql = "DELETE FROM plugin_state WHERE workspace = ?1 AND plugin = ?2 AND key = ?3 \
               RETURNING octet_length(key) + length(value)";
    let removed = writing.sql.prepare_cached(sql)?.query_row(params![workspace, plugin, key], |row| Columns::of(row).whole());
    Ok(removed.optional()?.unwrap_or(0))
}

/// Of all plugins, also of those that are idle: up to [`EXPIRED_MAX`] entries of each. Gives how many there were.
pub(super) fn remove_all_expired(writing: &Writing<'_>) -> Result<u64, StoreError> {
    let mut statement = writing.sql.prepare_cached("SELECT workspace, plugin FROM plugin_state_sizes")?;
    let plugins = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(Name, Name)>, _>>()?;
    plugins.iter().map(|(workspace, plugin)| remove_expired(writing, workspace, plugin)).sum()
}

fn remove_expired(writing: &Writing<'_>, workspace: &Name, plugin: &Name) -> Result<u64, StoreError> {
    let sql = "DELETE FROM plugin_state WHERE rowid IN (SELECT rowid FROM plugin_state \
               WHERE workspace = ?1 AND plugin = ?2 AND expires_at <= ?3 ORDER BY expires_at LIMIT ?4) \
               RETURNING octet_length(key) + length(value)";
    let removed = writing
        .sql
        .prepare_cached(sql)?
        .query_map(params![workspace, plugin, writing.now, EXPIRED_MAX], |row| Columns::of(row).whole())?
        .collect::<Result<Vec<u64>, _>>()?;
    if !removed.is_empty() {
        let bytes = size(writing.sql, workspace, plugin)?.saturating_sub(removed.iter().sum());
        set_size(writing, workspace, plugin, bytes)?;
    }
    Ok(removed.len() as u64)
}

/// What all keys and values of a plugin have together.
fn size(view: &Connection, workspace: &Name, plugin: &Name) -> Result<u64, StoreError> {
    let sql = "SELECT bytes FROM plugin_state_sizes WHERE workspace = ?1 AND plugin = ?2";
    let found = view.prepare_cached(sql)?.query_row(params![workspace, plugin], |row| Columns::of(row).whole());
    Ok(found.optional()?.unwrap_or(0))
}

fn set_size(writing: &Writing<'_>, workspace: &Name, plugin: &Name, bytes: u64) -> Result<(), StoreError> {
    let sql = "INSERT INTO plugin_state_sizes (workspace, plugin, bytes) VALUES (?1, ?2, ?3) \
               ON CONFLICT (workspace, plugin) DO UPDATE SET bytes = excluded.bytes";
    writing.sql.prepare_cached(sql)?.execute(params![workspace, plugin, Whole(bytes)])?;
    Ok(())
}
