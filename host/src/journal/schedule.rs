//! Whose turn it is. Pure: no clock, no I/O; `pump` tells it what happens and does what it says.
//!
//! A lane that has work waits in one line with the others, and at its turn takes free places: no more than the lane may hold,
//! than half of all places, and than [`TURN_PLACES_MAX`], after which it goes to the end of the line. It is asked for work (claimed) with
//! the places already taken, so that what is claimed starts at once and its lease is not spent waiting. A lane that nothing is known of
//! costs nothing: it is forgotten as soon as it has neither work under way nor an alarm.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::Lane;
use crate::event::Timestamp;

/// Places that one turn may take.
const TURN_PLACES_MAX: usize = 16;

/// All lanes that have, or soon will have, something to do.
#[derive(Debug)]
pub(super) struct Schedule {
    lanes: HashMap<Lane, State>,
    /// Exactly the lanes whose phase is [`Phase::InLine`].
    line: VecDeque<Lane>,
    /// Exactly the alarms that are in `lanes`, earliest first.
    alarms: BTreeSet<(Timestamp, Lane)>,
    /// The sum of the lanes' places.
    taken: usize,
    places_max: usize,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    /// Taken by pieces under way, and by the claim under way.
    taken: usize,
    /// When it has to be looked at even if nobody marks it.
    alarm: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Nothing to claim, as far as is known.
    #[default]
    Idle,
    /// Waits for its turn.
    InLine,
    /// Being claimed; `marked` since then, so that the claim may have missed something.
    Claiming { marked: bool },
    /// Has work and no free place; goes on when one of its own becomes free.
    Full,
}

impl Schedule {
    pub(super) fn new(places_max: usize) -> Self {
        Self { lanes: HashMap::new(), line: VecDeque::new(), alarms: BTreeSet::new(), taken: 0, places_max: places_max.max(1) }
    }

    /// The lane has, or may have, something to claim.
    pub(super) fn mark(&mut self, lane: &Lane) {
        let state = self.lanes.entry(lane.clone()).or_default();
        match state.phase {
            Phase::Idle => {
                state.phase = Phase::InLine;
                self.line.push_back(lane.clone());
            }
            Phase::Claiming { .. } => state.phase = Phase::Claiming { marked: true },
            Phase::InLine | Phase::Full => {}
        }
    }

