//! The versions that wait to be compiled, in the order of their coming, and whether somebody sees to them.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::Place;
use crate::event::Digest;

/// What waits; one task at a time works it off.
#[derive(Debug, Default)]
pub(in crate::hub) struct Queue(Mutex<Line>);

#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<(Place, Digest)>,
    /// A task takes what waits, until nothing does.
    is_served: bool,
}

impl Queue {
    /// Puts a version behind those that wait, where it is not among them yet. True: nobody works, the caller has to.
    pub(super) fn push(&self, place: Place, digest: Digest) -> bool {
        let (mut line, version) = (self.lock(), (place, digest));
        if !line.waiting.contains(&version) {
            line.waiting.push_back(version);
        }
        !std::mem::replace(&mut line.is_served, true)
    }

    /// The next one; `None`: whoever asked is done, and the next push needs somebody new.
    pub(super) fn next(&self) -> Option<(Place, Digest)> {
        let mut line = self.lock();
        let next = line.waiting.pop_front();
        line.is_served = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_in_their_order_once_each_and_one_task_takes_them() {
        let name = |text: &str| text.parse().expect("a name");
        let version = |text: &str| ((name("default"), name("p")), Digest::of(text.as_bytes()));
        let queue = Queue::default();
        let push = |text: &str| {
            let (place, digest) = version(text);
            queue.push(place, digest)
        };
        assert_eq!(["a", "b", "a"].map(push), [true, false, false]);
        assert_eq!([queue.next(), queue.next()], [Some(version("a")), Some(version("b"))]);
        assert!(!push("b"), "one that is being compiled may come again, and its task goes on with it");
        assert_eq!([queue.next(), queue.next()], [Some(version("b")), None]);
        assert!(push("a"), "that task is over");
    }
}
