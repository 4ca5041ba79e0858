//! How slow a body may be. Pure: times are given.
//!
//! A body that comes a byte at a time keeps within any timeout between two bytes; so it has to come to so many bytes a second on average.

use std::time::Duration;

use super::Options;

/// The slowest body that is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyRate {
    grace: Duration,
    bytes_per_second_min: u64,
    timeout: Duration,
}

/// Why a body is waited for no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// It is too slow.
    Rate,
    /// It takes too long.
    Whole,
}

impl BodyRate {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            grace: Duration::from_millis(options.body_grace_ms),
            bytes_per_second_min: options.body_bytes_per_second_min,
            timeout: Duration::from_millis(options.body_timeout_ms),
        }
    }

    /// How long after its headers a body of which so much has come is waited for, if nothing more comes.
    pub(super) fn patience(&self, received: usize) -> (Duration, Late) {
        let micros = (received as u64).saturating_mul(1_000_000).checked_div(self.bytes_per_second_min);
        // Without a rate there is nothing but the timeout.
        let by_rate = micros.map_or(Duration::MAX, Duration::from_micros).max(self.grace);
        if by_rate < self.timeout { (by_rate, Late::Rate) } else { (self.timeout, Late::Whole) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(received: usize, bytes_per_second_min: u64) -> (u64, Late) {
        let options = Options { body_bytes_per_second_min: bytes_per_second_min, ..Options::default() };
        let (patience, late) = BodyRate::new(&options).patience(received);
        (patience.as_secs(), late)
    }

    #[test]
    fn a_body_has_its_grace_and_then_the_time_that_its_bytes_are_worth() {
        assert_eq!(patience(0, 240), (5, Late::Rate));
        assert_eq!(patience(240 * 5, 240), (5, Late::Rate));
        assert_eq!(patience(240 * 20, 240), (20, Late::Rate));
    }

    #[test]
    fn no_body_has_more_than_the_timeout() {
        assert_eq!(patience(1_000_000, 240), (30, Late::Whole));
        assert_eq!(patience(0, 0), (30, Late::Whole), "0 asks for no rate");
    }
}
