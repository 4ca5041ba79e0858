//! Batches: open while messages join, closed when full, old, or of a changed rule; closing fixes the members and the id. They are
//! kept after the batch has ended, so that they can be replayed.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    events::Shelf,
    given_up,
    lease::{Bodies, Leases, Terms, Waiting},
    order::{self, Holder},
    outcome::{Ending, Source, SourceOf},
    recent::Recent,
    state,
    wire::{self, Columns, Json, Whole},
    writing::Writing,
};
use crate::{
    event::{BatchId, Name, Timestamp},
    journal::{Batch, BatchEnd, BatchLimits, BatchState, Claim, FlushReason, Join, Lane, Member, RunState},
};

/// An open batch.
struct Open {
    seq: u64,
    events: u32,
    bytes: u64,
}

/// A message joins the open batch of its rule and key, or opens one.
pub(super) fn join(writing: &mut Writing<'_>, source: &Source<'_>, join: &Join) -> Result<(), StoreError> {
    // Only runs get here: the end of a batch refuses messages that would join one.
    let SourceOf::Event(event) = source.of else { return Err(StoreError::BatchJoinsBatch) };
    let bytes = body_bytes(writing, event, join)?;
    let open = match find_open(writing, source, join, bytes)? {
        Some(open) => open,
        None => start(writing, source, join)?,
    };
    let sql = "INSERT INTO batch_members (workspace, batch, event, position, message, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let (message, body) = (wire::message(&join.message), join.message.body.as_deref());
    let values = params![source.workspace, Whole(open.seq), Whole(event), join.index, message, body];
    writing.sql.prepare_cached(sql)?.execute(values)?;
    let grown = Open { seq: open.seq, events: open.events.saturating_add(1), bytes: open.bytes.saturating_add(bytes) };
    grow(writing, &grown, event, &join.limits)
}

/// What a message adds to its batch: its own body, or its event's.
fn body_bytes(writing: &Writing<'_>, event: u64, join: &Join) -> Result<u64, StoreError> {
    match &join.message.body {
        Some(body) => Ok(body.len() as u64),
        None => {
            let sql = "SELECT length(body) FROM events WHERE seq = ?1";
            Ok(writing.sql.prepare_cached(sql)?.query_row([Whole(event)], |row| Columns::of(row).whole())?)
        }
    }
}

/// The open batch that this message can join. One that it cannot join is closed.
fn find_open(writing: &mut Writing<'_>, source: &Source<'_>, join: &Join, bytes: u64) -> Result<Option<Open>, StoreError> {
    let sql = "SELECT seq, events, bytes, rule_hash FROM batches WHERE workspace = ?1 AND rule = ?2 AND key = ?3 AND state = 0";
    let found = writing
        .sql
        .prepare_cached(sql)?
        .query_row(params![source.workspace, source.rule, join.key], |row| {
            let mut columns = Columns::of(row);
            let open = Open { seq: columns.whole()?, events: columns.take()?, bytes: columns.whole()? };
            Ok((open, columns.take::<[u8; 16]>()?))
        })
        .optional()?;
    let Some((open, rule_hash)) = found else { return Ok(None) };
    let reason = if rule_hash != join.rule_hash {
        FlushReason::RuleChanged
    } else if open.bytes.saturating_add(bytes) > join.limits.bytes_max {
        FlushReason::Bytes
    } else {
        return Ok(Some(open));
    };
    close(writing, open.seq, reason)?;
    Ok(None)
}

/// Opens a batch, pinned to the revision of its first member's run.
fn start(writing: &mut Writing<'_>, source: &Source<'_>, join: &Join) -> Result<Open, StoreError> {
    let sql = "INSERT INTO batches (workspace, rule, key, rule_hash, revision, opened_at, state, due_at, ordered) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING seq";
    let due_at = writing.now.plus_ms(join.limits.age_ms_max);
    let hash = &join.rule_hash[..];
    let revision = Whole(source.revision);
    let ordered = Json(&join.ordered);
    let values = params![source.workspace, source.rule, join.key, hash, revision, writing.now, BatchState::Open, due_at, ordered];
    let seq = writing.sql.prepare_cached(sql)?.query_row(values, |row| Columns::of(row).whole())?;
    writing.marks.batches.insert(Lane { workspace: source.workspace.clone(), name: source.rule.clone() });
    Ok(Open { seq, events: 0, bytes: 0 })
}

