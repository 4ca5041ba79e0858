//! Patterns, judged twice: random pairs of patterns and events, on which the engine and the slow matcher in `reference` have to agree,
//! with the pattern alone in an index and among up to fifty.
//!
//! A run is known by its seed. A pair they disagree on is made as small as it gets before it is told.

mod doc;
mod make;
mod reference;
mod shrink;
mod tally;

use std::fmt;

use anyhow::bail;
use serde_json::Value;
use sluicebox::event::Event;

pub use tally::Tally;

use crate::soak::chance::Chance;
pub(crate) use make::Sample;

/// The seed where none is named.
pub const SEED: u64 = 20_261_122;

/// Patterns that share one index.
const SET_MAX: usize = 50;

/// Ways to match that `$or`s may multiply out to; the engine refuses more than 256, and the reference goes through all of them.
const WAYS_MAX: usize = 32;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many pairs.
    pub count: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// An event, and the patterns that are asked about it.
#[derive(Clone, Debug)]
struct Case {
    sample: Sample,
    patterns: Vec<Value>,
}

/// Does it, and stops at the first disagreement.
///
/// # Errors
///
/// The disagreement.
pub fn agree(plan: Plan) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for index in 0.. {
        if tally.pairs >= plan.count {
            break;
        }
        let case = Case::draw(&mut Chance::of(plan.seed, index));
        if let Err(found) = shrink::judge(&case) {
            let (case, found) = shrink::shrink(case, found);
            bail!("seed {}, case {index}: {found:?}\n{case}", plan.seed);
        }
        let event = case.sample.event();
        for pattern in &case.patterns {
            tally.count(pattern, reference::matches(pattern, &event));
        }
    }
    Ok(tally)
}

/// A valid pattern, and an event that it matches or nearly does.
#[must_use]
pub fn pair(seed: u64, index: u64) -> (Value, Event) {
    let chance = &mut Chance::of(seed, index);
    let sample = Sample::draw(chance);
    (pattern_for(chance, &sample), sample.event())
}

/// A valid pattern that matches the event or nearly does.
pub(crate) fn pattern_for(chance: &mut Chance, sample: &Sample) -> Value {
    let envelope = reference::envelope(&sample.event());
    loop {
        let pattern = make::pattern(chance, &envelope);
        if reference::ways(&pattern) <= WAYS_MAX {
            return pattern;
        }
    }
}

impl Case {
    fn draw(chance: &mut Chance) -> Self {
        let sample = Sample::draw(chance);
        let count = 1 + if chance.below(2) == 0 { chance.below(4) } else { chance.below(SET_MAX) };
        let patterns = (0..count).map(|_| pattern_for(chance, &sample)).collect();
        Self { sample, patterns }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.sample.event();
        writeln!(f, "event: source {}, type {:?}, subject {:?}", event.source, event.event_type, event.subject)?;
        for header in &event.headers {
            writeln!(f, "       {}: {:?}", header.name, header.value)?;
        }
        writeln!(f, "body:  {}", String::from_utf8_lossy(&event.body).escape_debug())?;
        for pattern in &self.patterns {
            writeln!(f, "pattern: {pattern} (the reference says {})", reference::matches(pattern, &event))?;
        }
        Ok(())
    }
}
