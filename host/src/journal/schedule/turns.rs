//! In which order lanes take turns: deficit round-robin, measured in the time for which places are held.
//!
//! What lanes compete for is places, and a lane takes them from others by holding them: one delivery that takes 20 s costs the others as
//! much as four thousand that take 5 ms. The number of deliveries does not tell that, nor do their bytes (a large body costs the time it
//! takes to send; what it costs in memory is bounded by the claim). So cost is place-milliseconds: each lane may use
//! [`QUANTUM_PLACE_MS`] of them in each round, and a round is over when every lane that has work has used its own. Since a cost is only
//! known afterwards, a lane may overdraw, and then sits out the rounds that pay for it (the form of deficit round-robin that is known as
//! surplus round-robin). While credit lasts a lane takes turn after turn, behind all who wait: between two of its turns no other has more
//! than one.
//!
//! No place is kept free for fairness: where only lanes in debt wait, the rounds until the first is out of debt pass at once. Where nobody
//! waits nobody was wronged, and all is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::health::Need;
use crate::journal::Lane;

/// What a lane may use in a round, in places times milliseconds: some twenty deliveries to a quick neighbour, or a part of one slow one.
const QUANTUM_PLACE_MS: i64 = 100;

/// The lanes that wait for their turns, and what those that had some still owe or have left.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// One for each kind of place: while there is none of a kind, who needs it waits and keeps its position.
    lines: [BTreeMap<Position, Lane>; Need::KINDS],
    /// Where each lane waits.
    waiting: HashMap<Lane, (Need, Position)>,
    /// Those that have used something: a lane without an account has all of its credit.
    accounts: HashMap<Lane, Account>,
    /// Exactly the lanes that have accounts, each with a round in which to look whether it is still needed.
    looked_at: BTreeSet<(u64, Lane)>,
    /// That of the last turn.
    round: u64,
    arrivals: u64,
}

/// A round, and the order of arrival within it.
type Position = (u64, u64);

#[derive(Clone, Copy, Debug)]
struct Account {
    /// In place-milliseconds, as of `round`; at most [`QUANTUM_PLACE_MS`].
    credit: i64,
    round: u64,
}

impl Turns {
    /// The lane, which did not wait before, waits for a place of this kind.
    pub(super) fn join(&mut self, lane: Lane, need: Need) {
        let round = self.round.saturating_add(self.rounds_in_debt(&lane));
        self.arrivals += 1;
        self.put(lane, need, (round, self.arrivals));
    }

    /// A lane that waits now needs a place of this kind.
    pub(super) fn needs(&mut self, lane: &Lane, need: Need) {
        if let Some((before, position)) = self.waiting.get(lane).copied() {
            self.lines[before as usize].remove(&position);
            self.put(lane.clone(), need, position);
        }
    }

    /// The lane whose turn it is, of those who need what there is; it does not wait any longer.
    pub(super) fn next(&mut self, has: impl Fn(Need) -> bool) -> Option<Lane> {
        if self.waiting.is_empty() {
            self.forget();
        }
        loop {
            let first = |need: &Need| Some((*self.lines[*need as usize].first_key_value()?.0, *need));
            let (position, need) = Need::ALL.iter().filter(|need| has(**need)).filter_map(first).min()?;
            let lane = self.lines[need as usize].remove(&position)?;
            self.waiting.remove(&lane);
            self.advance(position.0);
            if self.rounds_in_debt(&lane) == 0 {
                return Some(lane);
            }
            // It was charged while it waited.
            self.join(lane, need);
        }
    }

    fn put(&mut self, lane: Lane, need: Need, position: Position) {
        self.lines[need as usize].insert(position, lane.clone());
        self.waiting.insert(lane, (need, position));
    }

    /// What a piece of the lane has cost. The shortest costs something, so that a round ends.
    pub(super) fn charge(&mut self, lane: &Lane, place_ms: u64) {
        let round = self.round;
        let account = self.accounts.entry(lane.clone()).or_insert_with(|| {
            self.looked_at.insert((round + 1, lane.clone()));
            Account { credit: QUANTUM_PLACE_MS, round }
        });
        account.credit = account.at(round).saturating_sub_unsigned(place_ms.max(1));
        account.round = round;
    }

    /// How many rounds the lane has to sit out.
    fn rounds_in_debt(&self, lane: &Lane) -> u64 {
        let credit = self.accounts.get(lane).map_or(QUANTUM_PLACE_MS, |account| account.at(self.round));
        if credit > 0 { 0 } else { rounds_to(1, credit) }
    }

    /// Forgets, of the lanes to look at in rounds until this, those that have all of their credit again.
    fn advance(&mut self, round: u64) {
        // One that waited while there was nothing for it is of an earlier round.
        let round = self.round.max(round);
        self.round = round;
        while self.looked_at.first().is_some_and(|(at, _)| *at <= round) {
            let Some((_, lane)) = self.looked_at.pop_first() else { return };
            let credit = self.accounts.get(&lane).map_or(QUANTUM_PLACE_MS, |account| account.at(round));
            if credit < QUANTUM_PLACE_MS {
                self.looked_at.insert((round + rounds_to(QUANTUM_PLACE_MS, credit), lane));
            } else {
                self.accounts.remove(&lane);
            }
        }
    }

