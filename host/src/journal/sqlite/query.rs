//! What is on record: listings, newest first, and single rows with what hangs on them.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension as _, Row, ToSql, params};

use super::{
    conditions::{self, Conditions},
    deliveries,
    error::StoreError,
    events::{self, Shelf},
    span::Span,
    wire::{self, Columns, Json, Whole},
};
use crate::{
    event::{BatchId, Event, EventId, Failure, MessageId, Name, RunId, Timestamp},
    journal::{
        Attempt, AttemptRecord, BatchRecord, BatchState, DeliveryHistory, DeliveryRecord, DeliveryState, EventFilter,
        EventHistory, EventRecord, Page, RunRecord, RunState, Saw, WorkFilter,
    },
};

/// The longest page, whatever is asked for.
const PAGE_MAX: usize = 1_000;

/// The columns of `events e` before [`events::COLUMNS`], as [`read_event`] reads them.
pub(super) const EVENT: &str = "SELECT e.seq, e.generation, e.routed, e.dead_at, e.failure, length(e.body)";

/// Columns of `runs r` and its event's id, as [`read_run`] reads them.
pub(super) const RUN: &str = "SELECT r.seq, e.id, r.event, r.generation, r.workspace, r.rule, r.revision, r.state, r.attempts, r.due_at, \
     r.failure, r.stages FROM runs r LEFT JOIN events e ON e.seq = r.event";

/// Columns of `batches b`, as [`read_batch`] reads them.
pub(super) const BATCH: &str = "SELECT b.seq, b.id, b.rule, b.key, b.state, b.reason, b.revision, b.events, b.bytes, b.opened_at, b.due_at, \
     b.attempts, b.failure, b.stages FROM batches b";

/// Columns of `deliveries d`, its event's and its batch's id, as [`read_delivery`] reads them. An attempt that awaits its confirmation was
/// made, and does not count yet.
pub(super) const DELIVERY: &str = "SELECT d.seq, d.id, e.id, b.id, d.rule, d.destination, d.state, \
     d.attempts + (d.state = 0 AND d.received_at IS NOT NULL), d.created_at, d.due_at, d.received_at, d.settled_at, d.failure, \
     d.last_status, d.order_key, d.state = 0 AND d.blocked, d.last_code, d.retried_at FROM deliveries d \
     LEFT JOIN events e ON e.seq = d.event \
     LEFT JOIN batches b ON b.seq = d.batch";

/// Events, without their bodies.
pub(super) fn events(view: &Connection, filter: &EventFilter) -> Result<Page<EventRecord>, StoreError> {
    let select = format!("{EVENT}, {} FROM events e", events::COLUMNS);
    let Some(span) = Span::of(view, filter)? else { return Ok(Page { items: Vec::new(), next: None }) };
    let mut listing = Listing::new(&select, "events e", filter.limit);
    listing.oldest_first = filter.after.is_some();
    span.narrow(&mut listing.conditions, filter);
    let (before, after) = (filter.before.map(Whole), filter.after.map(Whole));
    listing.only("e.seq < ?", before.as_ref());
    listing.only("e.seq > ?", after.as_ref());
    listing.read(view, |row| {
        let record = read_event(&mut Columns::of(row), events::read)?;
        Ok((record.seq, record))
    })
}

/// One event, with its body and what became of it.
pub(super) fn event(view: &Connection, workspace: &Name, id: EventId) -> Result<Option<EventHistory>, StoreError> {
    let select = format!("{EVENT}, {}, e.body FROM events e WHERE e.workspace = ?1 AND e.id = ?2", events::COLUMNS);
    let read = |row: &Row<'_>| read_event(&mut Columns::of(row), events::read_whole);
    let Some(event) = view.prepare_cached(&select)?.query_row(params![workspace, id], read).optional()? else {
        return Ok(None);
    };
    let mut runs = view.prepare_cached(&format!("{RUN} WHERE r.workspace = ?1 AND r.event = ?2 ORDER BY r.seq"))?;
    let runs = runs.query_map(params![workspace, Whole(event.seq)], read_run)?.map(|run| Ok(run?.1));
    let runs = runs.collect::<rusqlite::Result<_>>()?;
    let mut deliveries = view.prepare_cached(&format!("{DELIVERY} WHERE d.workspace = ?1 AND d.event = ?2 ORDER BY d.seq"))?;
    let deliveries = deliveries.query_map(params![workspace, Whole(event.seq)], read_delivery)?.collect::<Result<_, _>>()?;
    Ok(Some((event, runs, deliveries)))
}

