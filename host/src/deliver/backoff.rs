//! How long to wait after a failure. Pure: attempt, policy and randomness in, milliseconds out.

use super::retry::Waits;

/// Even the luckiest draw waits this long, where the policy allows that much.
const DELAY_MS_MIN: u64 = 1_000;
/// A listed wait is lengthened by up to this part of itself, and never shortened.
const LISTED_JITTER: f64 = 0.1;

/// The wait after the `attempt`-th try failed, with jitter, so that what failed together does not come back together. `random` is in
/// [0, 1).
pub(super) fn delay_ms(waits: &Waits, attempt: u32, random: f64) -> u64 {
    let failures_before = attempt.saturating_sub(1);
    let (floor, ceiling) = match waits {
        Waits::Growing { first_ms, max_ms, factor } => {
            let ceiling = grown(*first_ms, *factor, failures_before).min(*max_ms);
            (DELAY_MS_MIN.min(ceiling), ceiling)
        }
        Waits::Listed(waits) => {
            let wait = waits.get(failures_before as usize).or(waits.last()).copied().unwrap_or(DELAY_MS_MIN);
            (wait, wait.saturating_add(part_of(wait, LISTED_JITTER)))
        }
    };
    (floor + part_of(ceiling - floor, random.clamp(0.0, 1.0))).min(ceiling)
}

/// Exponential, for full jitter below it.
fn grown(first_ms: u64, factor: f64, times: u32) -> u64 {
    let times = i32::try_from(times).unwrap_or(i32::MAX);
    part_of(first_ms, factor.powi(times))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "no part is negative, and casts of floats saturate")]
fn part_of(ms: u64, part: f64) -> u64 {
    (ms as f64 * part) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_the_policy(
            first in 100_u64..600_000, more in 0_u64..1_000_000_000, factor in 1.0..10.0, attempt in 1_u32.., random in 0.0..1.0,
        ) {
            let waits = Waits::Growing { first_ms: first, max_ms: first + more, factor };
            let wait = delay_ms(&waits, attempt, random);
            prop_assert!(wait <= first + more);
            prop_assert!(wait >= DELAY_MS_MIN.min(first));
            prop_assert!(wait <= delay_ms(&waits, attempt.saturating_add(1), 1.0));
            prop_assert!(delay_ms(&waits, attempt, 0.0) <= wait);
        }

        #[test]
        fn a_listed_wait_is_never_shortened(
            listed in prop::collection::vec(100_u64..600_000_000, 1..20), attempt in 1_u32..200, random in 0.0..1.0,
        ) {
            let of_this_failure = listed[(attempt as usize).min(listed.len()) - 1];
            let wait = delay_ms(&Waits::Listed(listed), attempt, random);
            prop_assert!((of_this_failure..=of_this_failure + of_this_failure / 10).contains(&wait));
        }
    }

    #[test]
    fn the_bound_grows_up_to_the_maximum() {
        let bounds = |factor| {
            let waits = Waits::Growing { first_ms: 5_000, max_ms: 60_000, factor };
            [1, 2, 3, 4, 5, 6, 1000].map(|attempt| delay_ms(&waits, attempt, 1.0))
        };
        assert_eq!(bounds(2.0), [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
        assert_eq!(bounds(1.0), [5_000; 7]);
        assert_eq!(bounds(3.0), [5_000, 15_000, 45_000, 60_000, 60_000, 60_000, 60_000]);
    }
}
