//! Which places a lane may take, by how it did before.
//!
//! A destination that hangs holds each of its places until its timeout, and a hundred of them together could hold all there are. So a
//! part of the places (`healthy_only`) is for **prompt** lanes: those whose last piece ended within the time that makes a lane slow, and
//! that have none under way which is over it. Only time counts: one that refuses at once takes places from nobody. A lane is **slow** as
//! soon as a piece of it is overdue, whether that ended or not, and prompt again with its next prompt piece.
//!
//! A lane that nothing is known of is **new**. It may well hang, so it has one place until its first piece has ended or is overdue, and
//! that one from the part which it shares with the slow. Of this part the slow get one half and a first place each, so that they cannot
//! keep new ones from being tried.
//!
//! Prompt lanes may begin to hang all at once, with all the places that they had. So the second half of their own part is only for the
//! first place of those that hold none: a hundred that hang hold one of these each, and the others go on with the rest.

/// How promptly a lane gave its places back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    /// Nothing has ended yet.
    #[default]
    New,
    /// The last piece was prompt, and none is overdue.
    Prompt,
    /// The last piece was not, or one is overdue.
    Slow,
}

/// How the places are divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    /// All of them.
    places_max: usize,
    /// Held by new and slow lanes together, where this is less than all.
    unproven_max: usize,
    /// As many may they hold together when a slow lane takes more than its first.
    slow_max: usize,
    /// Free places that are only for the first one of a prompt lane.
    first_only: usize,
}

/// What kind of place a lane needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    /// Any: it is prompt and has none, or health does not count.
    Any,
    /// It is new or slow and has none: one of those for them.
    First,
    /// It is slow and has some: one of those for them, while they hold few.
    More,
    /// It is prompt and has some: one that is not kept for first ones.
    Spare,
}

impl Need {
    pub(super) const KINDS: usize = 4;
    pub(super) const ALL: [Self; Self::KINDS] = [Self::Any, Self::First, Self::More, Self::Spare];
}

/// What all lanes hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// All places.
    pub(super) all: usize,
    /// Those of new and slow lanes.
    pub(super) unproven: usize,
}

impl Shares {
    /// So many places, of which so many are for prompt lanes only; at least one is for all. With none, no lane's health counts.
    pub(super) fn of(places_max: usize, healthy_only: usize) -> Self {
        let places_max = places_max.max(1);
        let healthy_only = healthy_only.min(places_max - 1);
        let unproven_max = places_max - healthy_only;
        let slow_max = if healthy_only == 0 { unproven_max } else { unproven_max.div_ceil(2) };
        Self { places_max, unproven_max, slow_max, first_only: healthy_only / 2 }
    }

    /// Whether health counts.
    pub(super) fn are_kept(&self) -> bool {
        self.unproven_max < self.places_max
    }

    /// The most that one lane may hold: half, whatever it asks for.
    pub(super) fn of_one_max(&self) -> usize {
        self.places_max.div_ceil(2)
    }

    /// How many further places a lane may take that has `own` of them.
    pub(super) fn room(&self, health: Health, own: usize, held: Held) -> usize {
        let free = self.places_max.saturating_sub(held.all);
        let spare = free.saturating_sub(self.first_only);
        let first = |places: usize| if own == 0 { places.max(1).min(free) } else { places };
        if !self.are_kept() {
            return free;
        }
        match health {
            Health::Prompt => first(spare),
            Health::New if own == 0 && held.unproven < self.unproven_max => first(0),
            Health::New => 0,
            Health::Slow if held.unproven < self.unproven_max => first(self.slow_max.saturating_sub(held.unproven).min(spare)),
            Health::Slow => 0,
        }
    }

    /// What a lane needs that has `own` places; `None`: that one of its own ends.
    pub(super) fn need(&self, health: Health, own: usize) -> Option<Need> {
        match (health, own) {
            _ if !self.are_kept() => Some(Need::Any),
            (Health::Prompt, 0) => Some(Need::Any),
            (Health::Prompt, _) => Some(Need::Spare),
            (Health::New | Health::Slow, 0) => Some(Need::First),
            (Health::Slow, _) => Some(Need::More),
            (Health::New, _) => None,
        }
    }

    /// Whether there is a place of this kind.
    pub(super) fn has(&self, need: Need, held: Held) -> bool {
        match need {
            Need::Any => held.all < self.places_max,
            Need::First => self.room(Health::New, 0, held) > 0,
            Need::More => self.room(Health::Slow, 1, held) > 0,
            Need::Spare => self.room(Health::Prompt, 1, held) > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Shares {
        Shares::of(16, 8)
    }

    fn held(all: usize, unproven: usize) -> Held {
        Held { all, unproven }
    }

    #[test]
    fn a_new_lane_has_one_place_of_those_for_all() {
        assert_eq!(shares().room(Health::New, 0, held(0, 0)), 1);
        assert_eq!(shares().room(Health::New, 1, held(1, 1)), 0);
        assert_eq!(shares().room(Health::New, 0, held(8, 8)), 0, "the rest is for prompt ones");
        assert_eq!(shares().need(Health::New, 1), None);
    }

    #[test]
    fn slow_ones_together_leave_new_ones_half_of_what_they_share() {
        assert_eq!(shares().room(Health::Slow, 0, held(0, 0)), 4);
        assert_eq!(shares().room(Health::Slow, 2, held(3, 3)), 1);
        assert_eq!(shares().room(Health::Slow, 2, held(4, 4)), 0);
        assert_eq!(shares().room(Health::Slow, 0, held(4, 4)), 1, "a first place each");
    }

    #[test]
    fn prompt_ones_that_hold_places_leave_some_to_those_without() {
        assert_eq!(shares().room(Health::Prompt, 0, held(0, 0)), 12);
        assert_eq!(shares().room(Health::Prompt, 5, held(12, 0)), 0);
        assert_eq!(shares().room(Health::Prompt, 0, held(12, 0)), 1);
        assert_eq!(shares().room(Health::Prompt, 0, held(16, 8)), 0);
    }

    #[test]
    fn without_a_kept_part_health_does_not_count() {
        let shares = Shares::of(16, 0);
        for health in [Health::New, Health::Prompt, Health::Slow] {
            assert_eq!(shares.room(health, 3, held(10, 10)), 6);
        }
    }

    #[test]
    fn the_least_there_can_be_works() {
        let shares = Shares::of(1, 100);
        for health in [Health::New, Health::Prompt, Health::Slow] {
            assert_eq!(shares.room(health, 0, held(0, 0)), 1);
        }
    }

    #[test]
    fn there_is_room_exactly_where_there_is_what_is_needed() {
        for (all, unproven) in (0..=16).flat_map(|all| (0..=all).map(move |unproven| (all, unproven))) {
            for (health, own) in
                [Health::New, Health::Prompt, Health::Slow].into_iter().flat_map(|health| [(health, 0), (health, 1)])
            {
                for shares in [shares(), Shares::of(16, 0)] {
                    let held = held(all, unproven);
                    let has = shares.need(health, own).is_some_and(|need| shares.has(need, held));
                    assert_eq!(shares.room(health, own, held) > 0, has, "{health:?} {own} {held:?} {shares:?}");
                }
            }
        }
    }
}