/// Stores what the batch holds now that `event` has joined, and closes it where that is all it may.
fn grow(writing: &mut Writing<'_>, open: &Open, event: u64, limits: &BatchLimits) -> Result<(), StoreError> {
    let sql =
        "UPDATE batches SET events = ?2, bytes = ?3, hops = max(hops, (SELECT hops FROM events WHERE seq = ?4)) WHERE seq = ?1";
    writing.sql.prepare_cached(sql)?.execute(params![Whole(open.seq), open.events, Whole(open.bytes), Whole(event)])?;
    if open.events >= limits.events_max {
        close(writing, open.seq, FlushReason::Size)
    } else if open.bytes > limits.bytes_max {
        close(writing, open.seq, FlushReason::Bytes)
    } else {
        Ok(())
    }
}

/// Closes up to `max` batches of one rule that were open for long enough at `due`.
pub(super) fn close_aged(writing: &mut Writing<'_>, lane: &Lane, due: Timestamp, max: usize) -> Result<(), StoreError> {
    let sql =
        "SELECT seq FROM batches WHERE workspace = ?1 AND rule = ?2 AND state = 0 AND due_at <= ?3 ORDER BY due_at LIMIT ?4";
    let aged = writing
        .sql
        .prepare_cached(sql)?
        .query_map(params![lane.workspace, lane.name, due, Whole(max as u64)], |row| Columns::of(row).whole())?
        .collect::<Result<Vec<_>, _>>()?;
    aged.into_iter().try_for_each(|seq| close(writing, seq, FlushReason::Age))
}

/// Fixes the members of a batch, and with them its id; and where it goes in order, its place behind the newest event.
fn close(writing: &mut Writing<'_>, seq: u64, reason: FlushReason) -> Result<(), StoreError> {
    let (lane, id) = lane_and_id(writing, seq)?;
    let sql = "UPDATE batches SET state = ?2, id = ?3, reason = ?4, due_at = ?5, place = (SELECT max(seq) FROM events) \
               WHERE seq = ?1 RETURNING place, ordered";
    let values = params![Whole(seq), BatchState::Closed, id, reason, writing.now];
    let (place, Json(ordered)) = writing.sql.prepare_cached(sql)?.query_row(values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.whole()?, columns.take::<Json<Vec<Name>>>()?))
    })?;
    for destination in &ordered {
        order::hold(writing, &lane.workspace, Holder::Batch(seq), (destination, ""), place)?;
    }
    writing.marks.batches.insert(lane);
    Ok(())
}

/// The id is from the members' own places in the journal, not their events': one event can have members in several batches of one key.
fn lane_and_id(writing: &Writing<'_>, seq: u64) -> Result<(Lane, BatchId), StoreError> {
    let sql = "SELECT b.workspace, b.rule, b.key, min(m.seq), max(m.seq) FROM batches b \
               JOIN batch_members m ON m.workspace = b.workspace AND m.batch = b.seq WHERE b.seq = ?1";
    Ok(writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        let lane = Lane { workspace: columns.take()?, name: columns.take()? };
        let key: String = columns.take()?;
        let id = BatchId::of(&lane.workspace, &lane.name, &key, columns.whole()?, columns.whole()?);
        Ok((lane, id))
    })?)
}

/// Ends or puts off batches. One that is not closed, or not at the attempt that was claimed, stays as it is.
pub(super) fn end(writing: &mut Writing<'_>, ends: &[BatchEnd]) -> Result<(), StoreError> {
    for end in ends {
        let Some(workspace) = workspace_of(writing, end.seq)? else { continue };
        let fits = state::fits(writing, &workspace, &end.state)?;
        let ending = if fits { Ending::of(&end.outcome) } else { Ending::conflict(end.state.again_at) };
        if !ending.joins.is_empty() {
            return Err(StoreError::BatchJoinsBatch);
        }
        if let Some(lane) = update(writing, end, &ending)? {
            if fits {
                state::store(writing, &workspace, &end.state)?;
            } else {
                writing.told.conflicts += 1;
            }
            writing.ended.batches.push(end.seq);
            if ending.state == RunState::Dead {
                given_up::batch(writing, end.seq)?;
            }
            let of = SourceOf::Batch(end.seq);
            ending.follow(writing, &Source { workspace: &lane.workspace, rule: &lane.name, revision: end.revision, of })?;
            if ending.is_open() {
                writing.marks.batches.insert(lane);
            } else {
                order::release(writing, &lane.workspace, Holder::Batch(end.seq))?;
            }
        }
    }
    Ok(())
}

fn workspace_of(writing: &Writing<'_>, seq: u64) -> Result<Option<Name>, StoreError> {
    let sql = "SELECT workspace FROM batches WHERE seq = ?1";
    Ok(writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| row.get(0)).optional()?)
}