    /// Marks the lanes whose alarm is due.
    pub(super) fn ring(&mut self, now: Timestamp) {
        while self.alarms.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, lane)) = self.alarms.pop_first() else { return };
            if let Some(state) = self.lanes.get_mut(&lane) {
                state.alarm = None;
            }
            self.mark(&lane);
        }
    }

    /// The earliest alarm.
    pub(super) fn next_alarm(&self) -> Option<Timestamp> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// The lane whose turn it is; `None` while there is none, or no place. It must be told next what becomes of it: [`Self::take`] or
    /// [`Self::put_off`].
    pub(super) fn next_in_line(&mut self) -> Option<Lane> {
        if self.taken >= self.places_max {
            return None;
        }
        let lane = self.line.pop_front()?;
        self.state(&lane).phase = Phase::Idle;
        Some(lane)
    }

    /// Takes places for the lane's turn, which now has to be claimed with as many. 0: it is full, and waits for a place of its own.
    pub(super) fn take(&mut self, lane: &Lane, concurrency: usize) -> usize {
        let free = self.places_max.saturating_sub(self.taken);
        let share = concurrency.min(self.places_max.div_ceil(2));
        let state = self.state(lane);
        let places = share.saturating_sub(state.taken).min(free).min(TURN_PLACES_MAX);
        state.phase = if places == 0 { Phase::Full } else { Phase::Claiming { marked: false } };
        state.taken += places;
        self.taken += places;
        places
    }

    /// The lane is not to be claimed before `until`.
    pub(super) fn put_off(&mut self, lane: &Lane, until: Timestamp) {
        self.set_alarm(lane, until);
    }

    /// The claim has ended: `unused` of its places are given back, and what was not handed out is due at `next_due`.
    pub(super) fn claimed(&mut self, lane: &Lane, unused: usize, next_due: Option<Timestamp>, now: Timestamp) {
        self.taken = self.taken.saturating_sub(unused);
        let state = self.state(lane);
        state.taken = state.taken.saturating_sub(unused);
        let marked = state.phase == Phase::Claiming { marked: true };
        state.phase = Phase::Idle;
        match next_due {
            Some(due) if due > now => self.set_alarm(lane, due),
            Some(_) => self.mark(lane),
            None => {}
        }
        if marked {
            self.mark(lane);
        }
        self.forget_if_idle(lane);
    }

    /// A piece has ended and frees its place; the lane has to be looked at again at `again_at`.
    pub(super) fn ended(&mut self, lane: &Lane, again_at: Option<Timestamp>) {
        self.taken = self.taken.saturating_sub(1);
        let state = self.state(lane);
        state.taken = state.taken.saturating_sub(1);
        if state.phase == Phase::Full {
            state.phase = Phase::Idle;
            self.mark(lane);
        }
        if let Some(at) = again_at {
            self.set_alarm(lane, at);
        }
        self.forget_if_idle(lane);
    }

    /// Keeps the earlier of the lane's alarm and `at`: one that rings early costs a claim, one that is lost leaves work undone.
    fn set_alarm(&mut self, lane: &Lane, at: Timestamp) {
        let state = self.state(lane);
        match state.alarm {
            Some(earlier) if earlier <= at => return,
            before => {
                state.alarm = Some(at);
                if let Some(later) = before {
                    self.alarms.remove(&(later, lane.clone()));
                }
            }
        }
        self.alarms.insert((at, lane.clone()));
    }

    fn state(&mut self, lane: &Lane) -> &mut State {
        self.lanes.entry(lane.clone()).or_default()
    }

    fn forget_if_idle(&mut self, lane: &Lane) {
        if self.lanes.get(lane).is_some_and(|state| state.phase == Phase::Idle && state.taken == 0 && state.alarm.is_none()) {
            self.lanes.remove(lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Name;

    const NOW: Timestamp = Timestamp(1000);

    fn lane(name: &str) -> Lane {
        Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
    }

    /// Lets the next in line take its turn.
    fn turn(schedule: &mut Schedule, concurrency: usize) -> Option<(Lane, usize)> {
        let lane = schedule.next_in_line()?;
        let places = schedule.take(&lane, concurrency);
        Some((lane, places))
    }

    #[test]
    fn a_lane_takes_its_concurrency_and_goes_on_when_one_ends() {
        let mut schedule = Schedule::new(100);
        schedule.mark(&lane("a"));
        assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 3)));
        schedule.claimed(&lane("a"), 0, Some(NOW), NOW);
        assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 0)), "full");
        assert_eq!(turn(&mut schedule, 3), None);
        schedule.ended(&lane("a"), None);
        assert_eq!(turn(&mut schedule, 3), Some((lane("a"), 1)));
    }

    #[test]
    fn one_lane_leaves_half_of_the_places_to_others() {
        let mut schedule = Schedule::new(20);
        schedule.mark(&lane("greedy"));
        assert_eq!(turn(&mut schedule, 256), Some((lane("greedy"), 10)));
        schedule.claimed(&lane("greedy"), 0, Some(NOW), NOW);
        schedule.mark(&lane("modest"));
        assert_eq!(turn(&mut schedule, 256), Some((lane("greedy"), 0)));
        assert_eq!(turn(&mut schedule, 2), Some((lane("modest"), 2)));
    }

    #[test]
    fn turns_go_round() {
        let mut schedule = Schedule::new(1000);
        let names = ["a", "b", "c"];
        names.iter().for_each(|name| schedule.mark(&lane(name)));
        for name in names.iter().cycle().take(6) {
            assert_eq!(turn(&mut schedule, 256), Some((lane(name), TURN_PLACES_MAX)));
            schedule.claimed(&lane(name), 0, Some(NOW), NOW);
        }
    }

    #[test]
    fn without_a_place_the_line_waits_in_order() {
        let mut schedule = Schedule::new(2);
        ["a", "b", "c"].iter().for_each(|name| schedule.mark(&lane(name)));
        assert_eq!(turn(&mut schedule, 8), Some((lane("a"), 1)));
        assert_eq!(turn(&mut schedule, 8), Some((lane("b"), 1)));
        assert_eq!(turn(&mut schedule, 8), None);
        schedule.claimed(&lane("b"), 1, None, NOW);
        assert_eq!(turn(&mut schedule, 8), Some((lane("c"), 1)));
    }

    #[test]
    fn a_mark_within_a_claim_is_not_lost() {
        let mut schedule = Schedule::new(10);
        schedule.mark(&lane("a"));
        assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
        schedule.mark(&lane("a"));
        assert_eq!(turn(&mut schedule, 4), None, "one claim at a time");
        schedule.claimed(&lane("a"), 4, None, NOW);
        assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
    }

    #[test]
    fn alarms_ring_once_and_the_earliest_counts() {
        let mut schedule = Schedule::new(10);
        for at in [5000, 3000, 4000] {
            schedule.put_off(&lane("a"), Timestamp(at));
        }
        assert_eq!(schedule.next_alarm(), Some(Timestamp(3000)));
        schedule.ring(Timestamp(2999));
        assert_eq!(turn(&mut schedule, 4), None);
        schedule.ring(Timestamp(3000));
        assert_eq!(turn(&mut schedule, 4), Some((lane("a"), 4)));
        assert_eq!(schedule.next_alarm(), None);
    }

    #[test]
    fn idle_lanes_are_forgotten() {
        let mut schedule = Schedule::new(10);
        schedule.mark(&lane("a"));
        turn(&mut schedule, 4);
        schedule.claimed(&lane("a"), 3, None, NOW);
        assert_eq!(schedule.lanes.len(), 1, "one piece is under way");
        schedule.ended(&lane("a"), None);
        assert!(schedule.lanes.is_empty() && schedule.taken == 0);
    }
}
