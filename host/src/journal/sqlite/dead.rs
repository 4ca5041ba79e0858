//! Dead letters of all kinds in one listing, by when they were given up. Each kind has an index in that order, which holds nothing but
//! dead letters; the places are chosen there first, and then as many rows are read as are shown.

use rusqlite::{Connection, Row, params};

use super::{
    conditions::{self, Conditions, NarrowBy},
    error::StoreError,
    events, query,
    wire::{Columns, Whole},
};
use crate::{
    event::Timestamp,
    journal::{DeadCount, DeadFilter, DeadKind, DeadLetter, DeadPage, DeadPlace, DeadRecord, DeadSlice},
};

/// The longest page, whatever is asked for.
const PAGE_MAX: usize = 1_000;

const KINDS: [DeadKind; 4] = [DeadKind::Delivery, DeadKind::Run, DeadKind::Batch, DeadKind::Event];

/// A page, and one place more to know whether another follows.
pub(super) fn list(view: &Connection, filter: &DeadFilter, slice: DeadSlice) -> Result<DeadPage, StoreError> {
    let limit = slice.limit.min(PAGE_MAX);
    let mut places = Vec::new();
    for kind in kinds(filter) {
        places.extend(choose(view, kind, filter, &slice, limit + 1)?);
    }
    places.sort_unstable();
    if !slice.oldest_first {
        places.reverse();
    }
    let more = places.len() > limit;
    places.truncate(limit);
    let next = places.last().copied().filter(|_| more);
    let items = places.into_iter().map(|place| read(view, filter, place, slice.attempts_max)).collect::<Result<_, _>>()?;
    Ok(DeadPage { items, next })
}

/// Counted by what an operator decides by.
pub(super) fn count(view: &Connection, filter: &DeadFilter) -> Result<Vec<DeadCount>, StoreError> {
    let mut counts = Vec::new();
    for kind in kinds(filter) {
        let Table { name, letter, groups, .. } = table(kind, filter);
        let conditions = conditions(kind, filter);
        let sql = format!(
            "SELECT coalesce({letter}.failure ->> 0, ''), {groups}, count(*) FROM {name} WHERE {} GROUP BY 1, 2, 3",
            conditions.sql()
        );
        let mut statement = view.prepare_cached(&sql)?;
        let rows = statement.query_map(conditions.values(), |row| {
            let mut columns = Columns::of(row);
            let (code, last_code, destination) = (columns.take()?, columns.take()?, columns.take()?);
            Ok(DeadCount { kind, code, last_code, destination, count: columns.whole()? })
        })?;
        counts.extend(rows.collect::<Result<Vec<_>, _>>()?);
    }
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.code.cmp(&b.code)));
    Ok(counts)
}

/// Only deliveries have a destination, and events no rule.
fn kinds(filter: &DeadFilter) -> impl Iterator<Item = DeadKind> {
    let wanted = filter.kind;
    let (delivery_only, of_rule) = (filter.destination.is_some(), filter.rule.is_some());
    KINDS
        .into_iter()
        .filter(move |kind| wanted.is_none_or(|wanted| wanted == *kind))
        .filter(move |kind| !delivery_only || *kind == DeadKind::Delivery)
        .filter(move |kind| !of_rule || *kind != DeadKind::Event)
}

/// A kind's table, and the index that has its dead letters in order.
struct Table {
    /// With its alias and its index.
    name: &'static str,
    letter: &'static str,
    narrow: &'static NarrowBy,
    /// The last code and the destination, where it has them.
    groups: &'static str,
}

fn table(kind: DeadKind, filter: &DeadFilter) -> Table {
    let (name, letter, narrow, groups) = match kind {
        DeadKind::Delivery if filter.destination.is_some() => {
            ("deliveries d INDEXED BY deliveries_given_up_to", "d", &conditions::DELIVERIES, "d.last_code, d.destination")
        }
        DeadKind::Delivery => {
            ("deliveries d INDEXED BY deliveries_given_up", "d", &conditions::DELIVERIES, "d.last_code, d.destination")
        }
        DeadKind::Run if filter.rule.is_some() => {
            ("runs r INDEXED BY runs_given_up_of", "r", &conditions::RUNS, "NULL AS last_code, NULL AS destination")
        }
        DeadKind::Run => ("runs r INDEXED BY runs_given_up", "r", &conditions::RUNS, "NULL AS last_code, NULL AS destination"),
        DeadKind::Batch => {
            ("batches b INDEXED BY batches_given_up", "b", &conditions::BATCHES, "NULL AS last_code, NULL AS destination")
        }
        DeadKind::Event => {
            ("events e INDEXED BY events_given_up", "e", &conditions::EVENTS, "NULL AS last_code, NULL AS destination")
        }
    };
    Table { name, letter, narrow, groups }
}

