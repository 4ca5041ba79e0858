//! The paces of all destinations, in memory; what has to outlive a restart is told to the journal before anything else comes of it.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;

use super::{
    Heard, Leave, Pace, Pause, Why,
    metrics::{Look, Metrics},
};
use crate::{
    deliver::{Book, Destination},
    event::{Clock, Timestamp},
    journal::{Disabled, Journal, JournalError, Lane, LaneFacts, Opened, Pending, Places},
};

/// Enough to clear away what a deleted destination left behind.
const DELETED_CONCURRENCY: usize = 16;

/// The paces of all destinations.
pub struct Paces {
    journal: Arc<dyn Journal>,
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
    clock: Clock,
    metrics: Metrics,
    /// Of destinations that are in the book, and of those deleted since their last delivery.
    lanes: Mutex<HashMap<Lane, Pace>>,
    /// Found switched off since the last apply.
    off: Mutex<HashSet<Lane>>,
}

/// How a destination does at present.
#[derive(Clone, Debug)]
pub struct LaneStatus {
    /// It answered 410, and waits for somebody to enable it.
    pub disabled: Option<Disabled>,
    /// It asked for nothing before then.
    pub held_until: Option<Timestamp>,
    /// Its breaker, where that is open.
    pub opened: Option<Opened>,
    /// The breaker's probe is under way.
    pub probing: bool,
    /// Failures in a row, while the breaker is closed.
    pub failures: u32,
    /// How many deliveries it gets at once.
    pub concurrency: usize,
}

impl Paces {
    /// The paces as they were when the host stopped.
    ///
    /// # Errors
    ///
    /// Where the journal does not tell.
    pub async fn open(
        journal: Arc<dyn Journal>,
        book: Arc<dyn DynAccess<Book> + Send + Sync>,
        clock: Clock,
        registry: &mut Registry,
    ) -> Result<Arc<Self>, JournalError> {
        let facts = journal.lane_facts().await?;
        let paces =
            Self { journal, book, clock, metrics: Metrics::register(registry), lanes: Mutex::default(), off: Mutex::default() };
        for (lane, facts) in facts {
            let pace = Pace::resume(facts);
            paces.metrics.changed(&lane, Look::default(), Look::of(&pace));
            paces.lock().insert(lane.clone(), pace);
            if paces.destination(&lane).is_none() {
                paces.forget(&lane);
            }
        }
        Ok(Arc::new(paces))
    }

    /// How a destination does; `None` where there is none of this name.
    #[must_use]
    pub fn status(&self, lane: &Lane) -> Option<LaneStatus> {
        let policy = self.destination(lane)?.policy();
        let mut lanes = self.lock();
        let pace = lanes.entry(lane.clone()).or_default();
        let LaneFacts { disabled, opened, held_until } = pace.facts();
        Some(LaneStatus {
            disabled,
            held_until: held_until.filter(|until| *until > (self.clock)()),
            opened: opened.filter(|_| policy.breaker.is_some()),
            probing: pace.breaker.is_probing(),
            failures: pace.breaker.failures(),
            concurrency: pace.limit(&policy),
        })
    }

    /// Lets a destination go on that was disabled, whose breaker is open, or that asked to be left alone; `None` where there is none of this
    /// name.
    ///
    /// # Errors
    ///
    /// Where the journal does not store it: then it holds until the next restart.
    pub async fn enable(&self, lane: &Lane) -> Result<Option<LaneStatus>, JournalError> {
        if self.destination(lane).is_none() {
            return Ok(None);
        }
        self.change(lane, Pace::enable);
        self.keep(lane).await?;
        tracing::info!(destination = %lane.name, "a destination was enabled");
        self.journal.feed().deliveries.mark([lane.clone()]);
        Ok(self.status(lane))
    }

    /// To be called after each apply. Destinations that were switched off are looked at again at once. Those that are there no more are
    /// forgotten, since one for which nothing waits is asked for by nobody: another of the same name begins anew.
    pub fn applied(&self) {
        let book = self.book.load();
        let deleted: Vec<Lane> = self.lock().keys().filter(|lane| !book.destinations.contains_key(lane)).cloned().collect();
        deleted.iter().for_each(|lane| self.forget(lane));
        let off = std::mem::take(&mut *self.off());
        self.journal.feed().deliveries.mark(off);
    }

