//! Where a host is killed next, and what it has to be doing to get there.

use std::fmt;

use sluicebox::failpoint::Step;

use super::super::chance::Chance;

/// What ends a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Any moment from its start on.
    Starting,
    /// Any moment under load.
    Loaded,
    /// A destination has a request, and has not answered.
    Unanswered,
    /// The host is at this step.
    Step(Step),
}

/// A place, and which time it is reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) place: Place,
    /// The how manieth time; of a moment, after how many milliseconds.
    pub(super) nth: u64,
}

/// What a host does beside taking events, until it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Nothing.
    Nothing,
    /// Revisions are applied.
    Apply,
    /// Components are uploaded and applied.
    Upload,
    /// It is told to stop.
    Stop,
}

/// No start takes longer where the machine has nothing else to do.
const STARTING_MS: usize = 400;
/// Enough for some retries and batches.
const LOADED_MS: usize = 400;

impl Place {
    /// All that have to be hit.
    pub(super) fn named() -> Vec<Self> {
        let steps = Step::ALL.iter().map(|step| Self::Step(*step));
        [Self::Unanswered].into_iter().chain(steps).collect()
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starting => "any moment of a start",
            Self::Loaded => "any moment under load",
            Self::Unanswered => "request-unanswered",
            Self::Step(step) => step.name(),
        }
    }

    pub(super) fn deed(self) -> Deed {
        let Self::Step(step) = self else { return Deed::Nothing };
        match step {
            Step::FileWritten | Step::FileRenamed | Step::RevisionRecorded | Step::DatabaseFlushed | Step::RevisionFollowed => {
                Deed::Apply
            }
            Step::ComponentStored => Deed::Upload,
            Step::CheckpointBegun | Step::CheckpointEnded => Deed::Stop,
            Step::JournalOpened
            | Step::HubOpened
            | Step::RequestRead
            | Step::RequestVerified
            | Step::EventStored
            | Step::TransactionBegun
            | Step::AppendFilled
            | Step::AppendCommitted
            | Step::RoutesFilled
            | Step::RoutesCommitted
            | Step::StateStored
            | Step::RunsFilled
            | Step::RunsCommitted
            | Step::ClosingFilled
            | Step::ClosingCommitted
            | Step::BatchesFilled
            | Step::BatchesCommitted
            | Step::SettlementsFilled
            | Step::SettlementsCommitted
            | Step::EventsClaimed
            | Step::RulesFound
            | Step::RunClaimed
            | Step::PluginsRan
            | Step::BatchClaimed
            | Step::BatchFolded
            | Step::DeliveryClaimed
            | Step::RequestEncoded
            | Step::ResponseRead => Deed::Nothing,
        }
    }

    /// The last time at which a short life gets there for sure.
    fn nth_max(self) -> usize {
        match self {
            Self::Starting => STARTING_MS,
            Self::Loaded => LOADED_MS,
            Self::Unanswered => 8,
            Self::Step(step) => match step {
                Step::JournalOpened | Step::HubOpened | Step::CheckpointBegun | Step::CheckpointEnded => 1,
                Step::ComponentStored | Step::ClosingFilled | Step::ClosingCommitted => 1,
                Step::BatchClaimed | Step::BatchFolded | Step::BatchesFilled | Step::BatchesCommitted | Step::StateStored => 2,
                Step::RequestRead | Step::RequestVerified | Step::EventStored | Step::DeliveryClaimed => 12,
                Step::RequestEncoded | Step::ResponseRead => 12,
                _ => 4,
            },
        }
    }
}

impl Kill {
    pub(super) fn at(place: Place, chance: &mut Chance) -> Self {
        Self { place, nth: chance.below(place.nth_max()) as u64 + 1 }
    }

    /// What the host is told by its environment.
    pub(super) fn failpoint(self) -> Option<String> {
        match self.place {
            Place::Step(step) => Some(format!("{}:{}", step.name(), self.nth)),
            Place::Starting | Place::Loaded | Place::Unanswered => None,
        }
    }
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.place.name(), self.nth)
    }
}

/// Kills at named places in one cycle.
pub(super) const NAMED_IN_A_CYCLE: u64 = 4;

/// The kills of a cycle: one at any moment, and the next of the named places, which all come up again and again in an order that the seed
/// chooses.
pub(super) fn of_cycle(seed: u64, cycle: u64) -> Vec<Kill> {
    let mut order = Place::named();
    let mut shuffling = Chance::of(seed, u64::MAX);
    for last in (1..order.len()).rev() {
        order.swap(last, shuffling.below(last + 1));
    }
    let mut chance = Chance::of(seed, cycle);
    let moment = *chance.pick(&[Place::Starting, Place::Loaded]);
    let first = cycle * NAMED_IN_A_CYCLE;
    let next = |index: u64| order[usize::try_from(index % order.len() as u64).unwrap_or(0)];
    let places = [moment].into_iter().chain((first..first + NAMED_IN_A_CYCLE).map(next));
    places.map(|place| Kill::at(place, &mut chance)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_hundred_cycles_kill_ten_times_at_each_named_place() {
        let mut hits = BTreeMap::new();
        for kill in (40..140).flat_map(|cycle| of_cycle(7, cycle)) {
            *hits.entry(kill.place).or_insert(0) += 1;
        }
        for place in Place::named() {
            assert!(hits.get(&place).is_some_and(|hits| *hits >= 10), "{}: {hits:?}", place.name());
        }
    }

    #[test]
    fn the_same_seed_and_cycle_give_the_same() {
        let told = |seed, cycle| of_cycle(seed, cycle).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(told(1, 2), told(1, 2));
        assert_ne!(told(1, 2), told(2, 2));
    }
}