/// What the newest run of a rule on an event saw, where it failed.
pub(super) fn saw(view: &Connection, workspace: &Name, event: EventId, rule: &Name) -> Result<Option<Saw>, StoreError> {
    let sql = "SELECT r.saw FROM runs r JOIN events e ON e.seq = r.event WHERE e.workspace = ?1 AND e.id = ?2 \
               AND r.workspace = ?1 AND r.rule = ?3 ORDER BY r.generation DESC LIMIT 1";
    Ok(view.prepare_cached(sql)?.query_row(params![workspace, event, rule], wire::saw_of).optional()?.flatten())
}

/// Runs.
pub(super) fn runs(view: &Connection, filter: &WorkFilter<RunState>) -> Result<Page<RunRecord>, StoreError> {
    let mut listing = Listing::new(RUN, "runs r", filter.limit);
    listing.only("r.workspace = ?", Some(&filter.workspace));
    listing.only("r.rule = ?", filter.rule.as_ref());
    match filter.state {
        Some(RunState::Pending) => listing.rare("r.state = 0", "runs_pending"),
        Some(RunState::Held) => listing.rare("r.state = 1", "runs_held"),
        // One rule may drop nearly all; another's are then sooner found among its own.
        Some(RunState::Dropped) if filter.rule.is_none() => listing.rare("r.state = 4", "runs_dropped"),
        Some(RunState::Dead) => listing.rare("r.state = 5", "runs_dead"),
        _ => listing.only("r.state = ?", filter.state.as_ref()),
    }
    listing.conditions.narrow(&conditions::RUNS, &filter.narrow);
    listing.only("r.created_at >= ?", filter.narrow.since.as_ref());
    listing.only("r.created_at < ?", filter.narrow.until.as_ref());
    let before = filter.before.map(Whole);
    listing.only("r.seq < ?", before.as_ref());
    listing.read(view, read_run)
}

/// The run that was given up once under this id, and its own place in the journal.
pub(super) fn run_given_up(view: &Connection, workspace: &Name, id: RunId) -> Result<Option<(u64, RunRecord)>, StoreError> {
    let sql = format!("{RUN} WHERE r.workspace = ?1 AND r.dead_id = ?2");
    Ok(view.prepare_cached(&sql)?.query_row(params![workspace, id], read_run).optional()?)
}

/// The batch of this id.
pub(super) fn batch(view: &Connection, workspace: &Name, id: BatchId) -> Result<Option<BatchRecord>, StoreError> {
    let sql = format!("{BATCH} WHERE b.workspace = ?1 AND b.id = ?2");
    Ok(view.prepare_cached(&sql)?.query_row(params![workspace, id], read_batch).optional()?)
}

/// Batches.
pub(super) fn batches(view: &Connection, filter: &WorkFilter<BatchState>) -> Result<Page<BatchRecord>, StoreError> {
    let mut listing = Listing::new(BATCH, "batches b", filter.limit);
    listing.only("b.workspace = ?", Some(&filter.workspace));
    listing.only("b.rule = ?", filter.rule.as_ref());
    listing.only("b.state = ?", filter.state.as_ref());
    listing.conditions.narrow(&conditions::BATCHES, &filter.narrow);
    listing.only("b.opened_at >= ?", filter.narrow.since.as_ref());
    listing.only("b.opened_at < ?", filter.narrow.until.as_ref());
    let before = filter.before.map(Whole);
    listing.only("b.seq < ?", before.as_ref());
    listing.read(view, |row| read_batch(row).map(|record| (record.seq, record)))
}

/// Dead letters pin the newest so many of the revisions that they were given up by: a retry by an older one may find its plugins gone.
const DEAD_REVISIONS_MAX: usize = 500;

