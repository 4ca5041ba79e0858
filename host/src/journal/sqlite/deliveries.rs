//! Deliveries: planned once by id, tried until they are settled, each attempt on record.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    events::{self, Shelf},
    given_up,
    lease::{Bodies, Leases, Terms, Waiting},
    order,
    outcome::Source,
    recent::Recent,
    wire::{self, Columns, Whole},
    writing::Writing,
};
use crate::{
    event::{BatchId, Failure, Message, Name, Timestamp},
    journal::{Attempt, Claim, Delivery, DeliveryState, Lane, NewDelivery, Origin, Received, Settled, Verdict},
};

/// Plans a delivery. An id that is on record keeps what it has.
pub(super) fn insert(writing: &mut Writing<'_>, source: &Source<'_>, new: &NewDelivery) -> Result<(), StoreError> {
    let (event, batch) = source.of.columns();
    // One with a key is blocked until it is lined up; its place is its event's, or its batch's.
    let sql = "INSERT INTO deliveries (workspace, id, rule, destination, event, batch, state, created_at, due_at, message, body, \
               order_key, place, blocked) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, \
               CASE WHEN ?11 IS NOT NULL THEN coalesce(?5, (SELECT place FROM batches WHERE seq = ?6)) END, ?11 IS NOT NULL) \
               ON CONFLICT (workspace, id) DO NOTHING";
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
        new.order_key,
    ])?;
    if inserted == 0 {
        return Ok(());
    }
    let lane = Lane { workspace: source.workspace.clone(), name: new.destination.clone() };
    writing.waiting.planned(&lane);
    match &new.order_key {
        Some(key) => order::line_up(writing, &lane, key)?,
        None => drop(writing.marks.deliveries.insert(lane)),
    }
    Ok(())
}

