//! Whose turn it is. Pure: no clock, no I/O; `pump` tells it what happens and does what it says.
//!
//! A lane that has work waits in line with the others (`turns` says in which order), and at its turn takes free places: no more than the
//! lane may hold, than `health` grants it, than half of all places, and than [`TURN_PLACES_MAX`], after which it waits again. It is asked for
//! work (claimed) with the places already taken, so that what is claimed starts at once and its lease is not spent waiting. One
//! for which there is no place keeps its position. A lane that nothing is known of costs nothing: it is forgotten as soon as it has neither
//! work under way nor an alarm, but for those known to be prompt, of which some are remembered.

mod health;
mod pieces;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{BTreeSet, HashMap};

use self::{
    health::{Health, Held, Shares},
    pieces::Pieces,
    turns::Turns,
};
use super::Lane;
use crate::event::Timestamp;

/// Places that one turn may take.
const TURN_PLACES_MAX: usize = 16;

/// Lanes that are known to be prompt and have nothing to do: some 100 bytes each. One that is forgotten begins as a new one.
const REMEMBERED_MAX: usize = 65_536;

/// All lanes that have, or soon will have, something to do.
#[derive(Debug)]
pub(super) struct Schedule {
    lanes: HashMap<Lane, State>,
    /// Exactly the lanes whose phase is [`Phase::InLine`].
    turns: Turns,
    /// Exactly the alarms that are in `lanes`, earliest first.
    alarms: BTreeSet<(Timestamp, Lane)>,
    pieces: Pieces,
    shares: Shares,
    /// The sums of the lanes' places.
    held: Held,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    health: Health,
    /// Taken by pieces under way, and by the claim under way.
    taken: usize,
    /// Pieces under way that are over their time.
    overdue: usize,
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
    /// Has work and no free place of its own; goes on when one becomes free.
    Full,
}

impl Schedule {
    /// Of so many places, so many for prompt lanes only; a lane of which a piece takes longer than `slow_ms` is not prompt.
    pub(super) fn new(places_max: usize, healthy_only: usize, slow_ms: u64) -> Self {
        Self {
            lanes: HashMap::new(),
            turns: Turns::default(),
            alarms: BTreeSet::new(),
            pieces: Pieces::new(slow_ms),
            shares: Shares::of(places_max, healthy_only),
            held: Held::default(),
        }
    }

