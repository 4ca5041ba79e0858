//! How long to wait after a failure. Pure: attempt, policy, randomness and headers in, milliseconds out.

use http::{HeaderMap, header::RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

use super::destination::Retry;
use crate::event::Timestamp;

/// Even the luckiest draw waits this long, where the policy allows that much.
const DELAY_MS_MIN: u64 = 1_000;

/// The wait after the `attempt`-th try failed: exponential with full jitter, so that what failed together does not come back
/// together. `random` is in [0, 1).
pub(super) fn delay_ms(policy: &Retry, attempt: u32, random: f64) -> u64 {
    let doublings = attempt.saturating_sub(1).min(u64::BITS - 1);
    let ceiling = policy.first_ms.saturating_mul(1 << doublings).min(policy.max_ms);
    let floor = DELAY_MS_MIN.min(ceiling);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a u64, and casts of floats saturate")]
    let jitter = ((ceiling - floor) as f64 * random.clamp(0.0, 1.0)) as u64;
    (floor + jitter).min(ceiling)
}

/// The wait that a response asks for with `Retry-After` (RFC 9110, section 10.2.3): seconds or a date. What is neither is ignored.
pub(super) fn retry_after_ms(headers: &HeaderMap, now: Timestamp) -> Option<u64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse::<u64>() {
        return Some(secs.saturating_mul(1000));
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?.as_millisecond();
    Some(Timestamp(u64::try_from(at).ok()?).ms_since(now))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wait_stays_within_the_policy(first in 100_u64..600_000, more in 0_u64..1_000_000_000, attempt in 1_u32.., random in 0.0..1.0) {
            let policy = Retry { attempts_max: 100, first_ms: first, max_ms: first + more, age_ms_max: u64::MAX };
            let wait = delay_ms(&policy, attempt, random);
            prop_assert!(wait <= policy.max_ms);
            prop_assert!(wait >= DELAY_MS_MIN.min(policy.first_ms));
            prop_assert!(wait <= delay_ms(&policy, attempt.saturating_add(1), 1.0));
            prop_assert!(delay_ms(&policy, attempt, 0.0) <= wait);
        }
    }

    #[test]
    fn the_bound_doubles_up_to_the_maximum() {
        let policy = Retry { attempts_max: 20, first_ms: 5_000, max_ms: 60_000, age_ms_max: u64::MAX };
        let bounds = [1, 2, 3, 4, 5, 6, 1000].map(|attempt| delay_ms(&policy, attempt, 1.0));
        assert_eq!(bounds, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 2015-10-21T07:28:00Z
        let now = Timestamp(1_445_412_480_000);
        let asked = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().expect("a header's value"))]);
            retry_after_ms(&headers, now)
        };
        assert_eq!(asked("120"), Some(120_000));
        assert_eq!(asked(" 0 "), Some(0));
        assert_eq!(asked("18446744073709551615"), Some(u64::MAX));
        assert_eq!(asked("Wed, 21 Oct 2015 07:29:00 GMT"), Some(60_000));
        assert_eq!(asked("Wed, 21 Oct 2015 07:27:00 GMT"), Some(0));
        for bad in ["", "soon", "-5", "1.5", "2015-10-21"] {
            assert_eq!(asked(bad), None, "{bad}");
        }
    }
}
