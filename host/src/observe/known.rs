//! The names that have time series of their own. What operators name (sources, plugins, destinations) is bounded by nothing else: a hub that
//! is applied again and again with other names would make the page of metrics longer each time.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// The first so many names that were seen; it only grows, to its bound. What is not known is counted as [`Known::OTHERS`].
#[derive(Debug)]
pub struct Known<K> {
    seen: Mutex<HashSet<K>>,
    names_max: usize,
}

impl<K: Clone + Eq + Hash> Known<K> {
    /// With so many names at most.
    #[must_use]
    pub fn new(names_max: usize) -> Self {
        Self { seen: Mutex::default(), names_max }
    }

    /// Whether this one has time series of its own.
    pub fn has(&self, name: &K) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.contains(name) || (seen.len() < self.names_max && seen.insert(name.clone()))
    }
}

impl Known<()> {
    /// The label of all others. Nothing has this name, since names begin with a letter or digit.
    pub const OTHERS: &str = "_others";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_are_known_and_stay_so() {
        let known = Known::new(2);
        assert_eq!(["a", "b", "c", "a"].map(|name| known.has(&name)), [true, true, false, true]);
    }
}
