//! Random numbers that a repeat sees again: they depend on the event's id, the plugin and its function.
//!
//! So a sampled event is sampled on its retry too. They are no secret: for keys and tokens they are of no use.

use crate::host;

/// What the host hands over at once.
const AT_ONCE: usize = 64 << 10;

/// The next `count` bytes.
#[must_use]
pub fn bytes(count: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        all.extend(host::random(AT_ONCE.min(count - all.len())));
    }
    all
}

/// The next eight bytes, as a number.
#[must_use]
pub fn u64() -> u64 {
    bytes(8).into_iter().fold(0, |number, byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_seed_gives_the_same_numbers_again() {
        testing::set_random_seed(7);
        let first = (bytes(3), u64());
        assert_ne!(u64(), first.1);
        testing::set_random_seed(7);
        assert_eq!((bytes(3), u64()), first);
        testing::set_random_seed(8);
        assert_ne!(bytes(3), first.0);
    }

    #[test]
    fn there_is_no_end_of_them() {
        assert_eq!(bytes(AT_ONCE + 1).len(), AT_ONCE + 1);
        assert!(bytes(0).is_empty());
    }
}
