//! Order by key: of what goes to one destination with one key, only the first that waits may be sent, and only where nothing may still be
//! planned before it.
//!
//! A delivery with a key has a `place`, that of its event; those of one event are in order of their planning. All but the first are
//! `blocked`, and stand in another part of the index that is claimed from, so that a claim costs the same before a million of them as
//! before none. Whenever a key's first may have changed, in the same transaction, [`line_up`] finds the new one by three steps into
//! indexes.
//!
//! A run that waits, for its plugins, its retry or a tripped plugin, may yet plan a delivery. So routing stores a **hold** for each key
//! that it may concern, which blocks what comes after its event; the hold goes when the run ends, whatever it came to. Events are
//! routed in the journal's order, so a hold is there before anything is planned that it has to block. A closed batch has its place
//! and its holds from its closing on. Holds are rows: a restart finds them.

use rusqlite::{OptionalExtension as _, params};

use super::{
    error::StoreError,
    wire::{Columns, Whole},
    writing::Writing,
};
use crate::{event::Name, journal::Lane};

/// Who holds a key, by place in the journal.
#[derive(Clone, Copy)]
pub(super) enum Holder {
    /// A run that has not ended.
    Run(u64),
    /// A closed batch that was not folded.
    Batch(u64),
}

/// Where something stands in the line of its key: by event; of one event, batches that were closed behind it come last, in the order of
/// their closing.
type Place = (u64, u64);

/// Of the deliveries of a key that wait.
struct Waiting {
    seq: u64,
    place: Place,
}

/// Keeps what is after `place` in the line of this key from being sent.
pub(super) fn hold(
    writing: &Writing<'_>,
    workspace: &Name,
    holder: Holder,
    (destination, key): (&Name, &str),
    place: u64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO order_holds (workspace, destination, order_key, place, run, batch) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (run, batch) = holder.columns();
    writing.sql.prepare_cached(sql)?.execute(params![workspace, destination, key, Whole(place), run, batch])?;
    Ok(())
}

/// The holder has ended: what it planned, or else what comes after it, may go.
pub(super) fn release(writing: &mut Writing<'_>, workspace: &Name, holder: Holder) -> Result<(), StoreError> {
    let (sql, seq) = match holder {
        Holder::Run(seq) => ("DELETE FROM order_holds WHERE workspace = ?1 AND run = ?2 RETURNING destination, order_key", seq),
        Holder::Batch(seq) => {
            ("DELETE FROM order_holds WHERE workspace = ?1 AND batch = ?2 RETURNING destination, order_key", seq)
        }
    };
    let released = writing
        .sql
        .prepare_cached(sql)?
        .query_map(params![workspace, Whole(seq)], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.take()?, columns.take()?))
        })?
        .collect::<Result<Vec<(Name, String)>, _>>()?;
    released.into_iter().try_for_each(|(destination, key)| {
        let lane = Lane { workspace: workspace.clone(), name: destination };
        line_up(writing, &lane, &key)
    })
}

/// Lets the first of this key be sent, and no other. To be called with every change to what waits or holds; a delivery that is made to
/// wait (again) is blocked before.
pub(super) fn line_up(writing: &mut Writing<'_>, lane: &Lane, key: &str) -> Result<(), StoreError> {
    let free = waiting(writing, lane, key, false)?;
    let blocked = waiting(writing, lane, key, true)?;
    let Some(first) = free.iter().chain(&blocked).min_by_key(|one| (one.place, one.seq)) else { return Ok(()) };
    let is_held = first_hold(writing, lane, key)?.is_some_and(|place| place < first.place);
    for one in free.iter().filter(|one| is_held || one.seq != first.seq) {
        set_blocked(writing, one.seq, true)?;
    }
    if !is_held && blocked.iter().any(|one| one.seq == first.seq) {
        set_blocked(writing, first.seq, false)?;
        writing.marks.deliveries.insert(lane.clone());
    }
    Ok(())
}

/// The free ones of a key, of which there is one at most unless one before it was made to wait again; or the first of the blocked.
fn waiting(writing: &Writing<'_>, lane: &Lane, key: &str, blocked: bool) -> Result<Vec<Waiting>, StoreError> {
    let sql = "SELECT seq, place, coalesce(batch, 0) FROM deliveries INDEXED BY deliveries_in_order WHERE workspace = ?1 \
               AND destination = ?2 AND order_key = ?3 AND state = 0 AND blocked = ?4 ORDER BY place, coalesce(batch, 0), seq LIMIT ?5";
    let limit = if blocked { 1 } else { -1 };
    let mut statement = writing.sql.prepare_cached(sql)?;
    let rows = statement.query_map(params![lane.workspace, lane.name, key, blocked, limit], |row| {
        let mut columns = Columns::of(row);
        Ok(Waiting { seq: columns.whole()?, place: (columns.whole()?, columns.whole()?) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn first_hold(writing: &Writing<'_>, lane: &Lane, key: &str) -> Result<Option<Place>, StoreError> {
    let sql = "SELECT place, coalesce(batch, 0) FROM order_holds INDEXED BY order_holds_in_line WHERE workspace = ?1 AND destination = ?2 \
               AND order_key = ?3 ORDER BY place, coalesce(batch, 0) LIMIT 1";
    let mut statement = writing.sql.prepare_cached(sql)?;
    Ok(statement
        .query_row(params![lane.workspace, lane.name, key], |row| {
            let mut columns = Columns::of(row);
            Ok((columns.whole()?, columns.whole()?))
        })
        .optional()?)
}

fn set_blocked(writing: &Writing<'_>, seq: u64, blocked: bool) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET blocked = ?2 WHERE seq = ?1";
    writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), blocked])?;
    Ok(())
}

impl Holder {
    fn columns(self) -> (Option<Whole>, Option<Whole>) {
        match self {
            Self::Run(seq) => (Some(Whole(seq)), None),
            Self::Batch(seq) => (None, Some(Whole(seq))),
        }
    }
}
