//! What waits, for the metrics: how many deliveries wait for each destination, since when the oldest is due, and how old the oldest events are.
//!
//! The numbers are kept, a row a lane in which anything waits, in the transactions that change them: so they are right after every crash, and
//! asking for them costs the same with ten million waiting deliveries as with ten. What every delivery comes by, to be planned and to be settled,
//! is summed up and changes the row once a transaction; what is rare is counted by triggers. When the oldest of a lane is due is one step into an index.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, gauge::ConstGauge},
    registry::{Registry, Unit},
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    wire::{Columns, Whole},
};
use crate::{event::Timestamp, journal::Lane};

/// Lanes with time series of their own: those with the most waiting. The others are in the sums.
const LANES_MAX: u64 = 1_000;
/// What was measured is told for so long.
const FRESH_MS: u64 = 5_000;

/// How many deliveries of each lane wait. A delivery waits in state 0 (`DeliveryState::Waiting`), and never changes its lane.
pub(super) const COUNTED: &str = "
CREATE TABLE IF NOT EXISTS lane_depths (
    workspace TEXT NOT NULL,
    destination TEXT NOT NULL,
    waiting INTEGER NOT NULL,
    PRIMARY KEY (workspace, destination)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS lane_depths_revived AFTER UPDATE OF state ON deliveries WHEN new.state = 0 AND old.state <> 0 BEGIN
    INSERT INTO lane_depths VALUES (new.workspace, new.destination, 1)
        ON CONFLICT (workspace, destination) DO UPDATE SET waiting = waiting + 1;
END;
CREATE TRIGGER IF NOT EXISTS lane_depths_removed AFTER DELETE ON deliveries WHEN old.state = 0 BEGIN
    INSERT INTO lane_depths VALUES (old.workspace, old.destination, -1)
        ON CONFLICT (workspace, destination) DO UPDATE SET waiting = waiting - 1;
    DELETE FROM lane_depths WHERE workspace = old.workspace AND destination = old.destination AND waiting = 0;
END;
";

/// How many more deliveries of each lane wait since a transaction began.
#[derive(Debug, Default)]
pub(super) struct Change(HashMap<Lane, i64>);

impl Change {
    /// One more waits.
    pub(super) fn planned(&mut self, lane: &Lane) {
        self.add(lane, 1);
    }

    /// One that waited does not any more.
    pub(super) fn settled(&mut self, lane: &Lane) {
        self.add(lane, -1);
    }

    fn add(&mut self, lane: &Lane, more: i64) {
        match self.0.get_mut(lane) {
            Some(sum) => *sum += more,
            None => drop(self.0.insert(lane.clone(), more)),
        }
    }

    /// Stores it with what it counted.
    pub(super) fn store(self, sql: &Connection) -> Result<(), StoreError> {
        for (lane, more) in self.0.into_iter().filter(|(_, more)| *more != 0) {
            let add = "INSERT INTO lane_depths VALUES (?1, ?2, ?3) \
                       ON CONFLICT (workspace, destination) DO UPDATE SET waiting = waiting + ?3 RETURNING waiting";
            let waiting: i64 = sql.prepare_cached(add)?.query_row(params![lane.workspace, lane.name, more], |row| row.get(0))?;
            if waiting == 0 {
                let none = "DELETE FROM lane_depths WHERE workspace = ?1 AND destination = ?2";
                sql.prepare_cached(none)?.execute(params![lane.workspace, lane.name])?;
            }
        }
        Ok(())
    }
}

/// What was measured last.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog(Arc<Mutex<Measured>>);

#[derive(Debug, Default)]
struct Measured {
    at: Timestamp,
    lanes: Vec<Depth>,
    /// Of all lanes, those without time series too.
    waiting: u64,
    oldest_event: Option<Timestamp>,
    oldest_unrouted: Option<Timestamp>,
}

/// One lane's.
#[derive(Debug, PartialEq)]
pub(super) struct Depth {
    pub(super) lane: Lane,
    pub(super) waiting: u64,
    /// When the first of those that may be sent is, or was, due.
    pub(super) due_at: Option<Timestamp>,
}

impl Backlog {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let backlog = Self::default();
        registry.register_collector(Box::new(backlog.clone()));
        backlog
    }

    /// Whether what is known is too old to be told at `now`.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        let at = self.lock().at;
        at == Timestamp(0) || now < at || now.ms_since(at) >= FRESH_MS
    }

    /// Measures.
    pub(super) fn measure(&self, view: &Connection, now: Timestamp) -> Result<(), StoreError> {
        let lanes = depths(view)?;
        let waiting = view
            .prepare_cached("SELECT coalesce(sum(waiting), 0) FROM lane_depths")?
            .query_row([], |row| Columns::of(row).whole())?;
        let oldest =
            |sql: &str| -> Result<_, StoreError> { Ok(view.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?) };
        let oldest_event = oldest("SELECT received_at FROM events ORDER BY seq LIMIT 1")?;
        let oldest_unrouted = oldest("SELECT received_at FROM events WHERE routed = 0 ORDER BY seq LIMIT 1")?;
        *self.lock() = Measured { at: now, lanes, waiting, oldest_event, oldest_unrouted };
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The lanes in which anything waits, the longest first.
pub(super) fn depths(view: &Connection) -> Result<Vec<Depth>, StoreError> {
    let sql = "SELECT workspace, destination, waiting FROM lane_depths WHERE waiting > 0 ORDER BY waiting DESC LIMIT ?1";
    let mut statement = view.prepare_cached(sql)?;
    let lanes = statement.query_map([Whole(LANES_MAX)], |row| {
        let mut columns = Columns::of(row);
        Ok((Lane { workspace: columns.take()?, name: columns.take()? }, columns.whole()?))
    })?;
    let due = "SELECT due_at FROM deliveries INDEXED BY deliveries_waiting \
               WHERE workspace = ?1 AND destination = ?2 AND state = 0 AND blocked = 0 ORDER BY due_at LIMIT 1";
    let mut due = view.prepare_cached(due)?;
    let depth = |(lane, waiting): (Lane, u64)| {
        let due_at = due.query_row(params![lane.workspace, lane.name], |row| row.get(0)).optional()?;
        Ok(Depth { lane, waiting, due_at })
    };
    lanes.map(|lane| lane.map_err(StoreError::from)).collect::<Result<Vec<_>, _>>()?.into_iter().map(depth).collect()
}

impl Collector for Backlog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let measured = self.lock();
        let age = |since: Option<Timestamp>| since.map_or(0, |since| measured.at.ms_since(since));
        let what = "Deliveries that wait for a destination, those under way and put off included";
        let mut depths = encoder.encode_descriptor("sluicebox_queue_depth", what, None, MetricType::Gauge)?;
        for Depth { lane, waiting, .. } in &measured.lanes {
            ConstGauge::new(whole(*waiting)).encode(depths.encode_family(&labels(lane))?)?;
        }
        let (what, unit) = ("How long the oldest delivery that waits for a destination has been due", Some(&Unit::Seconds));
        let mut ages = encoder.encode_descriptor("sluicebox_queue_age", what, unit, MetricType::Gauge)?;
        for Depth { lane, due_at, .. } in &measured.lanes {
            ConstGauge::new(seconds(age(*due_at))).encode(ages.encode_family(&labels(lane))?)?;
        }
        let what = "Deliveries that wait, of all destinations";
        let all = encoder.encode_descriptor("sluicebox_journal_deliveries_waiting", what, None, MetricType::Gauge)?;
        ConstGauge::new(whole(measured.waiting)).encode(all)?;
        for (name, what, since) in [
            ("sluicebox_journal_oldest_event_age", "Since when the oldest event is kept", measured.oldest_event),
            ("sluicebox_journal_unrouted_age", "Since when the oldest event waits for its rules", measured.oldest_unrouted),
        ] {
            let gauge = encoder.encode_descriptor(name, what, unit, MetricType::Gauge)?;
            ConstGauge::new(seconds(age(since))).encode(gauge)?;
        }
        Ok(())
    }
}

fn labels(lane: &Lane) -> [(&'static str, &str); 2] {
    [("workspace", lane.workspace.as_str()), ("destination", lane.name.as_str())]
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "in milliseconds, 2^53 are longer than anything is kept")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