/// The revisions of pending and held runs, of open and closed batches, and of dead letters. Each part reads an index of few rows.
pub(super) fn revisions_pinned(view: &Connection) -> Result<BTreeSet<u64>, StoreError> {
    let sql = format!(
        "SELECT revision FROM runs WHERE state = 0 UNION SELECT revision FROM runs WHERE state = 1 \
         UNION SELECT revision FROM batches WHERE state = 0 UNION SELECT revision FROM batches WHERE state = 1 \
         UNION SELECT * FROM (SELECT revision FROM runs WHERE dead_at IS NOT NULL \
         UNION SELECT revision FROM batches WHERE dead_at IS NOT NULL ORDER BY 1 DESC LIMIT {DEAD_REVISIONS_MAX})"
    );
    let mut statement = view.prepare_cached(&sql)?;
    let rows = statement.query_map([], |row| row.get::<_, Whole>(0))?;
    rows.map(|revision| Ok(revision?.0)).collect()
}

/// Deliveries.
pub(super) fn deliveries(view: &Connection, filter: &WorkFilter<DeliveryState>) -> Result<Page<DeliveryRecord>, StoreError> {
    let mut listing = Listing::new(DELIVERY, "deliveries d", filter.limit);
    listing.only("d.workspace = ?", Some(&filter.workspace));
    listing.only("d.rule = ?", filter.rule.as_ref());
    listing.only("d.destination = ?", filter.destination.as_ref());
    match filter.state {
        Some(DeliveryState::Waiting) => listing.rare("d.state = 0", "deliveries_waiting"),
        Some(DeliveryState::Dead) => listing.rare("d.state = 2", "deliveries_dead"),
        _ => listing.only("d.state = ?", filter.state.as_ref()),
    }
    listing.conditions.narrow(&conditions::DELIVERIES, &filter.narrow);
    listing.only("d.created_at >= ?", filter.narrow.since.as_ref());
    listing.only("d.created_at < ?", filter.narrow.until.as_ref());
    let before = filter.before.map(Whole);
    listing.only("d.seq < ?", before.as_ref());
    listing.read(view, |row| read_delivery(row).map(|record| (record.seq, record)))
}

/// One delivery, with the bytes that are sent and its attempts.
pub(super) fn delivery(view: &Connection, workspace: &Name, id: MessageId) -> Result<Option<DeliveryHistory>, StoreError> {
    let mut select = view.prepare_cached(&format!("{DELIVERY} WHERE d.workspace = ?1 AND d.id = ?2"))?;
    let Some(record) = select.query_row(params![workspace, id], read_delivery).optional()? else { return Ok(None) };
    let delivery = deliveries::read(view, &mut Shelf::default(), workspace, record.seq)?;
    let attempts = last_attempts(view, workspace, record.seq, usize::MAX)?;
    Ok(Some((delivery, record, attempts)))
}

/// The last attempts of a delivery, oldest first.
pub(super) fn last_attempts(view: &Connection, workspace: &Name, seq: u64, max: usize) -> Result<Vec<AttemptRecord>, StoreError> {
    let sql = "SELECT number, started_at, duration_ms, status, failure, response_headers, response_body FROM attempts \
               WHERE workspace = ?1 AND delivery = ?2 ORDER BY number DESC LIMIT ?3";
    let mut statement = view.prepare_cached(sql)?;
    let rows = statement.query_map(params![workspace, Whole(seq), Whole(max as u64)], read_attempt)?;
    let mut attempts = rows.collect::<Result<Vec<_>, _>>()?;
    attempts.reverse();
    Ok(attempts)
}

/// A listing, newest first unless told otherwise. The rows are chosen first, where it can be by an index alone, and then read.
pub(super) struct Listing<'l> {
    select: &'l str,
    /// With its alias, which is one letter.
    table: &'l str,
    index: Option<&'l str>,
    conditions: Conditions<'l>,
    pub(super) oldest_first: bool,
    limit: usize,
}

impl<'l> Listing<'l> {
    pub(super) fn new(select: &'l str, table: &'l str, limit: usize) -> Self {
        let (conditions, limit) = (Conditions::default(), limit.min(PAGE_MAX));
        Self { select, table, index: None, conditions, oldest_first: false, limit }
    }

    /// Where a value was given, only rows that fit it.
    pub(super) fn only<T: ToSql>(&mut self, condition: &'l str, value: Option<&'l T>) {
        self.conditions.only(condition, value);
    }

    /// Only rows in a state that few are in. They are sought in its partial index, even where they have to be sorted then: the planner
    /// does not know that they are few, and would rather look through all others in order.
    fn rare(&mut self, condition: &'l str, index: &'l str) {
        self.conditions.always(condition);
        self.index = Some(index);
    }

