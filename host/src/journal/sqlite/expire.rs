//! Removal of what is no longer kept: chosen by a reading thread, a chunk at a time, and removed by the committer, which asks once more
//! whether it is settled still. An event goes with all that hangs on it; a batch goes with the last event that it has a member of.
//!
//! What must not be removed is told by what is known to be settled: a state that is not among those keeps its event.

use rusqlite::{Connection, OptionalExtension as _, ToSql, params};

use super::{
    error::StoreError,
    state,
    wire::{Columns, Whole},
    writing::Writing,
};
use crate::{
    event::{Name, Timestamp},
    journal::{Expired, Expiry},
};

/// Rows that one transaction removes, but for batches, which go whole: some milliseconds of the committer's time.
const ROWS_MAX: u64 = 512;
/// Events that are looked at for one chunk.
const LOOKED_MAX: u64 = 1_024;

/// The batches that event ?2 of workspace ?1 has members in.
macro_rules! batches {
    () => {
        "(SELECT batch FROM batch_members WHERE workspace = ?1 AND event = ?2)"
    };
}

/// Whether anything of event ?2 of workspace ?1 is still to be done. The codes are those of settled states (`wire`).
pub(super) const IS_OPEN: &str = concat!(
    "SELECT routed = 0 \
     OR EXISTS (SELECT 1 FROM runs WHERE workspace = ?1 AND event = ?2 AND state NOT IN (2, 3, 4, 5)) \
     OR EXISTS (SELECT 1 FROM deliveries WHERE workspace = ?1 AND event = ?2 AND state NOT IN (1, 2)) \
     OR EXISTS (SELECT 1 FROM batches WHERE seq IN ",
    batches!(),
    " AND state NOT IN (2, 3, 4)) \
     OR EXISTS (SELECT 1 FROM deliveries WHERE workspace = ?1 AND batch IN ",
    batches!(),
    " AND state NOT IN (1, 2)) \
     FROM events WHERE seq = ?2 AND workspace = ?1"
);

/// Of an event that is not open: whether there is a dead letter among what became of it, when something last happened, and how many rows
/// hang on it.
pub(super) const STANDING: &str = concat!(
    "SELECT EXISTS (SELECT 1 FROM events WHERE workspace = ?1 AND seq = ?2 AND dead_at IS NOT NULL) \
     OR EXISTS (SELECT 1 FROM runs WHERE workspace = ?1 AND event = ?2 AND state = 5) \
     OR EXISTS (SELECT 1 FROM deliveries WHERE workspace = ?1 AND event = ?2 AND state = 2) \
     OR EXISTS (SELECT 1 FROM batches WHERE seq IN ",
    batches!(),
    " AND state = 4) \
     OR EXISTS (SELECT 1 FROM deliveries WHERE workspace = ?1 AND batch IN ",
    batches!(),
    " AND state = 2), \
     max((SELECT coalesce(retried_at, 0) FROM events WHERE workspace = ?1 AND seq = ?2), \
     (SELECT coalesce(max(max(created_at, coalesce(retried_at, 0), coalesce(dead_at, 0))), 0) \
     FROM runs WHERE workspace = ?1 AND event = ?2), \
     (SELECT coalesce(max(max(coalesce(settled_at, 0), coalesce(retried_at, 0))), 0) \
     FROM deliveries WHERE workspace = ?1 AND event = ?2), \
     (SELECT coalesce(max(max(opened_at, coalesce(retried_at, 0), coalesce(dead_at, 0))), 0) FROM batches WHERE seq IN ",
    batches!(),
    "), \
     (SELECT coalesce(max(max(coalesce(settled_at, 0), coalesce(retried_at, 0))), 0) FROM deliveries WHERE workspace = ?1 AND batch IN ",
    batches!(),
    ")), \
     1 + (SELECT count(*) FROM runs WHERE workspace = ?1 AND event = ?2) \
     + (SELECT coalesce(sum(1 + attempts), 0) FROM deliveries WHERE workspace = ?1 AND event = ?2)"
);

