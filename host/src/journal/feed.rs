//! The feed: what committed work is ready, told without saying what it is. A flow drains what is marked and then claims; since a mark is
//! set after the commit and taken before the claim, none is missed. Its size is bounded by the number of lanes.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use tokio::sync::Notify;

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
}

impl Lanes {
    /// Marks lanes and wakes who waits. Called after the commit.
    pub fn mark(&self, lanes: impl IntoIterator<Item = Lane>) {
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
}