/// Records attempts and what follows. A delivery that is settled stays so. One that has moved on since it was claimed was settled by
/// another copy, which counts for both; but what a late copy delivered is delivered.
pub(super) fn settle(writing: &mut Writing<'_>, settled: &[Settled]) -> Result<(), StoreError> {
    for one in settled {
        let Some(mut attempts) = attempts_while_waiting(writing, one)? else {
            record_overtaken(writing, one)?;
            continue;
        };
        let late = attempts != one.attempt_number.saturating_sub(1);
        if late && !matches!(one.verdict, Verdict::Delivered) {
            continue;
        }
        if let Verdict::PassedOn(passed) = &one.verdict {
            events::append_passed_on(writing, passed)?;
        }
        if let Some(attempt) = &one.attempt {
            let number = attempts.saturating_add(1);
            insert_attempt(writing, one, number, attempt)?;
            if !matches!(one.verdict, Verdict::Awaiting(_)) {
                attempts = number;
            }
        }
        update(writing, one, attempts)?;
        if matches!(one.verdict, Verdict::Dead(_)) {
            given_up::delivery(writing, one)?;
        }
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

/// An attempt that was confirmed before its answer came is put on record yet.
fn record_overtaken(writing: &Writing<'_>, settled: &Settled) -> Result<(), StoreError> {
    let Some(attempt) = &settled.attempt else { return Ok(()) };
    let sql = "SELECT d.attempts FROM deliveries d WHERE d.seq = ?1 AND d.workspace = ?2 AND d.state = 1 \
               AND d.attempts = ?3 AND d.attempts > d.attempts_before AND NOT EXISTS \
               (SELECT 1 FROM attempts a WHERE a.workspace = d.workspace AND a.delivery = d.seq AND a.number = d.attempts)";
    let values = params![Whole(settled.seq), settled.lane.workspace, settled.attempt_number];
    let number = writing.sql.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    number.map_or(Ok(()), |number| insert_attempt(writing, settled, number, attempt))
}

fn insert_attempt(writing: &Writing<'_>, settled: &Settled, number: u32, attempt: &Attempt) -> Result<(), StoreError> {
    put_attempt(writing, &settled.lane.workspace, settled.seq, number, attempt)
}

/// Puts an attempt on record. One that is there was received and not confirmed: it has failed after all. Where space is short the
/// response is left out: what fails again and again must not use up the space that is kept for its end.
pub(super) fn put_attempt(
    writing: &Writing<'_>,
    workspace: &Name,
    seq: u64,
    number: u32,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO attempts (workspace, delivery, number, started_at, duration_ms, status, failure, response_headers, \
               response_body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
               ON CONFLICT (workspace, delivery, number) DO UPDATE SET failure = excluded.failure";
    writing.sql.prepare_cached(sql)?.execute(params![
        workspace,
        Whole(seq),
        number,
        attempt.started_at,
        Whole(attempt.duration_ms),
        attempt.status,
        attempt.failure,
        wire::headers(if writing.short { &[] } else { &attempt.response_headers }),
        if writing.short { &[] } else { &attempt.response_body[..] },
    ])?;
    Ok(())
}

fn update(writing: &mut Writing<'_>, settled: &Settled, attempts: u32) -> Result<(), StoreError> {
    let attempt = settled.attempt.as_ref();
    let failed = attempt.and_then(|attempt| attempt.failure.as_ref());
    let (state, due_at, failure): (_, Option<Timestamp>, Option<&Failure>) = match &settled.verdict {
        Verdict::Delivered | Verdict::PassedOn(_) => (DeliveryState::Delivered, None, None),
        Verdict::Awaiting(until) => (DeliveryState::Waiting, Some(*until), None),
        Verdict::RetryAt(due_at) => (DeliveryState::Waiting, Some(*due_at), failed),
        Verdict::Dead(failure) => (DeliveryState::Dead, None, Some(failure)),
    };
    let settled_at = (state != DeliveryState::Waiting).then_some(writing.now);
    let received_at = matches!(settled.verdict, Verdict::Awaiting(_)).then_some(writing.now);
    let status = attempt.and_then(|attempt| attempt.status);
    // What is only put off keeps the failure of its last attempt; what was received has none.
    let sql = "UPDATE deliveries SET state = ?2, attempts = ?3, due_at = ?4, settled_at = ?5, \
               failure = CASE WHEN ?2 = 0 AND ?8 IS NULL THEN coalesce(?6, failure) ELSE ?6 END, \
               last_status = coalesce(?7, last_status), received_at = ?8 WHERE seq = ?1 RETURNING order_key";
    let values = params![Whole(settled.seq), state, attempts, due_at, settled_at, failure, status, received_at];
    let key: Option<String> = writing.sql.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    if state != DeliveryState::Waiting {
        writing.waiting.settled(&settled.lane);
    }
    match key {
        _ if state == DeliveryState::Waiting => drop(writing.marks.deliveries.insert(settled.lane.clone())),
        Some(key) => {
            // What comes after it must not be delivered before a repeat of it.
            writing.is_relied_on = true;
            order::line_up(writing, &settled.lane, &key)?;
        }
        None => {}
    }
    Ok(())
}

/// What may be sent to one destination. What is blocked stands in another part of the index, and is not even looked at.
pub(super) const WAITING: &str = "SELECT seq, due_at FROM deliveries INDEXED BY deliveries_waiting \
     WHERE workspace = ?1 AND destination = ?2 AND state = 0 AND blocked = 0 ORDER BY due_at, seq";

impl Bodies for Delivery {
    fn body_bytes(&self) -> u64 {
        self.body.len() as u64
    }
}

/// Hands out deliveries of one destination.
pub(super) fn claim(
    sql: &Connection,
    (leases, recent): (&Leases<u64>, &Recent),
    lane: &Lane,
    terms: &Terms,
) -> Result<Claim<Delivery>, StoreError> {
    let waiting = Waiting {
        sql: WAITING,
        params: params![lane.workspace, lane.name],
        key: &|row| {
            let mut columns = Columns::of(row);
            Ok((columns.whole()?, columns.take()?))
        },
    };
    let mut shelf = Shelf::beside(recent);
    leases.claim(sql, terms, &waiting, |view, &seq| read(view, &mut shelf, &lane.workspace, seq))
}

/// One delivery with the very bytes to send.
pub(super) fn read(view: &Connection, shelf: &mut Shelf<'_>, workspace: &Name, seq: u64) -> Result<Delivery, StoreError> {
    let sql = "SELECT d.event, b.id, b.opened_at, d.id, d.destination, d.rule, d.attempts, d.attempts - d.attempts_before, \
               coalesce(d.retried_at, d.created_at), d.received_at, d.failure, \
               b.hops, d.message, d.body \
               FROM deliveries d LEFT JOIN batches b ON b.seq = d.batch WHERE d.seq = ?1";
    let mut statement = view.prepare_cached(sql)?;
    Ok(statement.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        let event = columns.take::<Option<Whole>>()?;
        let batch = (columns.take()?, columns.take()?);
        let id = columns.take()?;
        let lane = Lane { workspace: workspace.clone(), name: columns.take()? };
        let rule = columns.take()?;
        let number = columns.take::<u32>()?.saturating_add(1);
        let attempt = columns.take::<u32>()?.saturating_add(1);
        let created_at = columns.take()?;
        let (received_at, failure) = (columns.take::<Option<Timestamp>>()?, columns.take()?);
        let received = received_at.map(|at| Received { at, refused: failure });
        let hops_of_batch = columns.take::<Option<u32>>()?;
        let message = columns.message()?;
        let (origin, hops) = match event {
            Some(Whole(seq)) => (Origin::Event(shelf.event_of(view, seq, &message)?), shelf.hops_of(view, seq)?),
            None => (of_batch(batch)?, hops_of_batch.unwrap_or_default()),
        };
        let body = bytes_to_send(&origin, &message);
        Ok(Delivery { seq, id, lane, rule, attempt, number, created_at, received, hops, origin, message, body })
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