/// What the filter asks of a kind.
fn conditions(kind: DeadKind, filter: &DeadFilter) -> Conditions<'_> {
    let mut conditions = Conditions::default();
    let [workspace, given_up, rule, since, until] = match kind {
        DeadKind::Delivery => ["d.workspace = ?", "d.dead_at IS NOT NULL", "d.rule = ?", "d.dead_at >= ?", "d.dead_at < ?"],
        DeadKind::Run => ["r.workspace = ?", "r.dead_at IS NOT NULL", "r.rule = ?", "r.dead_at >= ?", "r.dead_at < ?"],
        DeadKind::Batch => ["b.workspace = ?", "b.dead_at IS NOT NULL", "b.rule = ?", "b.dead_at >= ?", "b.dead_at < ?"],
        // The third is never asked: see `kinds`.
        DeadKind::Event => ["e.workspace = ?", "e.dead_at IS NOT NULL", "?", "e.dead_at >= ?", "e.dead_at < ?"],
    };
    conditions.only(workspace, Some(&filter.workspace));
    conditions.always(given_up);
    conditions.only(rule, filter.rule.as_ref());
    // Of deliveries alone: no other kind is asked where there is one.
    conditions.only("d.destination = ?", filter.destination.as_ref());
    conditions.only(since, filter.narrow.since.as_ref());
    conditions.only(until, filter.narrow.until.as_ref());
    conditions.narrow(table(kind, filter).narrow, &filter.narrow);
    conditions
}

/// Up to `max` places of one kind.
fn choose(
    view: &Connection,
    kind: DeadKind,
    filter: &DeadFilter,
    slice: &DeadSlice,
    max: usize,
) -> Result<Vec<DeadPlace>, StoreError> {
    let Table { name, letter, .. } = table(kind, filter);
    let (order, beyond) = if slice.oldest_first { ("ASC", ">") } else { ("DESC", "<") };
    let bound = slice.beyond.map(|place| (place.dead_at, Whole(bound_of(kind, place))));
    let place = format!("({letter}.dead_at, {letter}.seq) {beyond} (?, ?)");
    let mut conditions = conditions(kind, filter);
    if let Some((dead_at, seq)) = &bound {
        conditions.pair(&place, dead_at, seq);
    }
    let sql = format!(
        "SELECT {letter}.dead_at, {letter}.seq FROM {name} WHERE {} ORDER BY {letter}.dead_at {order}, {letter}.seq {order} LIMIT {max}",
        conditions.sql()
    );
    let mut statement = view.prepare_cached(&sql)?;
    let rows = statement.query_map(conditions.values(), |row| {
        let mut columns = Columns::of(row);
        let dead_at: Timestamp = columns.take()?;
        Ok(DeadPlace { dead_at, kind, seq: columns.whole()? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What of this kind, given up at the same time, lies before and after the place: kinds stand one after the other there.
fn bound_of(kind: DeadKind, place: DeadPlace) -> u64 {
    match kind.cmp(&place.kind) {
        std::cmp::Ordering::Less => u64::MAX,
        std::cmp::Ordering::Equal => place.seq,
        std::cmp::Ordering::Greater => 0,
    }
}

fn read(view: &Connection, filter: &DeadFilter, place: DeadPlace, attempts_max: usize) -> Result<DeadLetter, StoreError> {
    let seq = params![Whole(place.seq)];
    let mut attempts = Vec::new();
    let record = match place.kind {
        DeadKind::Delivery => {
            let sql = format!("{} WHERE d.seq = ?1", query::DELIVERY);
            let record = view.prepare_cached(&sql)?.query_row(seq, query::read_delivery)?;
            attempts = query::last_attempts(view, &filter.workspace, place.seq, attempts_max)?;
            DeadRecord::Delivery(record)
        }
        DeadKind::Run => {
            let sql = format!("{} WHERE r.seq = ?1", query::RUN);
            DeadRecord::Run(view.prepare_cached(&sql)?.query_row(seq, query::read_run)?.1)
        }
        DeadKind::Batch => {
            let sql = format!("{} WHERE b.seq = ?1", query::BATCH);
            DeadRecord::Batch(view.prepare_cached(&sql)?.query_row(seq, query::read_batch)?)
        }
        DeadKind::Event => {
            let sql = format!("{}, {} FROM events e WHERE e.seq = ?1", query::EVENT, events::COLUMNS);
            let read = |row: &Row<'_>| query::read_event(&mut Columns::of(row), events::read);
            DeadRecord::Event(view.prepare_cached(&sql)?.query_row(seq, read)?)
        }
    };
    Ok(DeadLetter { place, record, attempts })
}
