//! The events that were appended last, in memory: most are routed and delivered within milliseconds, and need not be read back for that.
//! What is appended never changes. What may (whether it is routed, and by which rules) is not here: where an event is taken up again all are
//! forgotten, so that one that is here was never.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::event::Event;

/// So many are kept at most.
const EVENTS_MAX: usize = 2_048;
/// Of their bodies no more than this together.
const BYTES_MAX: usize = 16 << 20;

/// By place in the journal.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    events: HashMap<u64, Arc<Event>>,
    /// In the order of the journal.
    order: VecDeque<u64>,
    bytes: usize,
}

impl Recent {
    /// What was appended at these places, and is committed.
    pub(super) fn put(&self, appended: impl IntoIterator<Item = (u64, Event)>) {
        let mut kept = self.lock();
        for (seq, event) in appended {
            kept.bytes += event.body.len();
            kept.events.insert(seq, Arc::new(event));
            kept.order.push_back(seq);
        }
        while kept.order.len() > EVENTS_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.order.pop_front() else { return };
            if let Some(event) = kept.events.remove(&oldest) {
                kept.bytes -= event.body.len();
            }
        }
    }

    /// The event, if it is here: it was not taken up again since it was appended.
    pub(super) fn get(&self, seq: u64) -> Option<Arc<Event>> {
        self.lock().events.get(&seq).cloned()
    }

    /// Forgets all. To be called before something is committed that takes events up again.
    pub(super) fn clear(&self) {
        *self.lock() = Kept::default();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(recent: &Recent, places: std::ops::Range<u64>) -> usize {
        places.filter(|seq| recent.get(*seq).is_some()).count()
    }

    #[test]
    fn the_oldest_give_way() {
        let recent = Recent::default();
        let events = EVENTS_MAX as u64 + 10;
        recent.put((0..events).map(|seq| (seq, Event::bare("t", "x"))));
        assert_eq!(kept(&recent, 0..events), EVENTS_MAX);
        assert_eq!(kept(&recent, 0..10), 0);
        let large = Event { body: vec![0; BYTES_MAX].into(), ..Event::bare("t", "") };
        recent.put([(events, large)]);
        assert_eq!((kept(&recent, 0..events), kept(&recent, events..events + 1)), (0, 1));
        recent.put([(events + 1, Event::bare("t", "x"))]);
        assert_eq!(kept(&recent, events..events + 2), 1, "the newest alone");
        recent.clear();
        assert_eq!((kept(&recent, 0..events + 2), recent.lock().bytes), (0, 0));
    }
}
