//! The audit log. Entries are added and ended by the committer, and removed by age alone: neither a full journal nor a deleted workspace
//! takes one away before its time.

use std::net::IpAddr;

use rusqlite::{Connection, Row, params};

use super::{
    error::StoreError,
    query::Listing,
    wire::{Columns, Whole},
    writing::Writing,
};
use crate::{
    event::Name,
    journal::{AuditEnd, AuditEntry, AuditFilter, AuditOutcome, AuditRecord, Page},
};

/// What stands in the column of the workspace for the host itself: no name is empty.
const HOST: &str = "";

/// As [`read`] reads them.
const SELECT: &str = "SELECT a.seq, a.workspace, a.at, a.key, a.action, a.kind, a.name, a.revision_before, a.address, a.user_agent, \
     a.request_id, a.times, a.outcome, a.status, a.revision_after FROM audit a";

fn column_of(workspace: Option<&Name>) -> &str {
    workspace.map_or(HOST, Name::as_str)
}

/// Adds an entry, and tells its place.
pub(super) fn begin(writing: &mut Writing<'_>, entry: &AuditEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit (workspace, at, key, action, kind, name, revision_before, address, user_agent, request_id, times, \
               outcome, status, revision_after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)";
    writing.sql.prepare_cached(sql)?.execute(params![
        column_of(entry.workspace.as_ref()),
        entry.at,
        entry.key,
        entry.action,
        entry.kind,
        entry.name,
        entry.revision_before.map(Whole),
        entry.address.map(|address| address.to_string()),
        entry.user_agent,
        entry.request_id,
        Whole(entry.times),
        entry.end.map_or(AuditOutcome::Begun, |end| end.outcome),
        entry.end.and_then(|end| end.status),
        entry.end.and_then(|end| end.revision_after).map(Whole),
    ])?;
    writing.told.amount = u64::try_from(writing.sql.last_insert_rowid()).unwrap_or_default();
    Ok(())
}

/// Says how what an entry tells of ended.
pub(super) fn end(writing: &Writing<'_>, seq: u64, end: AuditEnd) -> Result<(), StoreError> {
    let sql =
        "UPDATE audit SET outcome = ?2, status = ?3, revision_after = ?4, workspace = coalesce(?5, workspace) WHERE seq = ?1";
    let AuditEnd { outcome, status, revision_after, of_host } = end;
    let workspace = of_host.then_some(HOST);
    writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), outcome, status, revision_after.map(Whole), workspace])?;
    Ok(())
}

/// Has one entry stand for another too, which goes; or begin to stand for others.
pub(super) fn sum(writing: &Writing<'_>, seq: u64, summary: u64) -> Result<(), StoreError> {
    if seq == summary {
        let sql =
            "UPDATE audit SET action = ?2, kind = ?3, name = NULL, outcome = ?4, revision_after = revision_before WHERE seq = ?1";
        let (action, kind, outcome) = (AuditEntry::SUMMARY_ACTION, AuditEntry::SUMMARY_KIND, AuditOutcome::Refused);
        writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), action, kind, outcome])?;
        return Ok(());
    }
    writing.sql.prepare_cached("DELETE FROM audit WHERE seq = ?1")?.execute(params![Whole(seq)])?;
    writing.sql.prepare_cached("UPDATE audit SET times = times + 1 WHERE seq = ?1")?.execute(params![Whole(summary)])?;
    Ok(())
}

/// Entries, newest first; where the filter says after which, oldest first.
pub(super) fn list(view: &Connection, filter: &AuditFilter) -> Result<Page<AuditRecord>, StoreError> {
    let mut listing = Listing::new(SELECT, "audit a", filter.limit);
    listing.oldest_first = filter.after.is_some();
    let workspace = column_of(filter.workspace.as_ref());
    listing.only("a.workspace = ?", Some(&workspace));
    listing.only("a.key = ?", filter.key.as_ref());
    listing.only("a.action = ?", filter.action.as_ref());
    listing.only("a.kind = ?", filter.kind.as_ref());
    listing.only("a.name = ?", filter.name.as_ref());
    listing.only("a.outcome = ?", filter.outcome.as_ref());
    listing.only("a.at >= ?", filter.since.as_ref());
    listing.only("a.at < ?", filter.until.as_ref());
    let (before, after) = (filter.before.map(Whole), filter.after.map(Whole));
    listing.only("a.seq < ?", before.as_ref());
    listing.only("a.seq > ?", after.as_ref());
    listing.read(view, |row| read(row).map(|record| (record.seq, record)))
}

fn read(row: &Row<'_>) -> rusqlite::Result<AuditRecord> {
    let mut columns = Columns::of(row);
    let seq = columns.whole()?;
    let mut entry = AuditEntry {
        workspace: columns.take::<String>()?.parse().ok(),
        at: columns.take()?,
        key: columns.take()?,
        action: columns.take()?,
        kind: columns.take()?,
        name: columns.take()?,
        revision_before: columns.take::<Option<Whole>>()?.map(|Whole(revision)| revision),
        address: columns.take::<Option<String>>()?.and_then(|text| text.parse::<IpAddr>().ok()),
        user_agent: columns.take()?,
        request_id: columns.take()?,
        times: columns.whole()?,
        end: None,
    };
    let outcome = columns.take()?;
    let (status, revision_after) = (columns.take()?, columns.take::<Option<Whole>>()?.map(|Whole(revision)| revision));
    let of_host = entry.workspace.is_none();
    entry.end = (outcome != AuditOutcome::Begun).then_some(AuditEnd { outcome, status, revision_after, of_host });
    Ok(AuditRecord { seq, entry })
}
