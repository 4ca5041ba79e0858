//! Events by time and by what their senders said, however many lie before and after.

use rusqlite::Connection;

use super::{
    conditions::Conditions,
    error::StoreError,
    wire::{Columns, Whole},
};
use crate::{
    event::{EventId, Name},
    journal::EventFilter,
};

/// The times that events are asked for, as ids, which begin with the time, and as places in the journal: the index by id gives the first
/// and last place of a time without a look at any row, and the rows between them are then read in the order of any other index.
#[derive(Default)]
pub(super) struct Span {
    ids: (Option<EventId>, Option<EventId>),
    places: (Option<Whole>, Option<Whole>),
}

impl Span {
    /// `None` where there is no event of that time.
    pub(super) fn of(view: &Connection, filter: &EventFilter) -> Result<Option<Self>, StoreError> {
        if filter.since.is_none() && filter.until.is_none() {
            return Ok(Some(Self::default()));
        }
        let first_of = |at| EventId::new(at, [0; 10]);
        let ids = (filter.since.map(first_of), filter.until.map(first_of));
        let mut conditions = Conditions::default();
        conditions.only("workspace = ?", Some(&filter.workspace));
        conditions.only("id >= ?", ids.0.as_ref());
        conditions.only("id < ?", ids.1.as_ref());
        let sql = format!("SELECT min(seq), max(seq) FROM events INDEXED BY events_id WHERE {}", conditions.sql());
        let places: (Option<Whole>, Option<Whole>) =
            view.prepare_cached(&sql)?.query_row(conditions.values(), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(places.0.is_some().then_some(Self { ids, places }))
    }

    /// All that a filter asks of `events e`, but for its cursors.
    pub(super) fn narrow<'l>(&'l self, conditions: &mut Conditions<'l>, filter: &'l EventFilter) {
        conditions.only("e.workspace = ?", Some(&filter.workspace));
        conditions.only("e.source = ?", filter.source.as_ref());
        conditions.only("e.type = ?", filter.event_type.as_ref());
        conditions.only("e.subject = ?", filter.subject.as_ref());
        conditions.only("e.external_id = ?", filter.external_id.as_ref());
        conditions.only("e.seq >= ?", self.places.0.as_ref());
        conditions.only("e.seq <= ?", self.places.1.as_ref());
        // Signed, so that the index by id, which is in another order, does not serve these.
        conditions.only("+e.id >= ?", self.ids.0.as_ref());
        conditions.only("+e.id < ?", self.ids.1.as_ref());
    }
}

/// How many there are of each source and type.
pub(super) fn count_events(view: &Connection, filter: &EventFilter) -> Result<Vec<(Name, String, u64)>, StoreError> {
    let Some(span) = Span::of(view, filter)? else { return Ok(Vec::new()) };
    let mut conditions = Conditions::default();
    span.narrow(&mut conditions, filter);
    let sql =
        format!("SELECT e.source, e.type, count(*) FROM events e WHERE {} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2", conditions.sql());
    let mut statement = view.prepare_cached(&sql)?;
    let rows = statement.query_map(conditions.values(), |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take()?, columns.whole()?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
