//! What is marked when something is given up: when, so that dead letters have an order of their own, and what finds it again. Only what
//! dies pays for it.

use rusqlite::params;

use super::{error::StoreError, wire::Whole, writing::Writing};
use crate::{
    event::{Event, EventId, Failure, Name, RunId},
    journal::Settled,
};

/// An event, before any rule has seen it.
pub(super) fn event(writing: &Writing<'_>, event: &Event, failure: &Failure) -> Result<(), StoreError> {
    let sql = "UPDATE events SET routed = 1, dead_at = ?3, failure = ?4 WHERE workspace = ?1 AND id = ?2";
    writing.sql.prepare_cached(sql)?.execute(params![event.workspace, event.id, writing.now, failure])?;
    Ok(())
}

/// A delivery, with why its last attempt failed.
pub(super) fn delivery(writing: &Writing<'_>, settled: &Settled) -> Result<(), StoreError> {
    let failure = settled.attempt.as_ref().and_then(|attempt| attempt.failure.as_ref());
    let sql = "UPDATE deliveries SET dead_at = ?2, last_code = ?3 WHERE seq = ?1";
    let values = params![Whole(settled.seq), writing.now, failure.map(|failure| &failure.code)];
    writing.sql.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// The run of a rule on an event's generation, with its id.
pub(super) fn run(
    writing: &Writing<'_>,
    workspace: &Name,
    (event, generation, rule): (u64, u32, &Name),
) -> Result<(), StoreError> {
    let sql = "SELECT id FROM events WHERE seq = ?1";
    let id: EventId = writing.sql.prepare_cached(sql)?.query_row([Whole(event)], |row| row.get(0))?;
    let sql = "UPDATE runs SET dead_at = ?5, dead_id = ?6 WHERE workspace = ?1 AND event = ?2 AND generation = ?3 AND rule = ?4";
    let run = RunId::of(workspace, id, generation, rule);
    writing.sql.prepare_cached(sql)?.execute(params![workspace, Whole(event), generation, rule, writing.now, run])?;
    Ok(())
}

/// A batch.
pub(super) fn batch(writing: &Writing<'_>, seq: u64) -> Result<(), StoreError> {
    let sql = "UPDATE batches SET dead_at = ?2 WHERE seq = ?1";
    writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), writing.now])?;
    Ok(())
}
