//! Whose turn it is on the workers. Pure: no thread, no clock; `workers` tells it what happens and does what it says.
//!
//! What waits is in a queue of its lane, and the lanes are served one piece each in turn. A lane that has all the workers it may
//! have at once waits until one of them is done. A lane without work, waiting or under way, is forgotten.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// Work of many lanes.
#[derive(Debug)]
pub(super) struct Turns<L, W> {
    lanes: HashMap<L, State<W>>,
    /// Exactly the lanes that have something waiting and may have one more worker, each once.
    line: VecDeque<L>,
    /// Workers that one lane may have.
    at_once_max: usize,
}

#[derive(Debug)]
struct State<W> {
    waiting: VecDeque<W>,
    /// Workers that it has.
    under_way: usize,
}

impl<L: Clone + Eq + Hash, W> Turns<L, W> {
    /// For so many workers: where there are several, no lane has them all.
    pub(super) fn new(workers: usize) -> Self {
        Self { lanes: HashMap::new(), line: VecDeque::new(), at_once_max: workers.saturating_sub(1).max(1) }
    }

    /// Something more to do, after what waits in its lane.
    pub(super) fn push(&mut self, lane: L, work: W) {
        let state = self.lanes.entry(lane.clone()).or_insert_with(|| State { waiting: VecDeque::new(), under_way: 0 });
        state.waiting.push_back(work);
        if state.waiting.len() == 1 && state.under_way < self.at_once_max {
            self.line.push_back(lane);
        }
    }

    /// What is to be done next; whoever takes it says when it is [`done`](Self::done).
    pub(super) fn take(&mut self) -> Option<(L, W)> {
        let lane = self.line.pop_front()?;
        let state = self.lanes.get_mut(&lane)?;
        let work = state.waiting.pop_front()?;
        state.under_way += 1;
        if !state.waiting.is_empty() && state.under_way < self.at_once_max {
            self.line.push_back(lane.clone());
        }
        Some((lane, work))
    }

    /// A worker is done with a piece of the lane's.
    pub(super) fn done(&mut self, lane: &L) {
        let Some(state) = self.lanes.get_mut(lane) else { return };
        let was_full = state.under_way >= self.at_once_max;
        state.under_way = state.under_way.saturating_sub(1);
        if !state.waiting.is_empty() {
            if was_full {
                self.line.push_back(lane.clone());
            }
        } else if state.under_way == 0 {
            self.lanes.remove(lane);
        }
    }

    /// Whether nothing waits, not even for a worker of its own lane.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.values().all(|state| state.waiting.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many pieces of `lane`.
    fn push(turns: &mut Turns<char, u32>, lane: char, count: u32) {
        (0..count).for_each(|work| turns.push(lane, work));
    }

    /// What one worker does, in order, when each piece is done before the next is taken.
    fn worked_off(turns: &mut Turns<char, u32>) -> String {
        std::iter::from_fn(|| turns.take().inspect(|(lane, _)| turns.done(lane)).map(|(lane, _)| lane)).collect()
    }

    #[test]
    fn lanes_take_turns_whatever_waits_in_them() {
        let mut turns = Turns::new(1);
        push(&mut turns, 'a', 5);
        push(&mut turns, 'b', 2);
        push(&mut turns, 'c', 1);
        assert_eq!(worked_off(&mut turns), "abcabaaa");
    }

    #[test]
    fn a_lane_keeps_its_own_order() {
        let mut turns = Turns::new(3);
        push(&mut turns, 'a', 3);
        assert_eq!((turns.take(), turns.take(), turns.take()), (Some(('a', 0)), Some(('a', 1)), None));
        turns.done(&'a');
        assert_eq!(turns.take(), Some(('a', 2)));
    }

    #[test]
    fn of_several_workers_one_is_always_left_for_the_other_lanes() {
        for workers in 2..5 {
            let mut turns = Turns::new(workers);
            push(&mut turns, 'a', 64);
            let taken = std::iter::from_fn(|| turns.take()).count();
            assert_eq!(taken, workers - 1);
            push(&mut turns, 'b', 1);
            assert_eq!(turns.take(), Some(('b', 0)));
        }
    }

    #[test]
    fn a_full_lane_goes_on_when_one_of_its_workers_is_done() {
        let mut turns = Turns::new(2);
        push(&mut turns, 'a', 1);
        assert_eq!(turns.take(), Some(('a', 0)));
        push(&mut turns, 'a', 2);
        assert_eq!(turns.take(), None);
        assert!(!turns.is_empty(), "what waits for its own lane waits all the same");
        turns.done(&'a');
        assert_eq!((turns.take(), turns.take()), (Some(('a', 0)), None));
    }

    #[test]
    fn a_lane_without_work_is_forgotten() {
        let mut turns = Turns::new(2);
        push(&mut turns, 'a', 3);
        push(&mut turns, 'b', 1);
        assert_eq!(worked_off(&mut turns), "abaa");
        assert!(turns.is_empty() && turns.lanes.is_empty() && turns.line.is_empty(), "{turns:?}");
    }
}
