//! What receivers say by themselves of messages that they were given: that they are done with one, or that it failed after all. It is
//! found by its id, in the transaction that changes it, so that the answer is true when it is given.

use rusqlite::{OptionalExtension as _, params};

use super::{
    deliveries::put_attempt,
    error::StoreError,
    order,
    wire::{Columns, Whole},
    writing::Writing,
};
use crate::{
    event::{Failure, Name, Timestamp},
    journal::{Acknowledged, Acknowledgement, Attempt, DeliveryState, Lane, Said},
};

/// Takes what is said, and notes what was found of each.
pub(super) fn acknowledge(writing: &mut Writing<'_>, said: &[Acknowledgement]) -> Result<(), StoreError> {
    for one in said {
        let found = match find(writing, one)? {
            Some(row) => take(writing, one, &row)?,
            None => Acknowledged::Unknown,
        };
        writing.told.found.push(found);
    }
    Ok(())
}

/// A delivery of which something is said.
struct Row {
    seq: u64,
    state: DeliveryState,
    attempts: u32,
    /// Of these, those of an earlier series.
    before: u32,
    order_key: Option<String>,
    destination: Name,
    received_at: Option<Timestamp>,
}

fn find(writing: &Writing<'_>, one: &Acknowledgement) -> Result<Option<Row>, StoreError> {
    let sql = "SELECT seq, state, attempts, attempts_before, order_key, destination, received_at FROM deliveries WHERE workspace = ?1 AND id = ?2";
    let row = writing.sql.prepare_cached(sql)?.query_row(params![one.workspace, one.id], |row| {
        let mut columns = Columns::of(row);
        Ok(Row {
            seq: columns.whole()?,
            state: columns.take()?,
            attempts: columns.take()?,
            before: columns.take()?,
            order_key: columns.take()?,
            destination: columns.take()?,
            received_at: columns.take()?,
        })
    });
    Ok(row.optional()?)
}

fn take(writing: &mut Writing<'_>, one: &Acknowledgement, row: &Row) -> Result<Acknowledged, StoreError> {
    // The attempt that is under way, or awaits its confirmation.
    let is_newest = row.attempts == one.attempt_number.saturating_sub(1);
    // Of a series that ended: what is waited for was sent, or is to be sent, once more.
    let is_over = one.attempt_number <= row.before;
    match (&one.said, row.state) {
        (_, DeliveryState::Waiting) if is_over => Ok(Acknowledged::Over),
        (_, DeliveryState::Dead) => Ok(Acknowledged::Dead),
        (Said::Done(_), DeliveryState::Delivered) => Ok(Acknowledged::Delivered),
        (Said::Done(attempt), DeliveryState::Waiting) => {
            deliver(writing, one, row, attempt.as_ref())?;
            Ok(Acknowledged::Taken)
        }
        (Said::Failed(failure), DeliveryState::Waiting) if is_newest && row.received_at.is_some() => {
            fail(writing, one, row, failure)?;
            Ok(Acknowledged::Taken)
        }
        (Said::Failed(_), DeliveryState::Waiting) if is_newest => Ok(Acknowledged::Early),
        (Said::Failed(_), DeliveryState::Waiting | DeliveryState::Delivered) => Ok(Acknowledged::Over),
    }
}

fn deliver(writing: &mut Writing<'_>, one: &Acknowledgement, row: &Row, attempt: Option<&Attempt>) -> Result<(), StoreError> {
    if let Some(attempt) = attempt.filter(|_| row.attempts < one.attempt_number) {
        put_attempt(writing, &one.workspace, row.seq, one.attempt_number, attempt)?;
    }
    let sql = "UPDATE deliveries SET state = ?2, attempts = max(attempts, ?3), due_at = NULL, settled_at = ?4, failure = NULL \
               WHERE seq = ?1";
    let values = params![Whole(row.seq), DeliveryState::Delivered, one.attempt_number, writing.now];
    writing.sql.prepare_cached(sql)?.execute(values)?;
    writing.ended.deliveries.push(row.seq);
    let lane = lane(one, row);
    writing.waiting.settled(&lane);
    match &row.order_key {
        Some(key) => order::line_up(writing, &lane, key),
        None => Ok(()),
    }
}

/// It is due at once, to be judged by the destination's policy.
fn fail(writing: &mut Writing<'_>, one: &Acknowledgement, row: &Row, failure: &Failure) -> Result<(), StoreError> {
    let sql = "UPDATE deliveries SET due_at = ?2, failure = ?3 WHERE seq = ?1";
    writing.sql.prepare_cached(sql)?.execute(params![Whole(row.seq), writing.now, failure])?;
    writing.marks.deliveries.insert(lane(one, row));
    Ok(())
}

fn lane(one: &Acknowledgement, row: &Row) -> Lane {
    Lane { workspace: one.workspace.clone(), name: row.destination.clone() }
}
