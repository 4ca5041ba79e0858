//! How fast a destination is delivered to, and whether at all. Pure: the time is passed in, nothing is read or sent.
//!
//! A [`Pace`] is what one lane knows of its destination. It says how many places the lane may have ([`Pace::places`]), is told what was
//! [claimed](Pace::claim) and what came of it, gives leave for [each attempt](Pace::begin), and learns from [its end](Pace::end). An attempt
//! without leave is not made, and therefore not counted. Four things can be in the way, in this order: the destination wants nothing any more
//! (410), it asked to be left alone (`Retry-After`), its `breaker` is open, its `rate` is used up; and the `throttle` says how many at once.
//!
//! What has to outlive a restart is [`LaneFacts`]: the throttle and the buckets begin anew.

mod breaker;
mod heard;
#[cfg(test)]
mod histories;
mod metrics;
mod paces;
mod rate;
mod spec;
mod throttle;
mod window;

pub(super) use breaker::BreakerPolicy;
pub(super) use heard::Heard;
pub use paces::{LaneStatus, Paces};
pub(super) use rate::RatePolicy;
pub use spec::{BreakerSettings, BreakerSpec, RateSpec};

use crate::{
    event::{Failure, Timestamp},
    journal::{Disabled, LaneFacts},
};
use breaker::{Breaker, Says};
use rate::Rate;
use throttle::{Mark, Throttle};

/// `Retry-After` of a 429 or 503 holds all of the destination's deliveries, but no longer than this; the one that was answered so waits
/// for as long as it is told.
pub(super) const HOLD_MS_MAX: u64 = 60 * 60 * 1000;
/// While a destination is disabled, its lane is looked at again after so long.
pub(super) const DISABLED_AGAIN_MS: u64 = 60_000;

/// What a destination's settings say of its pace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Policy {
    /// As the hub file has it.
    pub(super) enabled: bool,
    /// Deliveries under way at once, at most.
    pub(super) concurrency: usize,
    /// `None`: it has none.
    pub(super) breaker: Option<BreakerPolicy>,
    pub(super) rate: RatePolicy,
}

/// The pace of one lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    disabled: Option<Disabled>,
    /// It asked for nothing before then.
    held_until: Option<Timestamp>,
    breaker: Breaker,
    throttle: Throttle,
    rate: Rate,
    /// Claimed or under way.
    taken: usize,
}

/// Leave for one attempt, to be given back with its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leave {
    pass: Option<breaker::Pass>,
    mark: Mark,
}

/// Nothing may begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pause {
    pub(super) why: Why,
    /// To be asked again then.
    pub(super) ms: u64,
}

/// What is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Disabled,
    Held,
    Open,
    Rate,
}

impl Pace {
    /// As it was when the host stopped.
    pub(super) fn resume(facts: LaneFacts) -> Self {
        let LaneFacts { disabled, opened, held_until } = facts;
        Self { disabled, held_until, breaker: Breaker::resume(opened), ..Self::default() }
    }

    /// What outlives a restart.
    pub(super) fn facts(&self) -> LaneFacts {
        LaneFacts { disabled: self.disabled.clone(), opened: self.breaker.opened(), held_until: self.held_until }
    }

    /// How many deliveries the lane may have at once, with those that it has.
    pub(super) fn places(&mut self, policy: &Policy, now: Timestamp) -> Result<usize, Pause> {
        self.is_let(policy, now)?;
        let available = self.rate.available(&policy.rate, now).map_err(|ms| Pause { why: Why::Rate, ms })?;
        let one_more = match self.breaker.says(now) {
            Says::Closed => available,
            Says::Probe => 1,
            Says::Wait(until) => return Err(Pause { why: Why::Open, ms: until.ms_since(now) }),
        };
        Ok(self.taken.saturating_add(one_more).min(self.limit(policy)))
    }

    /// Up to `max` are being claimed; they use up the rate and, where it is its turn, the probe.
    pub(super) fn claim(&mut self, max: usize, now: Timestamp) {
        self.taken = self.taken.saturating_add(max);
        self.rate.take(max);
        if self.breaker.says(now) == Says::Probe {
            self.breaker.reserve_probe(now);
        }
    }

    /// So many of `max` were there.
    pub(super) fn claimed(&mut self, got: usize, max: usize) {
        self.put_back(max.saturating_sub(got));
        if got == 0 {
            self.breaker.return_probe();
        }
    }

    /// Leave for an attempt of what was claimed; without it the place is given back, since much may have happened meanwhile.
    pub(super) fn begin(&mut self, policy: &Policy, now: Timestamp) -> Result<Leave, Pause> {
        let leave = self.is_let(policy, now).and_then(|()| {
            let pass = policy.breaker.map(|_| self.breaker.pass(now)).transpose();
            let pass = pass.map_err(|until| Pause { why: Why::Open, ms: until.ms_since(now) })?;
            Ok(Leave { pass, mark: self.throttle.mark() })
        });
        if leave.is_err() {
            self.put_back(1);
            self.breaker.return_probe();
        }
        leave
    }

    /// An attempt has ended; true where its destination is given fewer from now on.
    pub(super) fn end(&mut self, leave: Leave, heard: Heard, policy: &Policy, now: Timestamp) -> bool {
        self.taken = self.taken.saturating_sub(1);
        if heard.gone && self.disabled.is_none() {
            self.disabled = Some(Disabled { at: now, failure: gone() });
        }
        if let Some(ms) = heard.hold_ms {
            self.held_until = self.held_until.max(Some(now.plus_ms(ms.min(HOLD_MS_MAX))));
        }
        if let (Some(pass), Some(breaker)) = (leave.pass, &policy.breaker) {
            self.breaker.ended(pass, heard.well, breaker, now);
        }
        self.throttle.ended(leave.mark, heard.load, policy.concurrency)
    }

    /// Somebody has mended the destination: all may go on at once.
    pub(super) fn enable(&mut self) {
        let taken = self.taken;
        *self = Self { taken, rate: self.rate.clone(), breaker: self.breaker.reset(), ..Self::default() };
    }

    /// How many at once the destination gets at present.
    pub(super) fn limit(&self, policy: &Policy) -> usize {
        self.throttle.limit(policy.concurrency)
    }

    fn is_let(&mut self, policy: &Policy, now: Timestamp) -> Result<(), Pause> {
        if self.disabled.is_some() || !policy.enabled {
            return Err(Pause { why: Why::Disabled, ms: DISABLED_AGAIN_MS });
        }
        if policy.breaker.is_none() && self.breaker.opened().is_some() {
            self.breaker = self.breaker.reset();
        }
        match self.held_until {
            Some(until) if until > now => Err(Pause { why: Why::Held, ms: until.ms_since(now) }),
            _ => Ok(()),
        }
    }

    fn put_back(&mut self, count: usize) {
        self.taken = self.taken.saturating_sub(count);
        self.rate.give_back(count);
    }
}

/// What a destination is disabled for.
fn gone() -> Failure {
    Failure::new("gone", "it answered 410: it wants no more messages; mend its URL and enable it, or remove it from the rules")
}
