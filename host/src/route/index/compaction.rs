//! Joining segments. Compiling a hundred thousand patterns takes a while, so it is done beside the work: [`Index::compaction`] says whether it
//! is due, [`Compaction::run`] does it, and [`Index::adopt`] takes the result into whatever the index has become meanwhile.

use std::sync::Arc;

use super::{GONE, Index, Part, Segment};
use crate::route::places::Places;

/// A segment is joined with the smaller ones after it when they are this fraction of it together: each pattern is compiled again about as
/// often for each power of it, and an event is looked up in few segments.
const TAIL_FRACTION: usize = 8;

/// Segments to be joined.
#[derive(Debug)]
pub struct Compaction {
    /// Of the index that they are from.
    places: Arc<Places>,
    parts: Vec<Part>,
    /// Whether these are all of it, so that names which nobody uses any more can go.
    is_all: bool,
}

/// The joined segment.
#[derive(Debug)]
pub struct Compacted {
    compaction: Compaction,
    segment: Arc<Segment>,
    places: Arc<Places>,
    /// By the number within the joined segment, which part each pattern is from, and its number there.
    origins: Vec<(usize, usize)>,
}

impl Index {
    /// What should be joined; `None` while all is well.
    #[must_use]
    pub fn compaction(&self) -> Option<Compaction> {
        let live = |part: &Part| part.patterns().count();
        let mut after: usize = 0;
        let mut from = None;
        for (index, part) in self.parts.iter().enumerate().rev() {
            let live = live(part);
            let is_small = after > 0 && after >= live / TAIL_FRACTION;
            let is_hollow = live < part.numbers.len() / 2;
            if is_small || is_hollow {
                from = Some(index);
            }
            after += live;
        }
        let from = from?;
        Some(Compaction { places: self.places.clone(), parts: self.parts[from..].to_vec(), is_all: from == 0 })
    }

    /// The index with the joined segment in place of those that it was made of. `None` if this is no successor of the index that the
    /// compaction is from, or another one came between.
    #[must_use]
    pub fn adopt(&self, compacted: &Compacted) -> Option<Self> {
        let Compacted { compaction, segment, places, origins } = compacted;
        if !self.places.is_same_as(&compaction.places) {
            return None;
        }
        let now = |was: &Part| self.parts.iter().find(|part| Arc::ptr_eq(&part.segment, &was.segment));
        // What is no longer there was compiled again with newer ones, or has gone.
        let standing: Vec<_> = compaction.parts.iter().map(now).collect();
        let number = |&(part, local): &(usize, usize)| standing[part].map_or(GONE, |part| part.numbers[local]);
        let joined = Part { segment: segment.clone(), numbers: origins.iter().map(number).collect() };
        let is_joined = |part: &&Part| standing.iter().flatten().any(|joined| Arc::ptr_eq(&joined.segment, &part.segment));
        let others = self.parts.iter().filter(|part| !is_joined(part));
        if !compaction.is_all {
            let before = others.clone().take_while(|part| part.segment.patterns().len() >= origins.len());
            let before = before.count();
            let mut parts: Vec<_> = others.cloned().collect();
            parts.insert(before, joined);
            return Some(Self { parts, ..self.clone() });
        }
        let mut fresh = (**places).clone();
        let newer = others.flat_map(Part::patterns).map(|(number, pattern)| (number, pattern.clone())).collect();
        let parts = [Some(joined), Part::of(newer, &mut fresh)].into_iter().flatten().collect();
        Some(Self { places: Arc::new(fresh), parts, len: self.len })
    }
}

impl Compaction {
    /// Compiles the patterns of all parts together. This is what takes long.
    #[must_use]
    pub fn run(self) -> Compacted {
        let mut places = if self.is_all { Places::default() } else { (*self.places).clone() };
        let mut origins = Vec::new();
        let mut patterns = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            for (local, (in_index, pattern)) in part.numbers.iter().zip(part.segment.patterns()).enumerate() {
                if *in_index != GONE {
                    origins.push((number, local));
                    patterns.push(pattern.clone());
                }
            }
        }
        let segment = Arc::new(Segment::new(patterns, &mut places));
        Compacted { compaction: self, segment, places: Arc::new(places), origins }
    }
}