    /// The lane has, or may have, something to claim.
    pub(super) fn mark(&mut self, lane: &Lane) {
        let shares = self.shares;
        let state = self.lanes.entry(lane.clone()).or_default();
        match (state.phase, shares.need(state.health, state.taken)) {
            (Phase::Idle, None) => state.phase = Phase::Full,
            (Phase::Idle, Some(need)) => {
                state.phase = Phase::InLine;
                self.turns.join(lane.clone(), need);
            }
            (Phase::Claiming { .. }, _) => state.phase = Phase::Claiming { marked: true },
            (Phase::InLine | Phase::Full, _) => {}
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

    /// Makes the lanes slow that have a piece which is overdue at `elapsed_ms`.
    pub(super) fn pass(&mut self, elapsed_ms: u64) {
        while let Some(lane) = self.pieces.next_overdue(elapsed_ms) {
            self.state(&lane).overdue += 1;
            self.judge(&lane, Health::Slow);
        }
    }

    /// When the next piece is overdue.
    pub(super) fn next_overdue_ms(&self) -> Option<u64> {
        self.pieces.next_overdue_ms()
    }

    /// What all lanes hold, and what of it those hold that are not known to be prompt.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.held.all, self.held.unproven)
    }

    /// The lane whose turn it is; `None` while there is none, or no place. It must be told next what becomes of it: [`Self::take`] or
    /// [`Self::put_off`].
    pub(super) fn next_in_line(&mut self) -> Option<Lane> {
        let (shares, held) = (self.shares, self.held);
        let lane = self.turns.next(|need| shares.has(need, held))?;
        self.state(&lane).phase = Phase::Idle;
        Some(lane)
    }

    /// Takes places for the lane's turn, which now has to be claimed with as many. 0: it is full, and waits for a place of its own.
    pub(super) fn take(&mut self, lane: &Lane, concurrency: usize) -> usize {
        let (shares, held) = (self.shares, self.held);
        let state = self.state(lane);
        let own = concurrency.min(shares.of_one_max()).saturating_sub(state.taken);
        let room = shares.room(state.health, state.taken, held);
        let places = own.min(room).min(TURN_PLACES_MAX);
        state.phase = if places == 0 { Phase::Full } else { Phase::Claiming { marked: false } };
        self.change(lane, |state| state.taken += places);
        places
    }

    /// The lane is not to be claimed before `until`.
    pub(super) fn put_off(&mut self, lane: &Lane, until: Timestamp) {
        self.set_alarm(lane, until);
    }

    /// The claim has ended: `unused` of its places are given back, and what was not handed out is due at `next_due`.
    pub(super) fn claimed(&mut self, lane: &Lane, unused: usize, next_due: Option<Timestamp>, now: Timestamp) {
        self.change(lane, |state| state.taken = state.taken.saturating_sub(unused));
        let state = self.state(lane);
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

    /// A claimed piece begins at `elapsed_ms`; gives the number by which its end is told.
    pub(super) fn started(&mut self, lane: &Lane, elapsed_ms: u64) -> u64 {
        self.pieces.start(lane.clone(), elapsed_ms)
    }

    /// A piece has ended at `elapsed_ms` and frees its place; its lane has to be looked at again at `again_at`.
    pub(super) fn ended(&mut self, piece: u64, again_at: Option<Timestamp>, elapsed_ms: u64) {
        let Some(piece) = self.pieces.end(piece, elapsed_ms) else { return };
        let lane = piece.lane;
        self.turns.charge(&lane, piece.took_ms);
        self.change(&lane, |state| state.taken = state.taken.saturating_sub(1));
        let state = self.state(&lane);
        state.overdue = state.overdue.saturating_sub(usize::from(piece.was_overdue));
        let health = if piece.was_prompt && state.overdue == 0 { Health::Prompt } else { Health::Slow };
        self.judge(&lane, health);
        self.wake(&lane);
        if let Some(at) = again_at {
            self.set_alarm(&lane, at);
        }
        self.forget_if_idle(&lane);
    }

    /// One that waited for a place of its own waits for its turn again; one that waits for its turn may need another kind of place.
    fn wake(&mut self, lane: &Lane) {
        let shares = self.shares;
        let state = self.state(lane);
        match (state.phase, shares.need(state.health, state.taken)) {
            (Phase::Full, Some(_)) => {
                state.phase = Phase::Idle;
                self.mark(lane);
            }
            (Phase::InLine, Some(need)) => self.turns.needs(lane, need),
            _ => {}
        }
    }

    /// What is now known of the lane. One that waited for the end of its only piece, which is overdue, need not any longer.
    fn judge(&mut self, lane: &Lane, health: Health) {
        if self.state(lane).health != health {
            self.change(lane, |state| state.health = health);
            self.wake(lane);
        }
    }

    /// Changes a lane, and the sums with it.
    fn change(&mut self, lane: &Lane, change: impl FnOnce(&mut State)) {
        let state = self.lanes.entry(lane.clone()).or_default();
        let before = state.held();
        change(state);
        let after = state.held();
        let sum = |sum: usize, before: usize, after: usize| (sum + after).saturating_sub(before);
        self.held.all = sum(self.held.all, before.all, after.all);
        self.held.unproven = sum(self.held.unproven, before.unproven, after.unproven);
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
        let remembers = self.shares.are_kept() && self.lanes.len() <= REMEMBERED_MAX;
        let forgets = |state: &State| state.is_idle() && !(remembers && state.health == Health::Prompt);
        if self.lanes.get(lane).is_some_and(forgets) {
            self.lanes.remove(lane);
        }
    }
}

impl State {
    fn held(&self) -> Held {
        Held { all: self.taken, unproven: if self.health == Health::Prompt { 0 } else { self.taken } }
    }

    fn is_idle(&self) -> bool {
        self.phase == Phase::Idle && self.taken == 0 && self.alarm.is_none()
    }
}