fn update(writing: &Writing<'_>, end: &BatchEnd, ending: &Ending<'_>) -> Result<Option<Lane>, StoreError> {
    let state = match ending.state {
        RunState::Pending | RunState::Held => BatchState::Closed,
        RunState::Planned | RunState::Batched => BatchState::Planned,
        RunState::Dropped => BatchState::Dropped,
        RunState::Dead => BatchState::Dead,
    };
    let sql = "UPDATE batches SET state = ?2, attempts = attempts + ?3, due_at = ?4, failure = ?5, stages = ?6, \
               conflicts = conflicts + ?8, revision = ?9 \
               WHERE seq = ?1 AND state = 1 AND attempts - attempts_before = ?7 RETURNING workspace, rule";
    let (stages, failed) = (wire::stages(&end.stages), end.attempt.saturating_sub(1));
    let values = params![
        Whole(end.seq),
        state,
        ending.counted,
        ending.due_at,
        ending.failure,
        stages,
        failed,
        ending.conflicts,
        Whole(end.revision),
    ];
    let update = writing.sql.prepare_cached(sql)?.query_row(values, |row| {
        let mut columns = Columns::of(row);
        Ok(Lane { workspace: columns.take()?, name: columns.take()? })
    });
    Ok(update.optional()?)
}

/// When the oldest open batch of one rule is due.
pub(super) fn next_aged(view: &Connection, lane: &Lane) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT due_at FROM batches WHERE workspace = ?1 AND rule = ?2 AND state = 0 ORDER BY due_at LIMIT 1";
    Ok(view.prepare_cached(sql)?.query_row(params![lane.workspace, lane.name], |row| row.get(0)).optional()?)
}

impl Bodies for Batch {
    fn body_bytes(&self) -> u64 {
        let body = |member: &Member| member.message.body.as_ref().unwrap_or(&member.event.body).len() as u64;
        self.members.iter().map(body).sum()
    }
}

/// Hands out closed batches of one rule.
pub(super) fn claim(
    sql: &Connection,
    (leases, recent): (&Leases<u64>, &Recent),
    lane: &Lane,
    terms: &Terms,
) -> Result<Claim<Batch>, StoreError> {
    let waiting = Waiting {
        sql: "SELECT seq, due_at FROM batches WHERE workspace = ?1 AND rule = ?2 AND state = 1 ORDER BY due_at, seq",
        params: params![lane.workspace, lane.name],
        key: &|row| {
            let mut columns = Columns::of(row);
            Ok((columns.whole()?, columns.take()?))
        },
    };
    let mut shelf = Shelf::beside(recent);
    let claim = leases.claim(sql, terms, &waiting, |view, &seq| read(view, &mut shelf, seq))?;
    let next_due = claim.next_due.into_iter().chain(next_aged(sql, lane)?).min();
    Ok(Claim { next_due, ..claim })
}

fn read(view: &Connection, shelf: &mut Shelf<'_>, seq: u64) -> Result<Batch, StoreError> {
    let sql = "SELECT id, workspace, rule, key, reason, revision, opened_at, retried_at, attempts - attempts_before, conflicts, failure \
         FROM batches WHERE seq = ?1";
    let batch = view.prepare_cached(sql)?.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        Ok(Batch {
            seq,
            id: columns.take()?,
            lane: Lane { workspace: columns.take()?, name: columns.take()? },
            key: columns.take()?,
            reason: columns.take()?,
            revision: columns.whole()?,
            opened_at: columns.take()?,
            retried_at: columns.take()?,
            attempt: columns.take::<u32>()?.saturating_add(1),
            conflicts: columns.take()?,
            put_off: columns.take()?,
            members: Vec::new(),
        })
    })?;
    Ok(Batch { members: read_members(view, shelf, &batch.lane.workspace, seq)?, ..batch })
}

fn read_members(view: &Connection, shelf: &mut Shelf<'_>, workspace: &Name, batch: u64) -> Result<Vec<Member>, StoreError> {
    let sql = "SELECT event, message, body FROM batch_members WHERE workspace = ?1 AND batch = ?2 ORDER BY seq";
    let mut statement = view.prepare_cached(sql)?;
    let members = statement.query_map(params![workspace, Whole(batch)], |row| {
        let mut columns = Columns::of(row);
        let (event, message) = (columns.whole()?, columns.message()?);
        Ok(Member { event: shelf.event_of(view, event, &message)?, message })
    })?;
    Ok(members.collect::<Result<_, _>>()?)
}
