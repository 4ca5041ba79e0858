//! Deliveries: planned once by id, tried until they are settled, each attempt on record.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    commit::Writing,
    error::StoreError,
    events::Shelf,
    lease::{Bodies, Leases, Terms, Waiting},
    outcome::Source,
    wire::{self, Columns, Whole},
};
use crate::{
    event::{BatchId, Failure, Message, Name, Timestamp},
    journal::{Attempt, Claim, Delivery, DeliveryState, Lane, NewDelivery, Origin, Settled, Verdict},
};

/// Plans a delivery. An id that is on record keeps what it has.
pub(super) fn insert(writing: &mut Writing<'_>, source: &Source<'_>, new: &NewDelivery) -> Result<(), StoreError> {
    let (event, batch) = source.of.columns();
    let sql = "INSERT INTO deliveries (workspace, id, rule, destination, event, batch, state, created_at, due_at, message, body) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10) ON CONFLICT (workspace, id) DO NOTHING";
    let inserted = writing.sql.prepare_cached(sql)?.execute(params![
        source.workspace,
        new.id,
        source.rule,
        new.destination,
        event,
        batch,
        DeliveryState::Waiting,
        writing.now,
        wire::message(&new.message),
        new.message.body.as_deref(),
    ])?;
    if inserted > 0 {
        writing.marks.deliveries.insert(Lane { workspace: source.workspace.clone(), name: new.destination.clone() });
    }
    Ok(())
}

/// Records attempts and what follows. A delivery that is settled stays so. One that has moved on since it was claimed was settled by
/// another copy, which counts for both; but what a late copy delivered is delivered.
pub(super) fn settle(writing: &mut Writing<'_>, settled: &[Settled]) -> Result<(), StoreError> {
    for one in settled {
        let Some(mut attempts) = attempts_while_waiting(writing, one)? else { continue };
        let late = attempts != one.attempt_number.saturating_sub(1);
        if late && !matches!(one.verdict, Verdict::Delivered) {
            continue;
        }
        if let Some(attempt) = &one.attempt {
            attempts = attempts.saturating_add(1);
            insert_attempt(writing, one, attempts, attempt)?;
        }
        update(writing, one, attempts)?;
        writing.ended.deliveries.push(one.seq);
    }
    Ok(())
}

/// How many attempts are on record of a delivery that waits.
fn attempts_while_waiting(writing: &Writing<'_>, settled: &Settled) -> Result<Option<u32>, StoreError> {
    let sql = "SELECT attempts FROM deliveries WHERE seq = ?1 AND workspace = ?2 AND state = 0";
    let values = params![Whole(settled.seq), settled.lane.workspace];
    Ok(writing.sql.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

fn insert_attempt(writing: &Writing<'_>, settled: &Settled, number: u32, attempt: &Attempt) -> Result<(), StoreError> {
    let sql = "INSERT INTO attempts (workspace, delivery, number, started_at, duration_ms, status, failure, response_headers, \
               response_body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    writing.sql.prepare_cached(sql)?.execute(params![
        settled.lane.workspace,
        Whole(settled.seq),
        number,
        attempt.started_at,
        Whole(attempt.duration_ms),
        attempt.status,
        attempt.failure,
        wire::headers(&attempt.response_headers),
        &attempt.response_body[..],
    ])?;
    Ok(())
}

fn update(writing: &mut Writing<'_>, settled: &Settled, attempts: u32) -> Result<(), StoreError> {
    let attempt = settled.attempt.as_ref();
    let failed = attempt.and_then(|attempt| attempt.failure.as_ref());
    let (state, due_at, failure): (_, Option<Timestamp>, Option<&Failure>) = match &settled.verdict {
        Verdict::Delivered => (DeliveryState::Delivered, None, None),
        Verdict::RetryAt(due_at) => (DeliveryState::Waiting, Some(*due_at), failed),
        Verdict::Dead(failure) => (DeliveryState::Dead, None, Some(failure)),
    };
    let settled_at = (state != DeliveryState::Waiting).then_some(writing.now);
    let status = attempt.and_then(|attempt| attempt.status);
    let sql = "UPDATE deliveries SET state = ?2, attempts = ?3, due_at = ?4, settled_at = ?5, \
               failure = CASE ?2 WHEN 0 THEN coalesce(?6, failure) ELSE ?6 END, last_status = coalesce(?7, last_status) WHERE seq = ?1";
    let values = params![Whole(settled.seq), state, attempts, due_at, settled_at, failure, status];
    writing.sql.prepare_cached(sql)?.execute(values)?;
    if state == DeliveryState::Waiting {
        writing.marks.deliveries.insert(settled.lane.clone());
    }
    Ok(())
}

impl Bodies for Delivery {
    fn body_bytes(&self) -> u64 {
        self.body.len() as u64
    }
}

/// Hands out deliveries of one destination.
pub(super) fn claim(sql: &Connection, leases: &Leases<u64>, lane: &Lane, terms: &Terms) -> Result<Claim<Delivery>, StoreError> {
    let waiting = Waiting {
        sql: "SELECT seq, due_at FROM deliveries WHERE workspace = ?1 AND destination = ?2 AND state = 0 ORDER BY due_at, seq",
        params: params![lane.workspace, lane.name],
        key: &|row| {
            let mut columns = Columns::of(row);
            Ok((columns.whole()?, columns.take()?))
        },
    };
    let mut shelf = Shelf::default();
    leases.claim(sql, terms, &waiting, |view, &seq| read(view, &mut shelf, &lane.workspace, seq))
}

/// One delivery with the very bytes to send.
pub(super) fn read(view: &Connection, shelf: &mut Shelf, workspace: &Name, seq: u64) -> Result<Delivery, StoreError> {
    let sql = "SELECT d.event, b.id, b.opened_at, d.id, d.destination, d.rule, d.attempts, d.created_at, d.message, d.body \
               FROM deliveries d LEFT JOIN batches b ON b.seq = d.batch WHERE d.seq = ?1";
    let mut statement = view.prepare_cached(sql)?;
    Ok(statement.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        let event = columns.take::<Option<Whole>>()?;
        let batch = (columns.take()?, columns.take()?);
        let id = columns.take()?;
        let lane = Lane { workspace: workspace.clone(), name: columns.take()? };
        let rule = columns.take()?;
        let attempt = columns.take::<u32>()?.saturating_add(1);
        let created_at = columns.take()?;
        let message = columns.message()?;
        let origin = match event {
            Some(Whole(seq)) => Origin::Event(shelf.event_of(view, seq, &message)?),
            None => of_batch(batch)?,
        };
        let body = bytes_to_send(&origin, &message);
        Ok(Delivery { seq, id, lane, rule, attempt, created_at, origin, message, body })
    })?)
}

/// From the batch's id, and when it was opened.
fn of_batch(batch: (Option<BatchId>, Option<Timestamp>)) -> rusqlite::Result<Origin> {
    match batch {
        (Some(id), Some(opened_at)) => Ok(Origin::Batch { id, opened_at }),
        _ => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

/// What a plugin made, or the event's own bytes.
fn bytes_to_send(origin: &Origin, message: &Message) -> Bytes {
    match (&message.body, origin) {
        (Some(body), _) => body.clone(),
        (None, Origin::Event(event)) => event.body.clone(),
        (None, Origin::Batch { .. }) => Bytes::new(),
    }
}
