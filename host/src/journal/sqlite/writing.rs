//! A transaction while it is filled, and what follows from its commit.

use std::collections::{BTreeMap, HashSet};

use rusqlite::Transaction;

use super::{backlog::Change, command::Told, lease::Ended};
use crate::{
    event::Timestamp,
    journal::{Feed, Lane},
};

/// A transaction while it is filled. Only the committing thread can make one.
pub(super) struct Writing<'t> {
    /// The transaction.
    pub(super) sql: &'t Transaction<'t>,
    /// The same for all that is stored with it.
    pub(super) now: Timestamp,
    /// Told to the flows after the commit.
    pub(super) marks: Marks,
    /// Whose leases end with the commit.
    pub(super) ended: Ended,
    /// What the command that is being stored came to.
    pub(super) told: Told,
    /// Rows removed, by table.
    pub(super) removed: BTreeMap<&'static str, u64>,
    /// There is too little space for new events: what can be left out is.
    pub(super) short: bool,
    /// How many more deliveries wait than before it.
    pub(super) waiting: Change,
    /// Something that is about to follow relies on it being on disk.
    pub(super) is_relied_on: bool,
}

impl<'t> Writing<'t> {
    /// Nothing has been stored.
    pub(super) fn begin(sql: &'t Transaction<'t>, now: Timestamp, short: bool) -> Self {
        let (marks, ended, told, removed) = (Marks::default(), Ended::default(), Told::default(), BTreeMap::new());
        Self { sql, now, marks, ended, told, removed, short, waiting: Change::default(), is_relied_on: false }
    }

    /// Counts rows that were removed.
    pub(super) fn removed(&mut self, what: &'static str, rows: u64) {
        self.told.amount += rows;
        *self.removed.entry(what).or_default() += rows;
    }
}

/// What a transaction makes ready.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Events wait for their rules.
    pub(super) events: bool,
    /// Rules with batches that were opened, closed or put off.
    pub(super) batches: HashSet<Lane>,
    /// Rules with pending runs.
    pub(super) runs: HashSet<Lane>,
    /// Rules with held runs.
    pub(super) held: HashSet<Lane>,
    /// Destinations with waiting deliveries.
    pub(super) deliveries: HashSet<Lane>,
}

impl Marks {
    /// Wakes those whom it concerns.
    pub(super) fn tell(self, feed: &Feed) {
        if self.events {
            feed.events.notify_one();
            feed.appended.notify_waiters();
        }
        if !self.batches.is_empty() {
            feed.batches.mark(self.batches);
        }
        if !self.runs.is_empty() {
            feed.runs.mark(self.runs);
        }
        if !self.held.is_empty() {
            feed.held.mark(self.held);
        }
        if !self.deliveries.is_empty() {
            feed.deliveries.mark(self.deliveries);
        }
    }
}
