//! stub of the route part
use crate::event::{Event, Invalid};

/// A parsed pattern.
#[derive(Clone, Debug)]
pub struct Pattern {}

impl Pattern {
    /// Reads a pattern; pointers of errors are relative to it.
    pub fn parse(_pattern: &serde_json::Value) -> Result<Self, Invalid> {
        Ok(Self {})
    }
}

/// All patterns of a rule set; immutable.
#[derive(Debug, Default)]
pub struct Index {}

impl Index {
    /// Patterns in the order of the numbers that `matches` gives.
    #[must_use]
    pub fn new(_patterns: Vec<Pattern>) -> Self {
        Self {}
    }

    /// The numbers of the patterns that match, ascending.
    #[must_use]
    pub fn matches(&self, _event: &Event) -> Vec<usize> {
        Vec::new()
    }
}
