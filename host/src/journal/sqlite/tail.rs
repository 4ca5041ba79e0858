//! Live tails. Each look costs as much as there is new: the place that was reached goes on over events of other types too, so that none is
//! looked at twice.

use rusqlite::Connection;

use super::{
    conditions::Conditions,
    error::StoreError,
    events,
    wire::{Columns, Whole},
};
use crate::{
    event::Event,
    journal::{EventRecord, Tail, TailFilter},
};

/// The next part of the journal, by one of the indexes that are in its order.
pub(super) fn tail(view: &Connection, filter: &TailFilter) -> Result<Tail, StoreError> {
    let index = if filter.source.is_some() { "events_of_source" } else { "events_listed" };
    let (mut conditions, after) = (Conditions::default(), Whole(filter.after));
    conditions.only("e.workspace = ?", Some(&filter.workspace));
    conditions.only("e.source = ?", filter.source.as_ref());
    conditions.only("e.seq > ?", Some(&after));
    let sql = format!(
        "SELECT e.seq, e.generation, e.routed, e.dead_at, e.failure, length(e.body), {}, e.body FROM events e INDEXED BY {index} WHERE {} \
         ORDER BY e.seq LIMIT {}",
        events::COLUMNS,
        conditions.sql(),
        filter.events_max
    );
    let mut statement = view.prepare_cached(&sql)?;
    let mut rows = statement.query(conditions.values())?;
    let mut tail = Tail { events: Vec::new(), reached: filter.after, more: false };
    let (mut looked_at, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        let mut columns = Columns::of(row);
        tail.reached = columns.whole()?;
        let (generation, routed) = (columns.take()?, columns.take()?);
        let dead = columns.take::<Option<_>>()?.zip(columns.take()?);
        let body_bytes = columns.whole()?;
        let event = events::read(&mut columns)?;
        looked_at += 1;
        if filter.event_type.as_ref().is_none_or(|wanted| *wanted == event.event_type) {
            let event = Event { body: columns.bytes()?, ..event };
            bytes += event.body.len();
            tail.events.push(EventRecord { seq: tail.reached, generation, routed, dead, event: event.into(), body_bytes });
        }
        tail.more = looked_at == filter.events_max || bytes > filter.body_bytes;
        if tail.more {
            break;
        }
    }
    Ok(tail)
}
