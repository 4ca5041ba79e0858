//! The time, which stands still during a call.
//!
//! `Instant::now()` and `SystemTime::now()` panic in a guest. What is here is the host's time, told once: when it took the run up.

use crate::host;

/// Milliseconds since the Unix epoch, the same at each ask within a call.
#[must_use]
pub fn now_ms() -> u64 {
    host::now_ms()
}

#[cfg(test)]
mod tests {
    use crate::testing;

    #[test]
    fn a_test_says_what_the_time_is() {
        assert_eq!(super::now_ms(), 0);
        testing::set_now_ms(1_790_000_000_000);
        assert_eq!(super::now_ms(), 1_790_000_000_000);
    }
}
