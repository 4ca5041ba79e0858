//! What an open finds to do: the lanes with waiting work, found by skipping from lane to lane, so that ten million waiting deliveries
//! of ten destinations cost twenty steps. The flows then claim what is due, and learn when the rest will be.

use rusqlite::{Connection, OptionalExtension as _};

use super::{error::StoreError, wire::Columns};
use crate::journal::{Feed, Lane};

/// Tells the flows of everything that was not settled when the journal was closed.
pub(super) fn resume(connection: &Connection, feed: &Feed) -> Result<(), StoreError> {
    feed.events.notify_one();
    feed.runs.mark(lanes(
        connection,
        "SELECT workspace, rule FROM runs WHERE state = 0 AND (workspace, rule) > (?1, ?2) ORDER BY workspace, rule LIMIT 1",
    )?);
    feed.held.mark(lanes(
        connection,
        "SELECT workspace, rule FROM runs WHERE state = 1 AND (workspace, rule) > (?1, ?2) ORDER BY workspace, rule LIMIT 1",
    )?);
    feed.batches.mark(lanes(
        connection,
        "SELECT workspace, rule FROM batches WHERE state = 0 AND (workspace, rule) > (?1, ?2) ORDER BY workspace, rule LIMIT 1",
    )?);
    feed.batches.mark(lanes(
        connection,
        "SELECT workspace, rule FROM batches WHERE state = 1 AND (workspace, rule) > (?1, ?2) ORDER BY workspace, rule LIMIT 1",
    )?);
    feed.deliveries.mark(lanes(
        connection,
        "SELECT workspace, destination FROM deliveries WHERE state = 0 AND (workspace, destination) > (?1, ?2) \
         ORDER BY workspace, destination LIMIT 1",
    )?);
    Ok(())
}

/// All lanes, by a statement that finds the one after (workspace, name). No name is empty, so the first is the one after that.
fn lanes(connection: &Connection, next: &str) -> Result<Vec<Lane>, StoreError> {
    let mut statement = connection.prepare(next)?;
    let mut lanes: Vec<Lane> = Vec::new();
    loop {
        let last = lanes.last().map_or(("", ""), |lane| (lane.workspace.as_str(), lane.name.as_str()));
        let lane = statement.query_row(last, |row| {
            let mut columns = Columns::of(row);
            Ok(Lane { workspace: columns.take()?, name: columns.take()? })
        });
        match lane.optional()? {
            Some(lane) => lanes.push(lane),
            None => return Ok(lanes),
        }
    }
}
