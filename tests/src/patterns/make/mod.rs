//! Pairs of patterns and events that match or nearly do: the pattern is made from what the event has.

mod condition;
mod pattern;
mod sample;
mod scalar;

pub(crate) use pattern::pattern;
pub(crate) use sample::Sample;
