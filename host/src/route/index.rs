//! All patterns of a rule set, and which of them match an event.
//!
//! A pattern that lists exact types (or else exact sources) in each of its alternatives is asked only about events of one of
//! them. All others are asked about every event, so the cost still grows with their number.

use std::collections::{BTreeSet, HashMap};

use super::{
    matcher::Facts,
    pattern::{EnvelopeField, Pattern},
};
use crate::event::Event;

/// All patterns of a rule set; immutable.
#[derive(Debug, Default)]
pub struct Index {
    patterns: Vec<Pattern>,
    /// Patterns that only these types can match. Each pattern stands in one of the three places, and once a text at most.
    by_type: Buckets,
    /// Patterns that only these sources can match.
    by_source: Buckets,
    /// Those that any event may match.
    others: Vec<usize>,
}

type Buckets = HashMap<Box<str>, Vec<usize>>;

impl Index {
    /// Patterns in the order of the numbers that `matches` gives.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Self {
        let mut index = Self::default();
        for (number, pattern) in patterns.iter().enumerate() {
            if let Some(types) = texts_needed(pattern, &EnvelopeField::Type) {
                put(&mut index.by_type, types, number);
            } else if let Some(sources) = texts_needed(pattern, &EnvelopeField::Source) {
                put(&mut index.by_source, sources, number);
            } else {
                index.others.push(number);
            }
        }
        Self { patterns, ..index }
    }

    /// The numbers of the patterns that match, ascending.
    #[must_use]
    pub fn matches(&self, event: &Event) -> Vec<usize> {
        let facts = Facts::new(event);
        let of_type = self.by_type.get(event.event_type.as_str());
        let of_source = self.by_source.get(event.source.as_str());
        let candidates = of_type.into_iter().chain(of_source).flatten().chain(&self.others).copied();
        let mut matching: Vec<_> = candidates.filter(|&number| facts.meet(&self.patterns[number])).collect();
        matching.sort_unstable();
        matching
    }
}

/// The texts of which the field must have one for the pattern to match; `None` where other texts, or none, may do.
fn texts_needed<'a>(pattern: &'a Pattern, field: &EnvelopeField) -> Option<BTreeSet<&'a str>> {
    let mut needed = BTreeSet::new();
    for alternative in &*pattern.alternatives {
        let mut lists = alternative.envelope.iter().filter(|(known, _)| known == field);
        let texts = lists.find_map(|(_, values)| values.only_texts())?;
        needed.extend(texts.iter().map(|text| &**text));
    }
    Some(needed)
}

fn put(buckets: &mut Buckets, texts: BTreeSet<&str>, number: usize) {
    for text in texts {
        buckets.entry(text.into()).or_default().push(number);
    }
}
