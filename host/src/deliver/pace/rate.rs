//! How many attempts a destination gets in a second and in a minute. Pure: two token buckets.
//!
//! A bucket holds what one second (or minute) may use and is filled evenly, so that after a pause as many may go at once; within any
//! second it is twice the rate at most, over longer times the rate. Exact, since all is counted in whole parts of a token.

use crate::event::Timestamp;

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60_000;

/// The rates; `None`: as many as there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::deliver) struct RatePolicy {
    pub(in crate::deliver) per_second: Option<u32>,
    pub(in crate::deliver) per_minute: Option<u32>,
}

impl RatePolicy {
    fn buckets(&self) -> [(Option<u32>, u64); 2] {
        [(self.per_second, SECOND_MS), (self.per_minute, MINUTE_MS)]
    }
}

/// The buckets of one destination: per second, per minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate([Option<Bucket>; 2]);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// In parts of a token, of which there are as many as the time has milliseconds. Below 0 where more was taken than there was.
    parts: i64,
    filled_at: Timestamp,
}

impl Rate {
    /// How many may begin now, or how many milliseconds it is until one may.
    pub(super) fn available(&mut self, policy: &RatePolicy, now: Timestamp) -> Result<usize, u64> {
        self.fill(policy, now);
        let (mut available, mut wait_ms) = (usize::MAX, 0);
        for (bucket, (rate, length_ms)) in self.0.iter().zip(policy.buckets()) {
            let (Some(bucket), Some(rate)) = (bucket, rate) else { continue };
            let length = signed(length_ms);
            available = available.min(usize::try_from(bucket.parts.div_euclid(length)).unwrap_or(0));
            let missing = u64::try_from(length - bucket.parts).unwrap_or(0);
            wait_ms = wait_ms.max(missing.div_ceil(u64::from(rate.max(1))));
        }
        if available == 0 { Err(wait_ms) } else { Ok(available) }
    }

    pub(super) fn take(&mut self, count: usize) {
        self.add(-i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// What was taken and not used.
    pub(super) fn give_back(&mut self, count: usize) {
        self.add(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn add(&mut self, count: i64) {
        for (bucket, length_ms) in self.0.iter_mut().zip([SECOND_MS, MINUTE_MS]) {
            if let Some(bucket) = bucket {
                bucket.parts = bucket.parts.saturating_add(count.saturating_mul(signed(length_ms)));
            }
        }
    }

    fn fill(&mut self, policy: &RatePolicy, now: Timestamp) {
        for (bucket, (rate, length_ms)) in self.0.iter_mut().zip(policy.buckets()) {
            *bucket = rate.map(|rate| filled(*bucket, rate, length_ms, now));
        }
    }
}

/// A new bucket is full.
fn filled(bucket: Option<Bucket>, rate: u32, length_ms: u64, now: Timestamp) -> Bucket {
    let full = i64::from(rate).saturating_mul(signed(length_ms));
    let parts = bucket.map_or(full, |bucket| {
        let grown = signed(now.ms_since(bucket.filled_at)).saturating_mul(i64::from(rate));
        bucket.parts.saturating_add(grown).min(full)
    });
    Bucket { parts, filled_at: now }
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn a_bucket_is_full_at_first_and_filled_evenly() {
        let policy = RatePolicy { per_second: Some(10), per_minute: None };
        let mut rate = Rate::default();
        assert_eq!(rate.available(&policy, NOW), Ok(10));
        rate.take(10);
        assert_eq!(rate.available(&policy, NOW), Err(100));
        assert_eq!(rate.available(&policy, NOW.plus_ms(99)), Err(1));
        assert_eq!(rate.available(&policy, NOW.plus_ms(100)), Ok(1));
        assert_eq!(rate.available(&policy, NOW.plus_ms(3_600_000)), Ok(10));
    }

    #[test]
    fn the_stricter_rate_counts() {
        let policy = RatePolicy { per_second: Some(10), per_minute: Some(12) };
        let mut rate = Rate::default();
        rate.available(&policy, NOW).expect("they are full");
        rate.take(10);
        assert_eq!(rate.available(&policy, NOW.plus_ms(1_000)), Ok(2));
        rate.take(2);
        assert_eq!(rate.available(&policy, NOW.plus_ms(2_000)), Err(3_000));
    }

    #[test]
    fn what_was_not_used_comes_back_and_a_debt_is_paid() {
        let policy = RatePolicy { per_second: Some(2), per_minute: None };
        let mut rate = Rate::default();
        rate.available(&policy, NOW).expect("it is full");
        rate.take(4);
        assert_eq!(rate.available(&policy, NOW), Err(1_500));
        rate.give_back(3);
        assert_eq!(rate.available(&policy, NOW), Ok(1));
    }

    #[test]
    fn without_rates_nothing_is_counted() {
        let mut rate = Rate::default();
        rate.take(1_000);
        assert_eq!(rate.available(&RatePolicy::default(), NOW), Ok(usize::MAX));
        let policy = RatePolicy { per_second: Some(1), per_minute: None };
        assert_eq!(rate.available(&policy, NOW), Ok(1), "it begins with the setting");
    }

    proptest! {
        /// In any second as many as the bucket holds and as it is filled with, and who waits as told may go on.
        #[test]
        fn no_time_sees_more_than_its_bucket(
            per_second in 1_u32..50, per_minute in 1_u32..500, steps in prop::collection::vec((0_u64..700, 1_usize..20), 1..80),
        ) {
            let policy = RatePolicy { per_second: Some(per_second), per_minute: Some(per_minute) };
            let (mut rate, mut now, mut taken) = (Rate::default(), NOW, Vec::new());
            for (ms, wanted) in steps {
                now = now.plus_ms(ms);
                match rate.available(&policy, now) {
                    Ok(available) => {
                        rate.take(wanted.min(available));
                        taken.push((now, wanted.min(available)));
                    }
                    Err(wait_ms) => {
                        prop_assert!(rate.clone().available(&policy, now.plus_ms(wait_ms - 1)).is_err());
                        prop_assert!(rate.clone().available(&policy, now.plus_ms(wait_ms)).is_ok());
                    }
                }
            }
            for (first, _) in &taken {
                for (per, length_ms) in [(per_second, SECOND_MS), (per_minute, MINUTE_MS)] {
                    let within = taken.iter().filter(|(at, _)| at >= first && at.ms_since(*first) < length_ms);
                    let sum: usize = within.map(|(_, count)| count).sum();
                    prop_assert!(sum <= 2 * per as usize, "{sum} of {per} in {length_ms} ms");
                }
            }
        }
    }
}