    /// Reads a page, and one row more to know whether another follows.
    pub(super) fn read<T>(
        self,
        view: &Connection,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<(u64, T)>,
    ) -> Result<Page<T>, StoreError> {
        let Self { select, table, index, conditions, oldest_first, limit } = self;
        let seq = format!("{}.seq", &table[table.len() - 1..]);
        let by = index.map(|index| format!(" INDEXED BY {index}")).unwrap_or_default();
        let order = if oldest_first { "ASC" } else { "DESC" };
        // The limit is text: there are few page sizes, and a bound one would have to outlive the conditions.
        let chosen =
            format!("SELECT {seq} FROM {table}{by} WHERE {} ORDER BY {seq} {order} LIMIT {}", conditions.sql(), limit + 1);
        let sql = format!("{select} WHERE {seq} IN ({chosen}) ORDER BY {seq} {order}");
        let mut rows = view.prepare_cached(&sql)?.query_map(conditions.values(), read)?.collect::<Result<Vec<_>, _>>()?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(seq, _)| *seq);
        Ok(Page { items: rows.into_iter().map(|(_, item)| item).collect(), next })
    }
}

pub(super) fn read_event<'r>(
    columns: &mut Columns<'r>,
    read: impl FnOnce(&mut Columns<'r>) -> rusqlite::Result<Event>,
) -> rusqlite::Result<EventRecord> {
    let (seq, generation, routed) = (columns.whole()?, columns.take()?, columns.take()?);
    let (dead_at, failure): (Option<Timestamp>, Option<Failure>) = (columns.take()?, columns.take()?);
    let body_bytes = columns.whole()?;
    Ok(EventRecord { seq, generation, routed, dead: dead_at.zip(failure), event: Arc::new(read(columns)?), body_bytes })
}

/// A run and its own place in the journal.
pub(super) fn read_run(row: &Row<'_>) -> rusqlite::Result<(u64, RunRecord)> {
    let mut columns = Columns::of(row);
    let (cursor, event, seq, generation): (_, EventId, _, u32) =
        (columns.whole()?, columns.take()?, columns.whole()?, columns.take()?);
    let (workspace, rule): (Name, Name) = (columns.take()?, columns.take()?);
    let run = RunRecord {
        id: RunId::of(&workspace, event, generation, &rule),
        event,
        seq,
        generation,
        rule,
        revision: columns.whole()?,
        state: columns.take()?,
        attempts: columns.take()?,
        due_at: columns.take()?,
        failure: columns.take()?,
        stages: columns.take::<Json<_>>()?.0,
    };
    Ok((cursor, run))
}

pub(super) fn read_batch(row: &Row<'_>) -> rusqlite::Result<BatchRecord> {
    let mut columns = Columns::of(row);
    Ok(BatchRecord {
        seq: columns.whole()?,
        id: columns.take()?,
        rule: columns.take()?,
        key: columns.take()?,
        state: columns.take()?,
        reason: columns.take()?,
        revision: columns.whole()?,
        events: columns.take()?,
        bytes: columns.whole()?,
        opened_at: columns.take()?,
        due_at: columns.take()?,
        attempts: columns.take()?,
        failure: columns.take()?,
        stages: columns.take::<Json<_>>()?.0,
    })
}

pub(super) fn read_delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRecord> {
    let mut columns = Columns::of(row);
    Ok(DeliveryRecord {
        seq: columns.whole()?,
        id: columns.take()?,
        event: columns.take()?,
        batch: columns.take()?,
        rule: columns.take()?,
        destination: columns.take()?,
        state: columns.take()?,
        attempts: columns.take()?,
        created_at: columns.take()?,
        due_at: columns.take()?,
        received_at: columns.take()?,
        settled_at: columns.take()?,
        failure: columns.take()?,
        last_status: columns.take()?,
        order_key: columns.take()?,
        blocked: columns.take()?,
        last_code: columns.take()?,
        retried_at: columns.take()?,
    })
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<AttemptRecord> {
    let mut columns = Columns::of(row);
    let number = columns.take()?;
    let attempt = Attempt {
        started_at: columns.take()?,
        duration_ms: columns.whole()?,
        status: columns.take()?,
        failure: columns.take()?,
        response_headers: wire::headers_of(columns.take()?),
        response_body: columns.bytes()?,
    };
    Ok(AttemptRecord { number, attempt })
}
