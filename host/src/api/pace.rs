//! How many calls a key may make, and how many wrong keys an address may present. Pure: the time is given.
//!
//! Kept by the generic cell rate algorithm: of the past is kept only when the next call would be due if they came evenly.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use crate::event::Timestamp;

/// So many at once, and so many a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) per_second: u32,
    pub(super) burst: u32,
}

/// What a call was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Calls that may follow at once.
    pub(super) remaining: u32,
    /// Seconds until all of the burst is there again.
    pub(super) reset_secs: u64,
}

/// No call is taken now; one will be after so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMany {
    pub(super) wait_secs: u64,
}

/// The paces of many, of which so many are remembered.
pub(super) struct Paces<K> {
    quota: Quota,
    remembered_max: usize,
    due_micros: Mutex<HashMap<K, u64>>,
}

const SECOND_MICROS: u64 = 1_000_000;

impl Quota {
    /// At least one: no more than a million calls come evenly in a second here.
    fn every_micros(self) -> u64 {
        (SECOND_MICROS / u64::from(self.per_second.max(1))).max(1)
    }

    fn early_micros(self) -> u64 {
        self.every_micros() * u64::from(self.burst.max(1) - 1)
    }

    /// The seconds in which all of the burst comes back.
    pub(super) fn window_secs(self) -> u64 {
        u64::from(self.burst).div_ceil(u64::from(self.per_second.max(1)))
    }
}

impl<K: Clone + Eq + Hash> Paces<K> {
    pub(super) fn new(quota: Quota, remembered_max: usize) -> Self {
        Self { quota, remembered_max, due_micros: Mutex::default() }
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes a call, or tells when one will be.
    pub(super) fn take(&self, of: &K, now: Timestamp) -> Result<Taken, TooMany> {
        let now = now.0.saturating_mul(1000);
        let mut all = self.due_micros.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= self.remembered_max && !all.contains_key(of) {
            make_room(&mut all, now);
        }
        let due = all.entry(of.clone()).or_default();
        let (every, early) = (self.quota.every_micros(), self.quota.early_micros());
        // No call is due later than this, unless the clock was set back.
        let standing = (*due).clamp(now, now + early + every);
        if standing > now + early {
            *due = standing;
            return Err(TooMany { wait_secs: (standing - now - early).div_ceil(SECOND_MICROS).max(1) });
        }
        *due = standing + every;
        Ok(told(*due, now, early, every))
    }
}

fn told(due: u64, now: u64, early: u64, every: u64) -> Taken {
    let remaining = (now + early + every).saturating_sub(due) / every;
    Taken { remaining: u32::try_from(remaining).unwrap_or(u32::MAX), reset_secs: (due - now).div_ceil(SECOND_MICROS) }
}

/// Those who have their whole burst are as those who never called. Where all others are many too, who has most of it left goes.
fn make_room<K: Clone + Eq + Hash>(all: &mut HashMap<K, u64>, now: u64) {
    all.retain(|_, due| *due > now);
    let least = all.iter().min_by_key(|(_, due)| **due).map(|(of, _)| of.clone());
    if let Some(of) = least {
        all.remove(&of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota { per_second: 10, burst: 3 };

    #[test]
    fn a_burst_is_taken_and_then_what_comes_evenly() {
        let paces = Paces::new(QUOTA, 10);
        let take = |ms| paces.take(&"a", Timestamp(ms));
        assert_eq!(take(1_000), Ok(Taken { remaining: 2, reset_secs: 1 }));
        assert_eq!(take(1_000).map(|taken| taken.remaining), Ok(1));
        assert_eq!(take(1_000).map(|taken| taken.remaining), Ok(0));
        assert_eq!(take(1_000), Err(TooMany { wait_secs: 1 }));
        assert!(take(1_100).is_ok() && take(1_100).is_err(), "one a tenth of a second");
        assert_eq!(paces.take(&"b", Timestamp(1_100)).map(|taken| taken.remaining), Ok(2), "others have their own");
        assert_eq!(take(9_000).map(|taken| taken.remaining), Ok(2), "after a pause");
        assert_eq!(QUOTA.window_secs(), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let paces = Paces::new(QUOTA, 10);
        assert!(paces.take(&"a", Timestamp(1_000_000)).is_ok());
        assert!(paces.take(&"a", Timestamp(1_000)).is_err(), "for as long as a burst takes");
        assert!(paces.take(&"a", Timestamp(1_500)).is_ok());
    }

    #[test]
    fn a_rate_beyond_a_million_is_one_of_a_million() {
        let paces = Paces::new(Quota { per_second: u32::MAX, burst: 2 }, 10);
        let take = || paces.take(&"a", Timestamp(1_000)).map(|taken| taken.remaining);
        assert_eq!((take(), take(), take()), (Ok(1), Ok(0), Err(TooMany { wait_secs: 1 })));
    }

    #[test]
    fn so_many_are_remembered() {
        let paces = Paces::new(QUOTA, 2);
        for of in ["a", "b", "c", "d"] {
            assert!(paces.take(&of, Timestamp(1_000)).is_ok());
        }
        assert_eq!(paces.due_micros.lock().expect("not poisoned").len(), 2);
    }
}
