//! Events that are stored once: their keys, each with the event that came first, until its time is over. The decision falls within the
//! transaction that stores the event, so of two that come at the same time one is stored, and both are answered after the same sync.

use rusqlite::params;

use super::{error::StoreError, events, given_up, writing::Writing};
use crate::{
    event::{Event, EventId},
    journal::{Arrival, Once},
};

/// Appends those events whose keys are not on record, and tells for each the event that is.
pub(super) fn append(writing: &mut Writing<'_>, arrivals: &[Arrival]) -> Result<(), StoreError> {
    for Arrival { event, once, given_up } in arrivals {
        let id = once.as_ref().map_or(Ok(event.id), |once| first(writing, event, once))?;
        if id == event.id {
            events::append(writing, std::slice::from_ref(event))?;
            if let Some(failure) = given_up {
                given_up::event(writing, event, failure)?;
            }
        }
        writing.told.ids.push(id);
    }
    Ok(())
}

/// The event on record for the key of this one: itself, where there is none or its time is over.
fn first(writing: &Writing<'_>, event: &Event, once: &Once) -> Result<EventId, StoreError> {
    let sql = "INSERT INTO duplicates (workspace, source, key, event, expires_at) VALUES (?1, ?2, ?3, ?4, ?5) \
               ON CONFLICT (workspace, source, key) DO UPDATE SET \
               event = iif(expires_at <= ?6, excluded.event, event), \
               expires_at = iif(expires_at <= ?6, excluded.expires_at, expires_at) RETURNING event";
    let values = params![event.workspace, event.source, &once.key[..], event.id, once.until, writing.now];
    Ok(writing.sql.prepare_cached(sql)?.query_row(values, |row| row.get(0))?)
}
