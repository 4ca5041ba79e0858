//! Runtime facts of destinations: a row for each of which there is something to know.

use rusqlite::{Connection, params};

use super::{error::StoreError, wire::Columns, writing::Writing};
use crate::journal::{Disabled, Lane, LaneFacts, Opened};

/// Stores the facts of a lane in place of those before.
pub(super) fn keep(writing: &Writing<'_>, lane: &Lane, facts: &LaneFacts) -> Result<(), StoreError> {
    if facts.is_empty() {
        let sql = "DELETE FROM lane_facts WHERE workspace = ?1 AND destination = ?2";
        writing.sql.prepare_cached(sql)?.execute(params![lane.workspace, lane.name])?;
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO lane_facts (workspace, destination, disabled_at, disabled_for, opened_at, open_until, probes, \
               held_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let LaneFacts { disabled, opened, held_until } = facts;
    writing.sql.prepare_cached(sql)?.execute(params![
        lane.workspace,
        lane.name,
        disabled.as_ref().map(|disabled| disabled.at),
        disabled.as_ref().map(|disabled| &disabled.failure),
        opened.map(|opened| opened.since),
        opened.map(|opened| opened.until),
        opened.map(|opened| opened.probes),
        held_until,
    ])?;
    Ok(())
}

/// All there are.
pub(super) fn all(view: &Connection) -> Result<Vec<(Lane, LaneFacts)>, StoreError> {
    let sql =
        "SELECT workspace, destination, disabled_at, disabled_for, opened_at, open_until, probes, held_until FROM lane_facts";
    let mut statement = view.prepare(sql)?;
    let rows = statement.query_map([], |row| {
        let mut columns = Columns::of(row);
        let lane = Lane { workspace: columns.take()?, name: columns.take()? };
        let disabled = Option::zip(columns.take()?, columns.take()?).map(|(at, failure)| Disabled { at, failure });
        let times = Option::zip(columns.take()?, columns.take()?);
        let opened = Option::zip(times, columns.take()?).map(|((since, until), probes)| Opened { since, until, probes });
        Ok((lane, LaneFacts { disabled, opened, held_until: columns.take()? }))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
