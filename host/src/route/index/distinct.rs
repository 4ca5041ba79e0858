//! Numbers that are each wanted once. An event may have the same value in a thousand places; so what is found is brought in order whenever
//! it has doubled, and never takes more memory than twice what is distinct.

/// Numbers, collected.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    numbers: Vec<u32>,
    /// The length at which they are brought in order next.
    settle_at: usize,
}

/// So many may stay as they are.
const UNSETTLED_MAX: usize = 1_024;

impl Distinct {
    pub(super) fn push(&mut self, number: u32) {
        self.numbers.push(number);
        self.settle_if_due();
    }

    pub(super) fn extend(&mut self, numbers: &[u32]) {
        self.numbers.extend_from_slice(numbers);
        self.settle_if_due();
    }

    /// All of them, ascending, each once.
    pub(super) fn sorted(mut self) -> Vec<u32> {
        self.settle();
        self.numbers
    }

    fn settle_if_due(&mut self) {
        if self.numbers.len() >= self.settle_at.max(UNSETTLED_MAX) {
            self.settle();
            self.settle_at = 2 * self.numbers.len();
        }
    }

    fn settle(&mut self) {
        if self.numbers.len() > 1 {
            self.numbers.sort_unstable();
            self.numbers.dedup();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_often_takes_no_room() {
        let mut distinct = Distinct::default();
        for number in (0..100_000).map(|n| n % 700) {
            distinct.push(number);
            assert!(distinct.numbers.len() <= 2 * UNSETTLED_MAX);
        }
        distinct.extend(&[3, 900]);
        assert_eq!(distinct.sorted(), (0..700).chain([900]).collect::<Vec<_>>());
    }
}
