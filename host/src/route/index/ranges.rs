//! Within which of many ranges does a number lie? The ranges are sorted by their lower ends; over them stands a balanced tree that
//! knows the highest upper end of each part.
//!
//! A look-up goes only into parts that hold a range with the number, so it costs what it finds times the depth of the tree.

use std::cmp::Ordering;

use super::super::compare::{Bound, Number, Range};

/// Ranges, each with a number of its own.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    /// By their lower ends. The middle one of each part is its root.
    sorted: Vec<(Range, u32)>,
    /// The highest upper end within the part whose root stands at this index; `None`: one has no upper end.
    highest: Vec<Option<Bound>>,
}

impl Ranges {
    pub(super) fn new(mut ranges: Vec<(Range, u32)>) -> Self {
        ranges.sort_by(|(a, _), (b, _)| by_lower_end(a.lower, b.lower));
        let mut highest = vec![None; ranges.len()];
        fill(&ranges, &mut highest);
        Self { sorted: ranges, highest }
    }

    /// Calls back with the number of each range that holds `number`.
    pub(super) fn find(&self, number: Number, found: &mut impl FnMut(u32)) {
        find(&self.sorted, &self.highest, number, found);
    }
}

fn fill(sorted: &[(Range, u32)], highest: &mut [Option<Bound>]) {
    if sorted.is_empty() {
        return;
    }
    let middle = sorted.len() / 2;
    fill(&sorted[..middle], &mut highest[..middle]);
    fill(&sorted[middle + 1..], &mut highest[middle + 1..]);
    let mut upper = sorted[middle].0.upper;
    let right = &highest[middle + 1..];
    for part in [root_of(&highest[..middle]), root_of(right)].into_iter().flatten() {
        upper = higher(upper, part);
    }
    highest[middle] = upper;
}

fn root_of<T: Copy>(part: &[T]) -> Option<T> {
    part.get(part.len() / 2).copied()
}

/// Parts are halved on the way down, so the depth is that of a balanced tree.
fn find(sorted: &[(Range, u32)], highest: &[Option<Bound>], number: Number, found: &mut impl FnMut(u32)) {
    if sorted.is_empty() {
        return;
    }
    let middle = sorted.len() / 2;
    if highest[middle].is_some_and(|bound| !bound.admits(number, Ordering::Less)) {
        return;
    }
    find(&sorted[..middle], &highest[..middle], number, found);
    let (range, of_range) = sorted[middle];
    if range.lower.is_some_and(|bound| !bound.admits(number, Ordering::Greater)) {
        return;
    }
    if range.contains(number) {
        found(of_range);
    }
    find(&sorted[middle + 1..], &highest[middle + 1..], number, found);
}

/// No end is before any; of ends at the same number the one that admits it comes first.
fn by_lower_end(a: Option<Bound>, b: Option<Bound>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a.at, b.at).then(b.inclusive.cmp(&a.inclusive)),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn higher(a: Option<Bound>, b: Option<Bound>) -> Option<Bound> {
    let (a, b) = (a?, b?);
    let b_is_higher = compare(a.at, b.at).then(a.inclusive.cmp(&b.inclusive)) == Ordering::Less;
    Some(if b_is_higher { b } else { a })
}

fn compare(a: Number, b: Number) -> Ordering {
    a.compare(b).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends() -> impl Strategy<Value = Option<Bound>> {
        let number =
            prop_oneof![(-3..4_i128).prop_map(Number::Whole), (-3..4_i32).prop_map(|n| Number::Other(f64::from(n) + 0.5))];
        prop::option::of((number, any::<bool>()).prop_map(|(at, inclusive)| Bound { at, inclusive }))
    }

    proptest! {
        #[test]
        fn it_finds_what_asking_each_range_finds(
            ranges in prop::collection::vec((ends(), ends()).prop_map(|(lower, upper)| Range { lower, upper }), 0..40),
            doubled in -8..9_i32,
        ) {
            let number = Number::of_double(f64::from(doubled) / 2.0);
            let each: Vec<u32> = (0..).zip(&ranges).filter(|(_, range)| range.contains(number)).map(|(n, _)| n).collect();
            let mut found = Vec::new();
            Ranges::new(ranges.iter().copied().zip(0..).collect()).find(number, &mut |n| found.push(n));
            found.sort_unstable();
            prop_assert_eq!(found, each);
        }
    }

    #[test]
    fn it_asks_few_where_few_match() {
        let bound = |at: i128| Some(Bound { at: Number::Whole(at), inclusive: true });
        let ranges = (0..100_000).map(|n| (Range { lower: bound(i128::from(n) * 10), upper: bound(i128::from(n) * 10 + 5) }, n));
        let ranges = Ranges::new(ranges.collect());
        let mut found = Vec::new();
        ranges.find(Number::Whole(777_772), &mut |n| found.push(n));
        ranges.find(Number::Whole(777_777), &mut |n| found.push(n));
        assert_eq!(found, [77_777]);
    }
}