/// What goes with event ?2 of workspace ?1, at most ?3 rows of each, in this order: what refers to a row goes before it. A cross join is
/// made in the order in which it is written: the planner would rather begin with all attempts there are.
pub(super) const WITH_EVENT: &[(&str, &str)] = &[
    (
        "attempts",
        "DELETE FROM attempts WHERE (workspace, delivery, number) IN (SELECT a.workspace, a.delivery, a.number FROM deliveries d \
         CROSS JOIN attempts a ON a.workspace = d.workspace AND a.delivery = d.seq WHERE d.workspace = ?1 AND d.event = ?2 LIMIT ?3)",
    ),
    (
        "deliveries",
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE workspace = ?1 AND event = ?2 LIMIT ?3)",
    ),
    ("runs", "DELETE FROM runs WHERE seq IN (SELECT seq FROM runs WHERE workspace = ?1 AND event = ?2 LIMIT ?3)"),
    (
        "batch_members",
        "DELETE FROM batch_members WHERE seq IN (SELECT seq FROM batch_members WHERE workspace = ?1 AND event = ?2 LIMIT ?3)",
    ),
    ("events", "DELETE FROM events WHERE workspace = ?1 AND seq = ?2 AND ?3 > 0"),
];

/// What goes with batch ?2 of workspace ?1.
pub(super) const WITH_BATCH: &[(&str, &str)] = &[
    (
        "attempts",
        "DELETE FROM attempts WHERE workspace = ?1 \
         AND delivery IN (SELECT seq FROM deliveries WHERE workspace = ?1 AND batch = ?2)",
    ),
    ("deliveries", "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE workspace = ?1 AND batch = ?2)"),
    ("batches", "DELETE FROM batches WHERE workspace = ?1 AND seq = ?2"),
];

/// What has a time of its own to go: at most ?2 rows from before ?1, looked for once in a round.
const SWEEPS: &[Sweep] = &[
    Sweep {
        what: "saw",
        before: |expiry| expiry.saw_before,
        sql: "UPDATE runs SET saw = NULL WHERE seq IN \
              (SELECT seq FROM runs WHERE saw IS NOT NULL AND created_at < ?1 ORDER BY created_at LIMIT ?2)",
    },
    // Nothing is left in it that would take it along.
    Sweep {
        what: "batches",
        before: |expiry| expiry.dead_before,
        sql: "DELETE FROM batches WHERE seq IN (SELECT b.seq FROM batches b WHERE b.state = 4 AND b.dead_at IS NULL \
              AND b.retried_at < ?1 AND NOT EXISTS \
              (SELECT 1 FROM batch_members m WHERE m.workspace = b.workspace AND m.batch = b.seq) ORDER BY b.retried_at LIMIT ?2)",
    },
    Sweep {
        what: "audit",
        before: |expiry| expiry.audit_before,
        sql: "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
    },
    Sweep {
        what: "duplicates",
        before: |expiry| expiry.now,
        sql: "DELETE FROM duplicates WHERE (workspace, source, key) IN \
              (SELECT workspace, source, key FROM duplicates WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
    },
];

/// A row of [`SWEEPS`].
struct Sweep {
    what: &'static str,
    before: fn(&Expiry) -> Timestamp,
    sql: &'static str,
}

/// An event that may go.
#[derive(Clone, Debug)]
pub(super) struct Gone {
    workspace: Name,
    seq: u64,
}

/// A chunk: what may go, and where to look on.
#[derive(Debug)]
pub(super) struct Chosen {
    /// To be removed.
    pub(super) events: Vec<Gone>,
    /// `None`: the rest is too young, or there is none.
    pub(super) next: Option<u64>,
}

/// Chooses the next events that may go, oldest first.
pub(super) fn choose(view: &Connection, expiry: &Expiry) -> Result<Chosen, StoreError> {
    let youngest = expiry.settled_before.max(expiry.dead_before);
    let sql = "SELECT seq, workspace, received_at FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let mut statement = view.prepare_cached(sql)?;
    let mut rows = statement.query(params![Whole(expiry.after), Whole(LOOKED_MAX)])?;
    let mut chosen = Chosen { events: Vec::new(), next: None };
    let (mut looked, mut old, mut rows_left) = (0, 0, ROWS_MAX);
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        let (seq, workspace, received_at): (_, Name, Timestamp) = (columns.whole()?, columns.take()?, columns.take()?);
        looked += 1;
        chosen.next = Some(seq);
        if received_at >= youngest {
            continue;
        }
        old += 1;
        let Some(rows) = rows_to_go(view, &workspace, seq, received_at, expiry)? else { continue };
        if rows <= rows_left {
            rows_left -= rows;
            chosen.events.push(Gone { workspace, seq });
            continue;
        }
        // One with more rows than a chunk may have goes in parts, and is found again until nothing of it is left.
        if chosen.events.is_empty() {
            chosen.events.push(Gone { workspace, seq });
        }
        chosen.next = Some(seq - 1);
        return Ok(chosen);
    }
    // Events stand in the order of their times, but for a clock that was set: a whole chunk of young ones is the end.
    if looked < LOOKED_MAX || old == 0 {
        chosen.next = None;
    }
    Ok(chosen)
}

