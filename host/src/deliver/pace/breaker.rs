//! Whether a destination is tried at all. Pure: the time is passed in, and the memory is a dozen counters.
//!
//! It opens when so many attempts in a row have failed, or when that part of enough attempts within the window has. While it is open nothing is
//! tried, until a single probe is: if that goes well the breaker closes, if not it stays open for twice as long, up to a bound. What was
//! begun before it opened (or closed) and ends after it says nothing any more.

use crate::{event::Timestamp, journal::Opened};

use super::window::{Seen, Window};

/// So long after it was let through, a probe of which nothing is heard is made again: longer than the longest timeout of an attempt.
pub(super) const PROBE_MS_MAX: u64 = 120_000;

/// When it opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::deliver) struct BreakerPolicy {
    /// In a row.
    pub(in crate::deliver) failures: u32,
    /// The part of the window's attempts.
    pub(in crate::deliver) ratio: f64,
    /// Fewer attempts within the window tell nothing.
    pub(in crate::deliver) attempts_min: u32,
    pub(in crate::deliver) window_ms: u64,
    /// Until the first probe; it doubles with each probe that fails.
    pub(in crate::deliver) open_ms: u64,
    pub(in crate::deliver) open_ms_max: u64,
}

/// The breaker of one destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Breaker {
    window: Window,
    /// In a row, of those that count.
    failures: u32,
    opened: Option<Opened>,
    /// Let through, while it is open.
    probe: Option<Probe>,
    /// Which time of being closed, or which probe: leave that was given in another says nothing.
    epoch: u32,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    since: Timestamp,
    begun: bool,
}

/// Leave for one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u32,
}

/// What the breaker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// Go on.
    Closed,
    /// One may go on, to see whether the destination is well again.
    Probe,
    /// Nothing before then.
    Wait(Timestamp),
}

impl Breaker {
    /// As it was when the host stopped; a probe that was under way then is made again.
    pub(super) fn resume(opened: Option<Opened>) -> Self {
        Self { opened, ..Self::default() }
    }

    /// Closed and without a memory; what is under way says nothing any more.
    pub(super) fn reset(&self) -> Self {
        Self { epoch: self.epoch.wrapping_add(1), ..Self::default() }
    }

