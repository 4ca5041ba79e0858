//! Whether one version of a plugin is called at all. Pure: the time is passed in, and the memory is a dozen counters.
//!
//! It trips when half of at least 20 calls within a minute were faults; from then on one piece of work in 30 seconds is let through to
//! see whether the plugin is well again. What was called before it tripped and ends after it says nothing any more.

use crate::event::Timestamp;

/// Fewer calls within the window tell nothing.
const CALLS_MIN: u32 = 20;
/// Between two probes; also how long one may take before another is made in its place.
const PROBE_MS: u64 = 30_000;
/// The window is this many slots of this length: 60 seconds.
const SLOTS: usize = 12;
const SLOT_MS: u64 = 5_000;

/// The state of one version.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    window: Window,
    tripped: Option<Tripped>,
    /// It was called and has answered since it was made, or since it tripped.
    proven: bool,
}

#[derive(Clone, Copy, Debug)]
struct Tripped {
    since: Timestamp,
    probe_at: Timestamp,
    probing: bool,
    /// What made it trip.
    seen: Seen,
}

/// Calls, and how many of them were faults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) calls: u32,
    pub(super) faults: u32,
}

/// What the breaker says to the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Go on.
    Closed,
    /// Go on, alone: it is time to see whether it is well again.
    Probe,
    /// Not now.
    Wait,
}

/// A breaker as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerStatus {
    /// `closed`, `tripped` or `probing`.
    pub state: &'static str,
    /// When it tripped.
    pub since: Option<Timestamp>,
    /// When the next probe is due.
    pub probe_at: Option<Timestamp>,
    /// Calls within the last minute; of one that tripped, those that made it trip.
    pub calls: u32,
    /// How many of them were faults.
    pub faults: u32,
}

impl Breaker {
    pub(super) fn says(&self, now: Timestamp) -> Says {
        match self.tripped {
            None => Says::Closed,
            Some(tripped) if tripped.probe_at <= now => Says::Probe,
            Some(_) => Says::Wait,
        }
    }

    pub(super) fn is_tripped(&self) -> bool {
        self.tripped.is_some()
    }

    pub(super) fn is_proven(&self) -> bool {
        self.proven
    }

    /// Work that it was called for went well, as far as it goes. What was called before it tripped proves nothing.
    pub(super) fn prove(&mut self) {
        self.proven |= !self.is_tripped();
    }

    /// A probe begins; where nothing is ever heard of it, there will be another.
    pub(super) fn begin_probe(&mut self, now: Timestamp) {
        if let Some(tripped) = &mut self.tripped {
            (tripped.probing, tripped.probe_at) = (true, now.plus_ms(PROBE_MS));
        }
    }

    /// Ends a probe. `None`: it did not come to the plugin.
    pub(super) fn end_probe(&mut self, well: Option<bool>, now: Timestamp) {
        match (well, &mut self.tripped) {
            (Some(true), _) => *self = Self { proven: true, ..Self::default() },
            (Some(false), Some(tripped)) => (tripped.probing, tripped.probe_at) = (false, now.plus_ms(PROBE_MS)),
            (None, Some(tripped)) => (tripped.probing, tripped.probe_at) = (false, now),
            (_, None) => {}
        }
    }

    /// Counts calls that were no probe, and tells whether they made it trip.
    pub(super) fn count(&mut self, seen: Seen, now: Timestamp) -> bool {
        if self.is_tripped() {
            return false;
        }
        self.window.add(seen, now);
        let Seen { calls, faults } = self.window.sum(now);
        let trips = calls >= CALLS_MIN && faults.saturating_mul(2) >= calls;
        if trips {
            self.trip(now);
        }
        trips
    }

    /// Trips it, however little was seen.
    pub(super) fn trip(&mut self, now: Timestamp) {
        let seen = self.window.sum(now);
        self.tripped = Some(Tripped { since: now, probe_at: now.plus_ms(PROBE_MS), probing: false, seen });
        self.proven = false;
    }

    /// Whether it knows nothing that matters.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        !self.is_tripped() && self.window.sum(now) == Seen::default()
    }

    pub(super) fn status(&self, now: Timestamp) -> BreakerStatus {
        let seen = self.tripped.map_or_else(|| self.window.sum(now), |tripped| tripped.seen);
        let state = match self.tripped {
            None => "closed",
            Some(Tripped { probing: true, .. }) => "probing",
            Some(_) => "tripped",
        };
        BreakerStatus {
            state,
            since: self.tripped.map(|tripped| tripped.since),
            probe_at: self.tripped.map(|tripped| tripped.probe_at),
            calls: seen.calls,
            faults: seen.faults,
        }
    }
}