/// How many rows hang on an event, where it may go.
fn rows_to_go(
    view: &Connection,
    workspace: &Name,
    seq: u64,
    received_at: Timestamp,
    expiry: &Expiry,
) -> Result<Option<u64>, StoreError> {
    if is_open(view, workspace, seq)? {
        return Ok(None);
    }
    view.prepare_cached(STANDING)?
        .query_row(params![workspace, Whole(seq)], |row| {
            let mut columns = Columns::of(row);
            let (dead, last_at, rows): (bool, Timestamp, _) = (columns.take()?, columns.take()?, columns.whole()?);
            let before = if dead { expiry.dead_before } else { expiry.settled_before };
            Ok((last_at.max(received_at) < before).then_some(rows))
        })
        .map_err(StoreError::from)
}

/// One that is not there is as good as open.
fn is_open(view: &Connection, workspace: &Name, seq: u64) -> Result<bool, StoreError> {
    let open = view.prepare_cached(IS_OPEN)?.query_row(params![workspace, Whole(seq)], |row| row.get(0)).optional()?;
    Ok(open.unwrap_or(true))
}

/// What is to be removed in one transaction.
#[derive(Debug)]
pub(super) struct Removal {
    /// Chosen events.
    pub(super) events: Vec<Gone>,
    /// At the beginning of a round also what has a time of its own.
    pub(super) sweep: Option<Expiry>,
}

impl Removal {
    /// By a round's next chunk.
    pub(super) fn of(events: Vec<Gone>, expiry: &Expiry) -> Option<Self> {
        let sweep = (expiry.after == 0).then_some(*expiry);
        (!events.is_empty() || sweep.is_some()).then_some(Self { events, sweep })
    }
}

/// What became of a chunk whose removal removed so many rows. A round whose first chunk was full begins again: what has a time of its
/// own may have more.
pub(super) fn expired(expiry: &Expiry, next: Option<u64>, rows: u64) -> Expired {
    Expired { rows, next: if expiry.after == 0 && rows >= ROWS_MAX { Some(0) } else { next } }
}

/// Removes what is still settled, and counts the rows.
pub(super) fn remove(writing: &mut Writing<'_>, removal: &Removal) -> Result<(), StoreError> {
    let mut left = ROWS_MAX;
    for Gone { workspace, seq } in &removal.events {
        if left > 0 && !is_open(writing.sql, workspace, *seq)? {
            let batches = batches_of(writing, workspace, *seq)?;
            for (what, sql) in WITH_EVENT {
                left -= delete(writing, what, sql, params![workspace, Whole(*seq), Whole(left)])?.min(left);
            }
            for batch in batches {
                remove_batch(writing, workspace, batch)?;
            }
        }
    }
    if let Some(expiry) = &removal.sweep {
        for Sweep { what, before, sql } in SWEEPS {
            delete(writing, what, sql, params![before(expiry), Whole(ROWS_MAX)])?;
        }
        let expired = state::remove_all_expired(writing)?;
        writing.removed("plugin_state", expired);
    }
    Ok(())
}

fn batches_of(writing: &Writing<'_>, workspace: &Name, event: u64) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT DISTINCT batch FROM batch_members WHERE workspace = ?1 AND event = ?2";
    let mut statement = writing.sql.prepare_cached(sql)?;
    let batches = statement.query_map(params![workspace, Whole(event)], |row| Columns::of(row).whole())?;
    Ok(batches.collect::<Result<_, _>>()?)
}

/// Where it has no members left.
fn remove_batch(writing: &mut Writing<'_>, workspace: &Name, batch: u64) -> Result<(), StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM batch_members WHERE workspace = ?1 AND batch = ?2)";
    if writing.sql.prepare_cached(sql)?.query_row(params![workspace, Whole(batch)], |row| row.get(0))? {
        return Ok(());
    }
    for (what, sql) in WITH_BATCH {
        delete(writing, what, sql, params![workspace, Whole(batch)])?;
    }
    Ok(())
}

fn delete(writing: &mut Writing<'_>, what: &'static str, sql: &str, values: &[&dyn ToSql]) -> Result<u64, StoreError> {
    let rows = writing.sql.prepare_cached(sql)?.execute(values)? as u64;
    writing.removed(what, rows);
    Ok(rows)
}