    fn forget(&mut self) {
        self.accounts.clear();
        self.looked_at.clear();
    }
}

impl Account {
    /// Each round that has passed gave a quantum; it is not saved up.
    fn at(&self, round: u64) -> i64 {
        let passed = i64::try_from(round.saturating_sub(self.round)).unwrap_or(i64::MAX);
        self.credit.saturating_add(passed.saturating_mul(QUANTUM_PLACE_MS)).min(QUANTUM_PLACE_MS)
    }
}

/// How many quanta lead from `credit` to `wanted`, which is more.
fn rounds_to(wanted: i64, credit: i64) -> u64 {
    wanted.abs_diff(credit).div_ceil(QUANTUM_PLACE_MS.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::Name;

    fn named(name: &str) -> Lane {
        Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
    }

    fn lane(number: usize) -> Lane {
        named(&format!("lane-{number}"))
    }

    /// Lanes that always have work, of which each piece costs so much: what each has used after so many turns. Who is not in debt never
    /// waits while another has two turns.
    fn backlogged(costs: &[u64], turns: usize) -> Vec<u64> {
        let number: HashMap<Lane, usize> = (0..costs.len()).map(|number| (lane(number), number)).collect();
        let (mut line, mut used) = (Turns::default(), vec![0; costs.len()]);
        // Of each that waits without debt, who had a turn meanwhile.
        let mut waits: HashMap<usize, BTreeSet<usize>> = (0..costs.len()).map(|number| (number, BTreeSet::new())).collect();
        (0..costs.len()).for_each(|number| line.join(lane(number), Need::Any));
        for _ in 0..turns {
            let next = line.next(|_| true).expect("all have work");
            let at = number[&next];
            waits.remove(&at);
            for (waiting, others) in &mut waits {
                assert!(others.insert(at), "lane {at} has a second turn while lane {waiting} waits: {costs:?}");
            }
            used[at] += costs[at];
            line.charge(&next, costs[at]);
            if line.rounds_in_debt(&next) == 0 {
                waits.insert(at, BTreeSet::new());
            }
            line.join(next, Need::Any);
        }
        used
    }

    proptest! {
        #[test]
        fn lanes_that_always_have_work_get_equal_shares(costs in prop::collection::vec(1_u64..5_000, 2..12)) {
            let used = backlogged(&costs, 3_000);
            let bound = costs.iter().max().expect("some") + 2 * QUANTUM_PLACE_MS.unsigned_abs();
            let (least, most) = (used.iter().min().expect("some"), used.iter().max().expect("some"));
            prop_assert!(most - least <= bound, "{used:?} differ by more than {bound}");
        }
    }

    #[test]
    fn who_went_idle_is_charged_for_what_it_used_in_this_round() {
        let mut line = Turns::default();
        ["waits", "sporadic"].iter().for_each(|name| line.join(named(name), Need::Any));
        assert_eq!(line.next(|_| true), Some(named("waits")));
        line.charge(&named("waits"), 150);
        line.join(named("waits"), Need::Any);
        // It comes and goes, and yet has its share and no more.
        let mut turns = 0;
        while line.next(|_| true) == Some(named("sporadic")) {
            turns += 1;
            line.charge(&named("sporadic"), 10);
            line.join(named("sporadic"), Need::Any);
        }
        assert_eq!(turns, 10);
    }

    #[test]
    fn where_nobody_waits_all_is_forgotten() {
        let mut line = Turns::default();
        line.charge(&lane(1), 1_000_000);
        assert_eq!(line.accounts.len(), 1);
        line.join(lane(1), Need::Any);
        assert_eq!(line.next(|_| true), Some(lane(1)), "nobody else wants the place");
        assert_eq!(line.next(|_| true), None);
        assert!(line.accounts.is_empty() && line.looked_at.is_empty());
    }

    #[test]
    fn accounts_end_with_the_round_that_pays_for_them() {
        let mut line = Turns::default();
        (0..100).for_each(|number| line.charge(&lane(number), 50));
        line.charge(&lane(100), 100_050);
        line.join(lane(100), Need::Any);
        line.join(lane(101), Need::Any);
        assert_eq!(line.next(|_| true), Some(lane(101)));
        assert_eq!(line.next(|_| true), Some(lane(100)), "when it has paid");
        assert_eq!(line.accounts.len(), 1);
    }

    #[test]
    fn who_waits_for_what_there_is_not_keeps_its_position() {
        let mut line = Turns::default();
        line.join(lane(1), Need::Spare);
        line.join(lane(2), Need::Any);
        line.join(lane(3), Need::Spare);
        let without_spare = |need| need != Need::Spare;
        assert_eq!(line.next(without_spare), Some(lane(2)));
        assert_eq!(line.next(without_spare), None);
        line.join(lane(2), Need::Any);
        line.needs(&lane(3), Need::Any);
        let order: Vec<_> = std::iter::from_fn(|| line.next(without_spare)).collect();
        assert_eq!(order, [lane(3), lane(2)]);
        assert_eq!(line.next(|_| true), Some(lane(1)));
    }
}
