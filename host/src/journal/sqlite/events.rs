//! Events: stored once with their body, claimed in the order of the journal.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    lease::{Bodies, Leases, Terms, Waiting},
    recent::Recent,
    wire::{self, Columns, Json, Whole},
    writing::Writing,
};
use crate::{
    event::{Event, Message, Name, Timestamp},
    journal::{Claim, PassedOn, Unrouted},
};

/// What [`read`] reads, of `events e`. The body is selected after it, or not at all.
pub(super) const COLUMNS: &str = "e.workspace, e.id, e.source, e.type, e.subject, e.received_at, e.time, e.external_id, \
     e.content_type, e.headers, e.attributes";

/// Appends events that came in.
pub(super) fn append(writing: &mut Writing<'_>, events: &[Event]) -> Result<(), StoreError> {
    insert(writing, events, 0)
}

/// Appends an event that a message of this hub was made into.
pub(super) fn append_passed_on(writing: &mut Writing<'_>, passed: &PassedOn) -> Result<(), StoreError> {
    insert(writing, std::slice::from_ref(&passed.event), passed.hops)
}

fn insert(writing: &mut Writing<'_>, events: &[Event], hops: u32) -> Result<(), StoreError> {
    let mut insert = writing.sql.prepare_cached(
        "INSERT INTO events (workspace, id, source, type, subject, received_at, time, external_id, content_type, headers, \
         attributes, body, hops) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for event in events {
        insert.execute(params![
            event.workspace,
            event.id,
            event.source,
            event.event_type,
            event.subject,
            event.received_at,
            event.time,
            event.external_id,
            event.content_type,
            wire::headers(&event.headers),
            wire::attributes(&event.attributes),
            &event.body[..],
            hops,
        ])?;
        writing.told.appended.push(u64::try_from(writing.sql.last_insert_rowid()).unwrap_or_default());
    }
    writing.marks.events |= !events.is_empty();
    Ok(())
}

/// Marks an event as routed, and says whose it is; `None` where it was routed before.
pub(super) fn mark_routed(writing: &Writing<'_>, seq: u64, generation: u32) -> Result<Option<Name>, StoreError> {
    let sql = "UPDATE events SET routed = 1 WHERE seq = ?1 AND generation = ?2 AND routed = 0 RETURNING workspace";
    let mut update = writing.sql.prepare_cached(sql)?;
    Ok(update.query_row(params![Whole(seq), generation], |row| row.get(0)).optional()?)
}

impl Bodies for Unrouted {
    fn body_bytes(&self) -> u64 {
        self.event.body.len() as u64
    }
}

/// Hands out events that are not routed.
pub(super) fn claim(
    sql: &Connection,
    (leases, recent): (&Leases<u64>, &Recent),
    terms: &Terms,
) -> Result<Vec<Unrouted>, StoreError> {
    let waiting = Waiting {
        sql: "SELECT seq FROM events WHERE routed = 0 ORDER BY seq",
        params: &[],
        key: &|row| Ok((Columns::of(row).whole()?, Timestamp(0))),
    };
    let claim: Claim<Unrouted> = leases.claim(sql, terms, &waiting, |view, &seq| {
        if let Some(event) = recent.get(seq) {
            return Ok(Unrouted { seq, generation: 0, only_rules: None, event });
        }
        let sql = format!("SELECT e.generation, e.only_rules, {COLUMNS}, e.body FROM events e WHERE e.seq = ?1");
        Ok(view.prepare_cached(&sql)?.query_row([Whole(seq)], |row| {
            let mut columns = Columns::of(row);
            let generation = columns.take()?;
            let only_rules = columns.take::<Option<Json<_>>>()?.map(|Json(rules)| rules);
            Ok(Unrouted { seq, generation, only_rules, event: Arc::new(read_whole(&mut columns)?) })
        })?)
    })?;
    Ok(claim.items)
}

/// An event from [`COLUMNS`], without its body.
pub(super) fn read(columns: &mut Columns<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        workspace: columns.take()?,
        id: columns.take()?,
        source: columns.take()?,
        event_type: columns.take()?,
        subject: columns.take()?,
        received_at: columns.take()?,
        time: columns.take()?,
        external_id: columns.take()?,
        content_type: columns.take()?,
        headers: wire::headers_of(columns.take()?),
        attributes: wire::attributes_of(columns.take()?),
        body: Bytes::new(),
    })
}

/// An event from [`COLUMNS`] and the body.
pub(super) fn read_whole(columns: &mut Columns<'_>) -> rusqlite::Result<Event> {
    let event = read(columns)?;
    Ok(Event { body: columns.bytes()?, ..event })
}

/// The events of one claim: several messages of one event share it. Those with their bodies and those without stand apart, so that
/// none is found without its body by who needs it.
#[derive(Default)]
pub(super) struct Shelf<'r> {
    recent: Option<&'r Recent>,
    whole: HashMap<u64, Arc<Event>>,
    bare: HashMap<u64, Arc<Event>>,
}

impl<'r> Shelf<'r> {
    /// What was appended a moment ago need not be read.
    pub(super) fn beside(recent: &'r Recent) -> Self {
        Self { recent: Some(recent), ..Self::default() }
    }

    /// The event at this place in the journal, with its body.
    pub(super) fn event(&mut self, view: &Connection, seq: u64) -> rusqlite::Result<Arc<Event>> {
        if let Some(event) = self.recent.and_then(|recent| recent.get(seq)) {
            return Ok(event);
        }
        if let Some(event) = self.whole.get(&seq) {
            return Ok(Arc::clone(event));
        }
        let sql = format!("SELECT {COLUMNS}, e.body FROM events e WHERE e.seq = ?1");
        let event = view.prepare_cached(&sql)?.query_row([Whole(seq)], |row| read_whole(&mut Columns::of(row)))?;
        Ok(Arc::clone(self.whole.entry(seq).or_insert(Arc::new(event))))
    }

    /// Through how many rules of this hub what became this event went: through none, where it was appended by itself.
    pub(super) fn hops_of(&self, view: &Connection, seq: u64) -> rusqlite::Result<u32> {
        if self.recent.is_some_and(|recent| recent.get(seq).is_some()) {
            return Ok(0);
        }
        view.prepare_cached("SELECT hops FROM events WHERE seq = ?1")?.query_row([Whole(seq)], |row| row.get(0))
    }

    /// The event that this message came from: without its body where the message has its own, since then nothing reads it.
    pub(super) fn event_of(&mut self, view: &Connection, seq: u64, message: &Message) -> rusqlite::Result<Arc<Event>> {
        if message.body.is_none() {
            return self.event(view, seq);
        }
        if let Some(event) = self.recent.and_then(|recent| recent.get(seq)) {
            return Ok(event);
        }
        if let Some(event) = self.bare.get(&seq) {
            return Ok(Arc::clone(event));
        }
        let sql = format!("SELECT {COLUMNS} FROM events e WHERE e.seq = ?1");
        let event = view.prepare_cached(&sql)?.query_row([Whole(seq)], |row| read(&mut Columns::of(row)))?;
        Ok(Arc::clone(self.bare.entry(seq).or_insert(Arc::new(event))))
    }
}
