//! How much space there is: measured after each commit, judged by the limits, and given back in steps.
//!
//! The limits of admission lie below those of the file: SQLite itself refuses to grow only a reserve later, so that what was taken in can
//! be planned, settled and removed while no new event is.

use std::{
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::Connection;

use super::{Options, error::StoreError, metrics::Metrics, schema::PAGE_BYTES, wire::Columns, writing::Writing};
use crate::journal::{DiskProbe, Short, Space};

/// Pages that one step gives back: the committer is held up for some milliseconds.
const STEP_PAGES: u64 = 64;
/// Free pages that are kept for what comes next: this, and a sixteenth of the file. None where space is scarce.
const FREE_PAGES_KEPT: u64 = 1_024;
/// By which part of `bytes_max` SQLite's own limit is above it, at least [`RESERVE_BYTES_MIN`].
const RESERVE_PART: u64 = 4;
/// See [`RESERVE_PART`].
const RESERVE_BYTES_MIN: u64 = 64 << 20;

/// The size at which SQLite refuses everything, removal included.
pub(super) fn hard_bytes_max(bytes_max: u64) -> u64 {
    bytes_max.saturating_add((bytes_max / RESERVE_PART).max(RESERVE_BYTES_MIN))
}

/// Where admission ends.
#[derive(Clone, Copy, Debug)]
struct Limits {
    bytes_max: Option<u64>,
    disk_reserve_bytes: u64,
}

/// What was found.
#[derive(Clone, Copy, Debug)]
struct Measured {
    used_bytes: u64,
    /// `None`: the system did not tell.
    free_bytes: Option<u64>,
}

impl Limits {
    /// It is full at a limit, and no longer when it is well away from it, so that it does not change with each event.
    fn judge(self, before: Space, found: Measured) -> Space {
        let free = found.free_bytes.unwrap_or(u64::MAX);
        let enough_free = |quarters: u64| free >= (self.disk_reserve_bytes / 4).saturating_mul(quarters);
        let within = |sixteenths: u64| self.bytes_max.is_none_or(|max| found.used_bytes < max / 16 * sixteenths);
        let was = |short| before == Space::Full(short);
        if !enough_free(if was(Short::Disk) { 5 } else { 4 }) {
            Space::Full(Short::Disk)
        } else if !within(if was(Short::Journal) { 15 } else { 16 }) {
            Space::Full(Short::Journal)
        } else if enough_free(6) && within(14) {
            Space::Ample
        } else {
            Space::Scarce
        }
    }
}

/// What is known of the space, for all threads.
#[derive(Debug)]
pub(super) struct Watch {
    limits: Limits,
    disk: DiskProbe,
    folder: PathBuf,
    space: Mutex<Space>,
    /// The file ends later than it has to, until a checkpoint has copied all of the log.
    to_shorten: AtomicBool,
}

impl Watch {
    /// By these settings.
    pub(super) fn new(options: &Options) -> Self {
        Self {
            limits: Limits { bytes_max: options.bytes_max, disk_reserve_bytes: options.disk_reserve_bytes },
            disk: options.disk.clone(),
            folder: options.folder.clone(),
            space: Mutex::default(),
            to_shorten: AtomicBool::new(false),
        }
    }

    /// As last measured.
    pub(super) fn space(&self) -> Space {
        *self.space.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures and judges.
    pub(super) fn measure(&self, connection: &Connection, metrics: &Metrics) -> Result<(), StoreError> {
        let (pages, free_pages) = pages(connection)?;
        let used_bytes = pages.saturating_sub(free_pages) * PAGE_BYTES;
        let free_bytes = self.disk.free_bytes(&self.folder).ok();
        metrics.measured(used_bytes, pages * PAGE_BYTES, free_bytes);
        let mut space = self.space.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *space;
        *space = self.limits.judge(before, Measured { used_bytes, free_bytes });
        match (before, *space) {
            (before, now) if before == now => {}
            (_, Space::Full(short)) => tracing::warn!(used_bytes, free_bytes, "new events are refused: {short}"),
            (Space::Full(_), _) => tracing::info!(used_bytes, free_bytes, "new events are taken again"),
            _ => {}
        }
        metrics.admitting.set(i64::from(!matches!(*space, Space::Full(_))));
        Ok(())
    }

    /// How many pages the next step should give back.
    pub(super) fn step(&self, connection: &Connection) -> Result<u64, StoreError> {
        let (pages, free_pages) = pages(connection)?;
        let kept = if self.space() == Space::Ample { FREE_PAGES_KEPT + pages / 16 } else { 0 };
        Ok(free_pages.saturating_sub(kept).min(STEP_PAGES))
    }

    /// The file is shorter than the file system knows.
    pub(super) fn shortened(&self) {
        self.to_shorten.store(true, Ordering::Relaxed);
    }

    /// Whether it was, since it was last asked.
    pub(super) fn take_shortened(&self) -> bool {
        self.to_shorten.swap(false, Ordering::Relaxed)
    }
}

/// Gives back up to so many free pages, and counts their bytes.
pub(super) fn give_back(writing: &mut Writing<'_>, pages_max: u64) -> Result<(), StoreError> {
    let before = pages(writing.sql)?.0;
    // A row is a page: the statement has done nothing but the first until it is read to its end.
    let mut statement = writing.sql.prepare(&format!("PRAGMA incremental_vacuum({pages_max})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    writing.told.amount += before.saturating_sub(pages(writing.sql)?.0) * PAGE_BYTES;
    Ok(())
}

/// Of the file, and how many of them are free.
fn pages(connection: &Connection) -> Result<(u64, u64), StoreError> {
    let number =
        |sql| -> Result<u64, StoreError> { Ok(connection.prepare_cached(sql)?.query_row([], |row| Columns::of(row).whole())?) };
    Ok((number("PRAGMA page_count")?, number("PRAGMA freelist_count")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes_max: Some(1600), disk_reserve_bytes: 400 };

    fn judged(before: Space, used_bytes: u64, free_bytes: u64) -> Space {
        LIMITS.judge(before, Measured { used_bytes, free_bytes: Some(free_bytes) })
    }

    #[test]
    fn it_is_full_at_a_limit_and_not_before() {
        assert_eq!(judged(Space::Ample, 1_399, 600), Space::Ample);
        assert_eq!(judged(Space::Ample, 1_400, 600), Space::Scarce);
        assert_eq!(judged(Space::Ample, 0, 599), Space::Scarce);
        assert_eq!(judged(Space::Ample, 1_599, 400), Space::Scarce);
        assert_eq!(judged(Space::Scarce, 1_600, 400), Space::Full(Short::Journal));
        assert_eq!(judged(Space::Scarce, 1_599, 399), Space::Full(Short::Disk));
    }

    #[test]
    fn it_is_full_until_it_is_well_away_from_the_limit() {
        assert_eq!(judged(Space::Full(Short::Disk), 0, 499), Space::Full(Short::Disk));
        assert_eq!(judged(Space::Full(Short::Disk), 0, 500), Space::Scarce);
        assert_eq!(judged(Space::Full(Short::Journal), 1_500, 900), Space::Full(Short::Journal));
        assert_eq!(judged(Space::Full(Short::Journal), 1_499, 900), Space::Scarce);
        assert_eq!(judged(Space::Full(Short::Journal), 0, 900), Space::Ample);
    }

    #[test]
    fn without_limits_and_where_the_system_does_not_tell_there_is_space() {
        let limits = Limits { bytes_max: None, disk_reserve_bytes: 0 };
        assert_eq!(limits.judge(Space::Ample, Measured { used_bytes: u64::MAX, free_bytes: Some(0) }), Space::Ample);
        assert_eq!(LIMITS.judge(Space::Ample, Measured { used_bytes: 0, free_bytes: None }), Space::Ample);
    }

    #[test]
    fn what_was_taken_in_has_a_reserve_above_the_limit_of_admission() {
        assert_eq!(hard_bytes_max(2 << 20), 66 << 20);
        assert_eq!(hard_bytes_max(4 << 30), 5 << 30);
    }
}