    pub(super) fn opened(&self) -> Option<Opened> {
        self.opened
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn is_probing(&self) -> bool {
        self.probe.is_some()
    }

    pub(super) fn says(&self, now: Timestamp) -> Says {
        let Some(opened) = self.opened else { return Says::Closed };
        let at = self.probe.map_or(opened.until, |probe| probe.since.plus_ms(PROBE_MS_MAX));
        if at <= now { Says::Probe } else { Says::Wait(at) }
    }

    /// Keeps the probe for what is claimed now.
    pub(super) fn reserve_probe(&mut self, now: Timestamp) {
        self.epoch = self.epoch.wrapping_add(1);
        self.probe = Some(Probe { since: now, begun: false });
    }

    /// There was nothing to make it with.
    pub(super) fn return_probe(&mut self) {
        self.probe = self.probe.filter(|probe| probe.begun);
    }

    /// Leave for an attempt that begins now. While the breaker is open only the probe has it, and only once.
    pub(super) fn pass(&mut self, now: Timestamp) -> Result<Pass, Timestamp> {
        let Some(opened) = self.opened else { return Ok(Pass { epoch: self.epoch }) };
        match &mut self.probe {
            Some(probe) if !probe.begun => {
                (probe.since, probe.begun) = (now, true);
                Ok(Pass { epoch: self.epoch })
            }
            Some(probe) => Err(probe.since.plus_ms(PROBE_MS_MAX)),
            None => Err(opened.until.max(now)),
        }
    }

    /// How an attempt went; `None`: it says nothing of the destination.
    pub(super) fn ended(&mut self, pass: Pass, well: Option<bool>, policy: &BreakerPolicy, now: Timestamp) {
        if pass.epoch != self.epoch {
            return;
        }
        match (self.opened, well) {
            (Some(_), Some(true)) => *self = self.reset(),
            (Some(opened), Some(false)) => self.open(Opened { probes: opened.probes.saturating_add(1), ..opened }, policy, now),
            (Some(_), None) => self.probe = None,
            (None, Some(well)) => self.count(well, policy, now),
            (None, None) => {}
        }
    }

    fn count(&mut self, well: bool, policy: &BreakerPolicy, now: Timestamp) {
        self.failures = if well { 0 } else { self.failures.saturating_add(1) };
        self.window.add(well, policy.window_ms, now);
        let Seen { attempts, failures } = self.window.sum(now);
        let too_many = attempts >= policy.attempts_min && f64::from(failures) >= policy.ratio * f64::from(attempts);
        if !well && (too_many || self.failures >= policy.failures) {
            self.open(Opened { since: now, until: now, probes: 0 }, policy, now);
        }
    }

    fn open(&mut self, opened: Opened, policy: &BreakerPolicy, now: Timestamp) {
        let doublings = opened.probes.min(u64::BITS - 1);
        let open_ms = policy.open_ms.saturating_mul(1 << doublings).min(policy.open_ms_max);
        self.opened = Some(Opened { until: now.plus_ms(open_ms), ..opened });
        (self.window, self.probe, self.epoch) = (Window::default(), None, self.epoch.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);
    const POLICY: BreakerPolicy =
        BreakerPolicy { failures: 5, ratio: 0.5, attempts_min: 10, window_ms: 60_000, open_ms: 30_000, open_ms_max: 100_000 };

    fn tried(breaker: &mut Breaker, well: bool, now: Timestamp) {
        let pass = breaker.pass(now).expect("leave");
        breaker.ended(pass, Some(well), &POLICY, now);
    }

    /// A breaker that has seen these, at once.
    fn seen(all: impl IntoIterator<Item = bool>) -> Breaker {
        let mut breaker = Breaker::default();
        all.into_iter().for_each(|well| tried(&mut breaker, well, NOW));
        breaker
    }

    fn probe(breaker: &mut Breaker, well: Option<bool>, now: Timestamp) {
        assert_eq!(breaker.says(now), Says::Probe);
        breaker.reserve_probe(now);
        let pass = breaker.pass(now).expect("leave");
        assert!(breaker.pass(now).is_err(), "one only");
        breaker.ended(pass, well, &POLICY, now);
    }

    #[test]
    fn failures_in_a_row_open_it_and_no_fewer() {
        assert_eq!(seen([false; 4]).says(NOW), Says::Closed);
        assert_eq!(seen([false; 5]).says(NOW), Says::Wait(NOW.plus_ms(30_000)));
        assert_eq!(seen([false, false, false, false, true, false, false, false]).says(NOW), Says::Closed);
    }

    #[test]
    fn a_part_of_enough_attempts_opens_it() {
        let alternating = |count| (0..count).map(|n| n % 2 == 0);
        assert_eq!(seen(alternating(9)).says(NOW), Says::Closed);
        assert_eq!(seen(alternating(10)).says(NOW), Says::Wait(NOW.plus_ms(30_000)));
        assert_eq!(seen((0..100).map(|n| n % 3 > 0)).says(NOW), Says::Closed);
        let mut breaker = seen(alternating(9));
        tried(&mut breaker, false, NOW.plus_ms(60_000));
        assert_eq!(breaker.says(NOW.plus_ms(60_000)), Says::Closed, "what was a window ago does not count");
    }

    #[test]
    fn each_probe_that_fails_doubles_the_time_up_to_its_bound() {
        let mut breaker = seen([false; 5]);
        let mut now = NOW;
        for open_ms in [30_000, 60_000, 100_000, 100_000] {
            assert_eq!(breaker.says(now.plus_ms(open_ms - 1)), Says::Wait(now.plus_ms(open_ms)));
            now = now.plus_ms(open_ms);
            probe(&mut breaker, Some(false), now);
        }
        probe(&mut breaker, Some(true), now.plus_ms(100_000));
        assert_eq!((breaker.says(now), breaker.failures()), (Says::Closed, 0), "it begins anew");
    }

    #[test]
    fn a_probe_that_says_nothing_is_made_again() {
        let mut breaker = seen([false; 5]);
        let due = NOW.plus_ms(30_000);
        probe(&mut breaker, None, due);
        assert_eq!(breaker.says(due), Says::Probe);
        breaker.reserve_probe(due);
        assert_eq!(breaker.says(due), Says::Wait(due.plus_ms(PROBE_MS_MAX)));
        breaker.return_probe();
        assert_eq!(breaker.says(due), Says::Probe, "there was nothing to make it with");
        breaker.reserve_probe(due);
        let lost = breaker.pass(due).expect("leave");
        let later = due.plus_ms(PROBE_MS_MAX);
        probe(&mut breaker, Some(false), later);
        breaker.ended(lost, Some(true), &POLICY, later);
        assert_eq!(breaker.says(later), Says::Wait(later.plus_ms(60_000)), "it was given up, and says nothing");
    }

    #[test]
    fn what_was_begun_before_it_opened_says_nothing() {
        let mut breaker = Breaker::default();
        let before = breaker.pass(NOW).expect("leave");
        (0..5).for_each(|_| tried(&mut breaker, false, NOW));
        breaker.ended(before, Some(true), &POLICY, NOW);
        assert_eq!(breaker.says(NOW), Says::Wait(NOW.plus_ms(30_000)));
        probe(&mut breaker, Some(true), NOW.plus_ms(30_000));
        breaker.ended(before, Some(false), &POLICY, NOW);
        assert_eq!(breaker.failures(), 0);
    }

    #[test]
    fn it_survives_a_restart_without_its_probe() {
        let mut breaker = seen([false; 5]);
        breaker.reserve_probe(NOW.plus_ms(30_000));
        let resumed = Breaker::resume(breaker.opened());
        assert_eq!(resumed.says(NOW), Says::Wait(NOW.plus_ms(30_000)));
        assert_eq!(resumed.says(NOW.plus_ms(30_000)), Says::Probe);
    }
}
