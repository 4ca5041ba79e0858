//! What is handed out. Only one process has the folder, so leases live in memory: after a restart nothing is handed out, and all
//! that is not settled is due again.
//!
//! Every claim asks for work while it holds the lock, and from a view of the store that begins after the lock was taken; a lease
//! ends after the commit that settled its work. So a claim that no longer finds a lease finds the settled row, and nothing is
//! handed out twice while somebody has it. A commit that failed ends no lease: who asked for it still holds the work and asks again.
//! Only who is lost gives way, when the lease is over.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rusqlite::{Connection, Row, ToSql};

use super::error::StoreError;
use crate::{
    event::{Name, Timestamp},
    journal::{Claim, Feed, Lane},
};

/// A run: its event's place in the journal, the generation, and the rule.
pub(super) type RunKey = (u64, u32, Name);

/// Everything that is handed out.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// By place in the journal.
    pub(super) events: Leases<u64>,
    /// Runs.
    pub(super) runs: Leases<RunKey>,
    /// By place in the journal.
    pub(super) batches: Leases<u64>,
    /// By place in the journal.
    pub(super) deliveries: Leases<u64>,
}

impl Held {
    /// It is committed: what was ended may be handed out again, where it is due.
    pub(super) fn end(&self, ended: Ended) {
        self.events.end(ended.events);
        self.runs.end(ended.runs);
        self.batches.end(ended.batches);
        self.deliveries.end(ended.deliveries);
    }

    /// Forgets the leases that are over, and tells the flows.
    pub(super) fn lapse(&self, now: Timestamp, feed: &Feed) {
        if !self.events.lapse(now).is_empty() {
            feed.events.notify_one();
        }
        feed.batches.mark(self.batches.lapse(now).into_iter().flatten());
        feed.runs.mark(self.runs.lapse(now).into_iter().flatten());
        feed.deliveries.mark(self.deliveries.lapse(now).into_iter().flatten());
    }
}

/// What a transaction ended or put off, by the keys of its leases. An end that came too late is not among it: its lease was over, and
/// what is handed out now is another's.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// Routed events.
    pub(super) events: Vec<u64>,
    /// Runs.
    pub(super) runs: Vec<RunKey>,
    /// Batches.
    pub(super) batches: Vec<u64>,
    /// Deliveries.
    pub(super) deliveries: Vec<u64>,
}

/// What is handed out of one kind of work. Bounded by what the flows hold in memory.
#[derive(Debug)]
pub(super) struct Leases<K>(Mutex<HashMap<K, Lease>>);

#[derive(Debug)]
struct Lease {
    /// Who asks for it again; events have no lane.
    lane: Option<Lane>,
    until: Timestamp,
}

impl<K> Default for Leases<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// What is claimed, and for how long.
pub(super) struct Terms {
    /// Whose work, where work of this kind has lanes.
    pub(super) lane: Option<Lane>,
    /// What is due by then.
    pub(super) now: Timestamp,
    /// Until then.
    pub(super) until: Timestamp,
    /// At most this many.
    pub(super) max: usize,
    /// No more after their bodies together exceed this.
    pub(super) bytes_max: u64,
}

/// A piece of work by what it takes in memory, of which bodies are all that counts.
pub(super) trait Bodies {
    /// All of its bodies together.
    fn body_bytes(&self) -> u64;
}

/// The waiting work of a lane: a statement that gives it in the order in which it is due.
pub(super) struct Waiting<'q, K> {
    /// The statement.
    pub(super) sql: &'q str,
    /// Its parameters.
    pub(super) params: &'q [&'q dyn ToSql],
    /// What a row stands for, and when it is due.
    pub(super) key: &'q dyn Fn(&Row<'_>) -> rusqlite::Result<(K, Timestamp)>,
}

impl<K: Clone + Eq + Hash> Leases<K> {
    /// Hands out what is due and not handed out: its keys are chosen under the lock, the rest is read after it, and what then is too
    /// much is given back.
    pub(super) fn claim<T: Bodies>(
        &self,
        connection: &Connection,
        terms: &Terms,
        waiting: &Waiting<'_, K>,
        mut read: impl FnMut(&Connection, &K) -> Result<T, StoreError>,
    ) -> Result<Claim<T>, StoreError> {
        let mut leases = self.lock();
        let view = connection.unchecked_transaction()?;
        let (keys, next_due) = choose(&view, &leases, terms, waiting)?;
        for (key, _) in &keys {
            leases.insert(key.clone(), Lease { lane: terms.lane.clone(), until: terms.until });
        }
        drop(leases);
        let items = read_some(&keys, terms.bytes_max, |key| read(&view, key));
        let kept = items.as_ref().map_or(0, Vec::len);
        let left = keys.get(kept).map(|(_, due_at)| *due_at);
        self.end(keys.into_iter().skip(kept).map(|(key, _)| key));
        Ok(Claim { items: items?, next_due: left.or(next_due) })
    }

    fn end(&self, keys: impl IntoIterator<Item = K>) {
        let mut leases = self.lock();
        for key in keys {
            leases.remove(&key);
        }
    }

    fn lapse(&self, now: Timestamp) -> Vec<Option<Lane>> {
        let mut leases = self.lock();
        leases.extract_if(|_, lease| lease.until <= now).map(|(_, lease)| lease.lane).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A key, and when its work is due.
type Due<K> = (K, Timestamp);

/// The keys to hand out and when each was due, and when the first of those left is due. Reads as far as it must: past what is handed out, and one more.
fn choose<K: Eq + Hash>(
    view: &Connection,
    leases: &HashMap<K, Lease>,
    terms: &Terms,
    waiting: &Waiting<'_, K>,
) -> Result<(Vec<Due<K>>, Option<Timestamp>), StoreError> {
    let mut statement = view.prepare_cached(waiting.sql)?;
    let mut rows = statement.query(waiting.params)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, due_at) = (waiting.key)(row)?;
        if leases.get(&key).is_some_and(|lease| lease.until > terms.now) {
            continue;
        }
        if due_at > terms.now || keys.len() == terms.max {
            return Ok((keys, Some(due_at)));
        }
        keys.push((key, due_at));
    }
    Ok((keys, None))
}

/// Reads the first one, and more until their bodies exceed `bytes_max`.
fn read_some<K, T: Bodies>(
    keys: &[Due<K>],
    bytes_max: u64,
    mut read: impl FnMut(&K) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let (mut items, mut bytes) = (Vec::new(), 0_u64);
    for (key, _) in keys {
        if bytes > bytes_max {
            break;
        }
        let item = read(key)?;
        bytes = bytes.saturating_add(item.body_bytes());
        items.push(item);
    }
    Ok(items)
}
