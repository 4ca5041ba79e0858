//! Patterns, compiled together once and never changed.

use super::{
    super::{leaves::Leaves, matcher::Asked, pattern::Pattern, places::Places, seen::Seen},
    Work,
    distinct::Distinct,
    level::{Level, Unplaced},
};

/// The compiled patterns.
#[derive(Debug)]
pub(super) struct Segment {
    patterns: Vec<Pattern>,
    /// What each alternative asks, with the number of its pattern within the segment; those of a pattern together.
    alternatives: Vec<(u32, Asked)>,
    level: Level,
}

impl Segment {
    /// Adds the places that the patterns name.
    pub(super) fn new(patterns: Vec<Pattern>, places: &mut Places) -> Self {
        let mut alternatives = Vec::with_capacity(patterns.len());
        for (number, pattern) in (0..).zip(&patterns) {
            alternatives.extend(pattern.alternatives.iter().map(|alternative| (number, Asked::of(alternative, places))));
        }
        let conditions: Vec<_> = alternatives.iter().map(|(_, asked)| asked.conditions()).collect();
        let unplaced: Vec<_> = (0..).zip(&conditions).map(|(number, conditions)| Unplaced::new(number, conditions)).collect();
        let level = Level::new(&unplaced);
        Self { patterns, alternatives, level }
    }

    pub(super) fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// Calls back with the number of each pattern that is wanted and that the event matches.
    pub(super) fn find(
        &self,
        event: &Seen<'_>,
        leaves: &Leaves<'_>,
        is_wanted: impl Fn(u32) -> bool,
        work: &mut Work,
        mut found: impl FnMut(u32),
    ) {
        let mut candidates = Distinct::default();
        self.level.find(leaves, work, &mut candidates);
        let mut last_found = None;
        for candidate in candidates.sorted() {
            let (pattern, asked) = &self.alternatives[candidate as usize];
            if last_found == Some(*pattern) || !is_wanted(*pattern) {
                continue;
            }
            work.candidates += 1;
            if asked.is_met_by(event) {
                found(*pattern);
                last_found = Some(*pattern);
            }
        }
    }
}