    /// The lane waits for an apply that switches it on.
    pub(in crate::deliver) fn note_off(&self, lane: &Lane) {
        self.off().insert(lane.clone());
    }

    /// How many deliveries the lane may have under way.
    pub(in crate::deliver) fn places(&self, lane: &Lane) -> Places {
        let Some(destination) = self.destination(lane) else {
            self.forget(lane);
            return Places::UpTo(DELETED_CONCURRENCY);
        };
        let places = self.lock().entry(lane.clone()).or_default().places(&destination.policy(), (self.clock)());
        match places {
            Ok(places) => Places::UpTo(places),
            Err(Pause { why, ms }) => {
                match why {
                    Why::Rate => self.metrics.rate_limited(lane),
                    Why::Disabled => self.note_off(lane),
                    _ => {}
                }
                Places::NotFor { ms: ms.max(1) }
            }
        }
    }

    /// Up to `max` deliveries are being claimed.
    pub(in crate::deliver) fn claim(&self, lane: &Lane, max: usize) {
        if let Some(pace) = self.lock().get_mut(lane) {
            pace.claim(max, (self.clock)());
        }
    }

    /// So many were there.
    pub(in crate::deliver) fn claimed(&self, lane: &Lane, got: usize, max: usize) {
        if let Some(pace) = self.lock().get_mut(lane) {
            pace.claimed(got, max);
        }
    }

    /// Leave for an attempt of what was claimed.
    pub(in crate::deliver) fn begin(&self, lane: &Lane, destination: &Destination) -> Result<Leave, Pause> {
        self.lock().entry(lane.clone()).or_default().begin(&destination.policy(), (self.clock)())
    }

    /// An attempt has ended; true where that has to be [kept](Self::keep).
    pub(in crate::deliver) fn end(&self, lane: &Lane, destination: &Destination, leave: Leave, heard: Heard) -> bool {
        let (policy, now) = (destination.policy(), (self.clock)());
        let (before, after) = self.change(lane, |pace| {
            if pace.end(leave, heard, &policy, now) {
                self.metrics.throttled(lane);
            }
        });
        tell(lane, &before, &after);
        if before.opened.is_some() {
            // It waited for its probe.
            self.journal.feed().deliveries.mark([lane.clone()]);
        }
        before != after
    }

    /// Has the journal keep what outlives a restart. It is sent off while the paces are locked, so that what was true last is stored last.
    pub(in crate::deliver) fn keep(&self, lane: &Lane) -> Pending<()> {
        let lanes = self.lock();
        let facts = lanes.get(lane).map(Pace::facts).unwrap_or_default();
        self.journal.keep_lane_facts(lane.clone(), facts)
    }

    /// Gives the facts before and after.
    fn change(&self, lane: &Lane, change: impl FnOnce(&mut Pace)) -> (LaneFacts, LaneFacts) {
        let mut lanes = self.lock();
        let pace = lanes.entry(lane.clone()).or_default();
        let (look, facts) = (Look::of(pace), pace.facts());
        change(pace);
        self.metrics.changed(lane, look, Look::of(pace));
        (facts, pace.facts())
    }

    /// The destination was deleted: another of its name begins anew.
    fn forget(&self, lane: &Lane) {
        let mut lanes = self.lock();
        let Some(pace) = lanes.remove(lane) else { return };
        self.metrics.changed(lane, Look::of(&pace), Look::default());
        if !pace.facts().is_empty() {
            // Where this is not stored, the next start does it.
            drop(self.journal.keep_lane_facts(lane.clone(), LaneFacts::default()));
        }
    }

    fn off(&self) -> MutexGuard<'_, HashSet<Lane>> {
        self.off.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn destination(&self, lane: &Lane) -> Option<Arc<Destination>> {
        self.book.load().destinations.get(lane).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Lane, Pace>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the log what operators should know.
fn tell(lane: &Lane, before: &LaneFacts, after: &LaneFacts) {
    let destination = &lane.name;
    if let (None, Some(disabled)) = (&before.disabled, &after.disabled) {
        tracing::warn!(%destination, reason = disabled.failure.message, "a destination is disabled; its deliveries wait");
    }
    match (before.opened, after.opened) {
        (None, Some(_)) => {
            tracing::warn!(%destination, "a destination fails too often: its breaker is open, its deliveries wait")
        }
        (Some(_), None) => tracing::info!(%destination, "a destination is well again: its breaker is closed"),
        _ => {}
    }
}
