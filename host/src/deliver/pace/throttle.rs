//! How many deliveries a destination gets at once. Pure.
//!
//! Where it says that this is too much, half as many; then one more each time as many as that have gone well, up to its `concurrency`.
//! Several that were under way together and are refused together halve it once.

/// What an attempt says of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// It went well.
    Fine,
    /// 429, 502 or 504.
    TooMuch,
    /// Neither.
    Unknown,
}

/// The throttle of one destination.
#[derive(Clone, Debug, Default)]
pub(super) struct Throttle {
    /// `None`: it gets all it may.
    limit: Option<usize>,
    /// Since the limit was changed.
    fine: usize,
    /// How often it was lowered: what began before says nothing of what it is now.
    epoch: u32,
}

/// When an attempt began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    epoch: u32,
}

impl Throttle {
    /// At least 1, at most `concurrency`.
    pub(super) fn limit(&self, concurrency: usize) -> usize {
        self.limit.unwrap_or(concurrency).min(concurrency).max(1)
    }

    /// The limit, where there is one.
    pub(super) fn lowered_to(&self) -> Option<usize> {
        self.limit
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { epoch: self.epoch }
    }

    /// An attempt has ended; true where this lowers the limit.
    pub(super) fn ended(&mut self, mark: Mark, load: Load, concurrency: usize) -> bool {
        match load {
            Load::TooMuch if mark.epoch == self.epoch => {
                self.limit = Some((self.limit(concurrency) / 2).max(1));
                (self.fine, self.epoch) = (0, self.epoch.wrapping_add(1));
                true
            }
            Load::Fine if self.limit.is_some() => {
                self.raise(concurrency);
                false
            }
            _ => false,
        }
    }

    fn raise(&mut self, concurrency: usize) {
        self.fine += 1;
        let limit = self.limit(concurrency);
        if self.fine >= limit {
            (self.limit, self.fine) = (Some(limit + 1).filter(|limit| *limit < concurrency), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The limits after each of so many attempts, one after the other.
    fn limits(throttle: &mut Throttle, count: usize, load: Load, concurrency: usize) -> Vec<usize> {
        let end = |_| {
            throttle.ended(throttle.mark(), load, concurrency);
            throttle.limit(concurrency)
        };
        (0..count).map(end).collect()
    }

    #[test]
    fn it_is_halved_and_raised_by_one_at_a_time() {
        let mut throttle = Throttle::default();
        assert_eq!(limits(&mut throttle, 4, Load::TooMuch, 8), [4, 2, 1, 1]);
        assert_eq!(limits(&mut throttle, 6, Load::Fine, 8), [2, 2, 3, 3, 3, 4]);
        limits(&mut throttle, 4 + 5 + 6 + 7, Load::Fine, 8);
        assert_eq!((throttle.limit(8), throttle.limit(20)), (8, 20), "all it may, also where that is raised");
    }

    #[test]
    fn what_is_refused_together_lowers_it_once() {
        let mut throttle = Throttle::default();
        let marks = [throttle.mark(); 8];
        let lowered = marks.map(|mark| throttle.ended(mark, Load::TooMuch, 8));
        assert_eq!((lowered.iter().filter(|lowered| **lowered).count(), throttle.limit(8)), (1, 4));
    }

    proptest! {
        #[test]
        fn the_limit_stays_within_one_and_the_concurrency(
            steps in prop::collection::vec((0..3_u8, 1_usize..40, any::<bool>()), 0..200),
        ) {
            let mut throttle = Throttle::default();
            let mut old = throttle.mark();
            for (load, concurrency, is_old) in steps {
                let before = throttle.limit(concurrency);
                let load = [Load::Fine, Load::TooMuch, Load::Unknown][usize::from(load)];
                let mark = if is_old { old } else { throttle.mark() };
                let lowered = throttle.ended(mark, load, concurrency);
                let after = throttle.limit(concurrency);
                prop_assert!((1..=concurrency).contains(&after));
                let expected = if lowered { vec![(before / 2).max(1)] } else { vec![before, before + 1] };
                prop_assert!(expected.contains(&after), "{} after {}", after, before);
                prop_assert!(!lowered || load == Load::TooMuch);
                prop_assert!(after <= before || load == Load::Fine);
                old = mark;
            }
        }

        #[test]
        fn enough_that_goes_well_gives_all_back(concurrency in 1_usize..40, lowered in 1_usize..10) {
            let mut throttle = Throttle::default();
            limits(&mut throttle, lowered, Load::TooMuch, concurrency);
            limits(&mut throttle, concurrency * concurrency, Load::Fine, concurrency);
            prop_assert_eq!(throttle.limit(concurrency), concurrency);
        }
    }
}
