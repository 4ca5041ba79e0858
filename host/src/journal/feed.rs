//! The feed: what committed work is ready, told without saying what it is. A flow drains what is marked and then claims; since a mark is
//! set after the commit and taken before the claim, none is missed. Its size is bounded by the number of lanes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, futures::Notified};

use crate::event::Name;

/// Where work queues up: the runs or the batches of one rule, or the deliveries of one destination.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane {
    /// Whose.
    pub workspace: Name,
    /// The rule's or the destination's name.
    pub name: Name,
}

/// What has become ready since it was last asked for.
#[derive(Debug, Default)]
pub struct Feed {
    /// Events were appended.
    pub events: Notify,
    /// The same for those who follow the journal: all who wait by then are woken, and nobody is kept in mind.
    pub appended: Notify,
    /// Rules with new or rescheduled pending runs.
    pub runs: Lanes,
    /// Rules with held runs.
    pub held: Lanes,
    /// Rules with batches that were opened, closed or put off.
    pub batches: Lanes,
    /// Destinations with new or rescheduled deliveries.
    pub deliveries: Lanes,
}

/// Lanes with new work.
#[derive(Debug, Default)]
pub struct Lanes {
    marked: Mutex<HashSet<Lane>>,
    changed: Notify,
    /// Who waits for one lane alone, beside the one who takes them all. An entry goes with the last who waits.
    watched: Mutex<HashMap<Lane, Watched>>,
}

#[derive(Debug, Default)]
struct Watched {
    watches: usize,
    marked: Arc<Notify>,
}

/// Somebody who waits for the marks of one lane.
#[derive(Debug)]
pub struct Watch<'l> {
    lanes: &'l Lanes,
    lane: Lane,
    marked: Arc<Notify>,
}

impl Lanes {
    /// Marks lanes and wakes who waits. Called after the commit.
    pub fn mark(&self, lanes: impl IntoIterator<Item = Lane>) {
        let lanes: Vec<Lane> = lanes.into_iter().collect();
        lanes.iter().for_each(|lane| self.wake(lane));
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.extend(lanes);
        if !marked.is_empty() {
            self.changed.notify_one();
        }
    }

    /// Waits until a lane is marked, and takes all that are. One caller at a time; cancelling it loses nothing.
    pub async fn take(&self) -> HashSet<Lane> {
        loop {
            let taken = std::mem::take(&mut *self.marked.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            self.changed.notified().await;
        }
    }

    /// Waits for the marks of one lane, and takes none from who takes them all.
    pub fn watch(&self, lane: &Lane) -> Watch<'_> {
        let mut watched = self.watched();
        let entry = watched.entry(lane.clone()).or_default();
        entry.watches += 1;
        Watch { lanes: self, lane: lane.clone(), marked: Arc::clone(&entry.marked) }
    }

    /// Wakes who watches this lane, and nobody else.
    pub fn wake(&self, lane: &Lane) {
        if let Some(entry) = self.watched().get(lane) {
            entry.marked.notify_waiters();
        }
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Lane, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch<'_> {
    /// Ready at the first mark after this call, whether or not it was polled by then.
    pub fn marked(&self) -> Notified<'_> {
        self.marked.notified()
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut watched = self.lanes.watched();
        let Some(entry) = watched.get_mut(&self.lane) else { return };
        entry.watches -= 1;
        if entry.watches == 0 {
            watched.remove(&self.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn lane(name: &str) -> Lane {
        Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
    }

    fn is_ready(marked: Notified<'_>) -> bool {
        matches!(pin!(marked).poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
    }

    #[test]
    fn who_watches_a_lane_hears_of_it_alone() {
        let lanes = Lanes::default();
        let (one, two) = (lanes.watch(&lane("a")), lanes.watch(&lane("a")));
        let marked = [one.marked(), two.marked()];
        lanes.mark([lane("b")]);
        assert!(!is_ready(one.marked()));
        lanes.mark([lane("a")]);
        assert!(marked.into_iter().all(is_ready), "all that watch it");
        assert!(!is_ready(one.marked()), "only marks that come after");
        drop(one);
        let marked = two.marked();
        lanes.wake(&lane("a"));
        assert!(is_ready(marked));
        drop(two);
        assert!(lanes.watched().is_empty(), "nothing is kept for who went away");
        let taken = pin!(lanes.take()).poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(taken, Poll::Ready(taken) if taken.len() == 2), "they are still there for who takes them");
    }
}
