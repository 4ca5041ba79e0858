//! All patterns of a rule set, and which of them match an event.
//!
//! The event is read once, into the places that some pattern names ([`Places`]), and its values are looked up: [`level`] says which patterns
//! they may meet, and only those are asked in full. So the cost grows with the event and with what it may match, not with the
//! number of patterns.
//!
//! An index never changes; [`Index::with`] makes the next one. Patterns are compiled in segments, which the old index and the new one share: a
//! few large ones and a small one for the newest, which alone is compiled again. [`Compaction`] joins segments, in the caller's time.
//!
//! What bounds the work for one event: each named leaf is looked up once in each segment, in time that grows with its length; each
//! wildcard is tried once on a leaf at most; and each alternative is asked at most once in full. [`Found`] counts the last two.

mod compaction;
mod distinct;
mod keys;
mod level;
mod lookup;
mod nets;
mod ranges;
mod segment;
mod trie;
mod wildcards;

pub use compaction::{Compacted, Compaction};

use std::sync::Arc;

use super::{leaves::Leaves, pattern::Pattern, places::Places, seen::Seen};
use crate::event::Event;
use segment::Segment;

/// Patterns that are compiled again whenever one is added.
const NEWEST_MAX: usize = 256;
/// The number of a pattern that is no longer there.
const GONE: u32 = u32::MAX;

/// All patterns of a rule set; immutable.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Of all segments.
    places: Arc<Places>,
    /// The oldest and largest first.
    parts: Vec<Part>,
    len: usize,
}

/// A segment, and what its patterns are called in this index.
#[derive(Clone, Debug)]
struct Part {
    segment: Arc<Segment>,
    /// By the number within the segment, that within the index, or [`GONE`].
    numbers: Arc<[u32]>,
}

/// A change to an index. All its numbers are those before the change.
#[derive(Clone, Debug)]
pub enum Change {
    /// A pattern comes before the one of this number; at the end, if the number is the index's length.
    Insert(usize, Pattern),
    /// Another pattern takes the place of this one.
    Replace(usize, Pattern),
    /// The pattern of this number goes.
    Remove(usize),
}

/// What matches an event, and what it took to find.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The numbers of the patterns, ascending.
    pub matching: Vec<usize>,
    /// The work.
    pub work: Work,
}

/// Work that hangs on the patterns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Alternatives of patterns that were asked in full.
    pub candidates: usize,
    /// Wildcards that were tried to find them.
    pub wildcard_tries: usize,
}

impl Index {
    /// Patterns in the order of the numbers that `matches` gives.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let mut places = Places::default();
        let len = patterns.len();
        let parts = Part::of((0..).zip(patterns).collect(), &mut places).into_iter().collect();
        Self { places: Arc::new(places), parts, len }
    }

    /// The numbers of the patterns that match, ascending.
    #[must_use]
    pub fn matches(&self, event: &Event) -> Vec<usize> {
        self.find(event).matching
    }

    /// The same, and what it took.
    #[must_use]
    pub fn find(&self, event: &Event) -> Found {
        let mut found = Found::default();
        let seen = Seen::of(event, &self.places);
        let leaves = Leaves::of(&seen);
        for part in &self.parts {
            let number = |local: u32| part.numbers[local as usize];
            let matching = |local| found.matching.push(number(local) as usize);
            part.segment.find(&seen, &leaves, |local| number(local) != GONE, &mut found.work, matching);
        }
        found.matching.sort_unstable();
        found
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many segments there are.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The index with these changes, in the order of their numbers; no pattern is replaced or removed twice. What it costs grows with the
    /// changes, beside a step for each pattern that may have to be renumbered.
    #[must_use]
    pub fn with(&self, changes: Vec<Change>) -> Self {
        let mut changes = changes.into_iter().peekable();
        // By old number the new one.
        let mut renumbered = Vec::with_capacity(self.len);
        let (mut next, mut new) = (0, Vec::new());
        for old in 0..=self.len {
            let mut number = None;
            let mut stays = old < self.len;
            while let Some(change) = changes.next_if(|change| change.at() <= old) {
                match change {
                    Change::Insert(_, pattern) => {
                        new.push((next, pattern));
                        next += 1;
                    }
                    Change::Replace(_, pattern) => {
                        new.push((next, pattern));
                        number = Some(GONE);
                        next += 1;
                        stays = false;
                    }
                    Change::Remove(_) => {
                        number = Some(GONE);
                        stays = false;
                    }
                }
            }
            renumbered.push(number.unwrap_or(next));
            next += u32::from(stays);
        }
        let mut parts: Vec<_> = self.parts.iter().map(|part| part.renumbered(&renumbered)).collect();
        if let Some(newest) = parts.pop_if(|part| part.numbers.len() <= NEWEST_MAX) {
            new.extend(newest.patterns().map(|(number, pattern)| (number, pattern.clone())));
        }
        let mut places = (*self.places).clone();
        parts.retain(|part| !part.is_empty());
        parts.extend(Part::of(new, &mut places));
        Self { places: Arc::new(places), parts, len: next as usize }
    }
}

impl Change {
    fn at(&self) -> usize {
        match self {
            Self::Insert(at, _) | Self::Replace(at, _) | Self::Remove(at) => *at,
        }
    }
}

impl Part {
    /// `None` of no patterns.
    fn of(numbered: Vec<(u32, Pattern)>, places: &mut Places) -> Option<Self> {
        let (numbers, patterns): (Vec<_>, Vec<_>) = numbered.into_iter().unzip();
        let numbers = Arc::from(numbers);
        (!patterns.is_empty()).then(|| Self { segment: Arc::new(Segment::new(patterns, places)), numbers })
    }

    fn renumbered(&self, new: &[u32]) -> Self {
        let number = |old: &u32| new.get(*old as usize).copied().unwrap_or(GONE);
        Self { segment: self.segment.clone(), numbers: self.numbers.iter().map(number).collect() }
    }

    /// The patterns that are still there, with their numbers.
    fn patterns(&self) -> impl Iterator<Item = (u32, &Pattern)> {
        self.numbers.iter().copied().zip(self.segment.patterns()).filter(|(number, _)| *number != GONE)
    }

    fn is_empty(&self) -> bool {
        self.numbers.iter().all(|number| *number == GONE)
    }
}