/// The calls of the last minute, to the slot.
#[derive(Debug, Default)]
struct Window([Slot; SLOTS]);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which length of time since the epoch it counts.
    number: u64,
    seen: Seen,
}

impl Window {
    fn add(&mut self, seen: Seen, now: Timestamp) {
        let number = now.0 / SLOT_MS;
        let slot = &mut self.0[usize::try_from(number % SLOTS as u64).unwrap_or_default()];
        if slot.number != number {
            *slot = Slot { number, seen: Seen::default() };
        }
        slot.seen.calls = slot.seen.calls.saturating_add(seen.calls);
        slot.seen.faults = slot.seen.faults.saturating_add(seen.faults);
    }

    fn sum(&self, now: Timestamp) -> Seen {
        let last = now.0 / SLOT_MS;
        let within = self.0.iter().filter(|slot| slot.number <= last && slot.number + SLOTS as u64 > last);
        within.fold(Seen::default(), |sum, slot| Seen {
            calls: sum.calls.saturating_add(slot.seen.calls),
            faults: sum.faults.saturating_add(slot.seen.faults),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);
    const GOOD: Seen = Seen { calls: 1, faults: 0 };
    const FAULT: Seen = Seen { calls: 1, faults: 1 };

    /// A breaker that has seen these, at once.
    fn seen(good: usize, faults: usize) -> Breaker {
        let mut breaker = Breaker::default();
        for seen in std::iter::repeat_n(GOOD, good).chain(std::iter::repeat_n(FAULT, faults)) {
            breaker.count(seen, NOW);
        }
        breaker
    }

    #[test]
    fn half_of_twenty_calls_trip_it_and_no_fewer() {
        assert_eq!(seen(0, 19).says(NOW), Says::Closed);
        assert_eq!(seen(0, 20).says(NOW), Says::Wait);
        assert_eq!(seen(11, 9).says(NOW), Says::Closed);
        assert_eq!(seen(10, 10).says(NOW), Says::Wait);
        assert_eq!(seen(100, 99).says(NOW), Says::Closed);
        assert_eq!(seen(100, 100).says(NOW), Says::Wait);
    }

    #[test]
    fn calls_of_more_than_a_minute_ago_do_not_count() {
        let mut breaker = seen(0, 19);
        assert!(!breaker.count(FAULT, NOW.plus_ms(60_000)));
        assert_eq!(breaker.status(NOW.plus_ms(60_000)).calls, 1);
        let mut breaker = seen(0, 19);
        assert!(breaker.count(FAULT, NOW.plus_ms(55_000)));
    }

    #[test]
    fn one_probe_is_let_through_every_thirty_seconds() {
        let mut breaker = seen(0, 20);
        assert_eq!(breaker.says(NOW.plus_ms(29_999)), Says::Wait);
        let due = NOW.plus_ms(30_000);
        assert_eq!(breaker.says(due), Says::Probe);
        breaker.begin_probe(due);
        assert_eq!((breaker.says(due), breaker.status(due).state), (Says::Wait, "probing"));
        breaker.end_probe(Some(false), due);
        assert_eq!((breaker.says(due.plus_ms(29_999)), breaker.status(due).state), (Says::Wait, "tripped"));
        breaker.begin_probe(due.plus_ms(30_000));
        assert_eq!(breaker.says(due.plus_ms(60_000)), Says::Probe, "nothing was heard of the one before");
        breaker.begin_probe(due.plus_ms(60_000));
        breaker.end_probe(Some(true), due.plus_ms(60_000));
        assert_eq!(breaker.says(due.plus_ms(60_000)), Says::Closed);
        assert_eq!(breaker.status(due.plus_ms(60_000)).calls, 0, "it begins anew");
    }

    #[test]
    fn a_probe_that_did_not_come_to_the_plugin_is_made_again() {
        let mut breaker = seen(0, 20);
        breaker.begin_probe(NOW.plus_ms(30_000));
        breaker.end_probe(None, NOW.plus_ms(30_000));
        assert_eq!(breaker.says(NOW.plus_ms(30_000)), Says::Probe);
    }

    #[test]
    fn what_ends_after_it_has_tripped_says_nothing() {
        let mut breaker = seen(0, 20);
        assert!(!breaker.count(GOOD, NOW));
        breaker.prove();
        assert!(!breaker.is_proven());
        assert_eq!(
            breaker.status(NOW),
            BreakerStatus { state: "tripped", since: Some(NOW), probe_at: Some(NOW.plus_ms(30_000)), calls: 20, faults: 20 }
        );
    }

    #[test]
    fn a_clock_that_was_set_back_counts_nothing_twice() {
        let mut breaker = seen(0, 19);
        let before = Timestamp(NOW.0 - 3_600_000);
        assert_eq!(breaker.status(before).calls, 0);
        assert!(!breaker.count(FAULT, before));
    }
}
