//! What an open finds to do: the lanes with waiting work, found by skipping from lane to lane, so that ten million waiting deliveries
//! of ten destinations cost twenty steps. The flows then claim what is due, and learn when the rest will be.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{error::StoreError, wire::Columns};
use crate::journal::{Feed, Lane};

/// Tells the flows of everything that was not settled when the journal was closed.
pub(super) fn resume(connection: &Connection, feed: &Feed) -> Result<(), StoreError> {
    feed.events.notify_one();
    feed.runs.mark(lanes(connection, &Waiting { table: "runs", name: "rule", state: 0 })?);
    feed.held.mark(lanes(connection, &Waiting { table: "runs", name: "rule", state: 1 })?);
    feed.batches.mark(lanes(connection, &Waiting { table: "batches", name: "rule", state: 0 })?);
    feed.batches.mark(lanes(connection, &Waiting { table: "batches", name: "rule", state: 1 })?);
    feed.deliveries.mark(lanes(connection, &Waiting { table: "deliveries", name: "destination", state: 0 })?);
    Ok(())
}

/// Rows of a table that are in a state which has an index by workspace and name.
struct Waiting {
    table: &'static str,
    /// The column that names the lane.
    name: &'static str,
    state: u8,
}

/// All lanes, each found as the one after the last: in its workspace, else in the next. Two statements, since SQLite walks through all rows
/// of the last lane where it is asked for both columns at once, `(workspace, name) > (?1, ?2)`.
fn lanes(connection: &Connection, waiting: &Waiting) -> Result<Vec<Lane>, StoreError> {
    let Waiting { table, name, state } = waiting;
    let select = format!("SELECT workspace, {name} FROM {table} WHERE state = {state}");
    let mut in_workspace = connection.prepare(&format!("{select} AND workspace = ?1 AND {name} > ?2 ORDER BY {name} LIMIT 1"))?;
    let mut after_it = connection.prepare(&format!("{select} AND workspace > ?1 ORDER BY workspace, {name} LIMIT 1"))?;
    let read = |row: &rusqlite::Row<'_>| {
        let mut columns = Columns::of(row);
        Ok(Lane { workspace: columns.take()?, name: columns.take()? })
    };
    let mut lanes: Vec<Lane> = Vec::new();
    loop {
        // No name is empty, so the first is the one after that.
        let (workspace, name) = lanes.last().map_or(("", ""), |lane| (lane.workspace.as_str(), lane.name.as_str()));
        let mut next = in_workspace.query_row(params![workspace, name], read).optional()?;
        if next.is_none() {
            next = after_it.query_row([workspace], read).optional()?;
        }
        match next {
            Some(lane) => lanes.push(lane),
            None => return Ok(lanes),
        }
    }
}
