//! What an index looks a condition up by: one key for each of its values. The condition can hold only if an event has one of them.

use std::sync::Arc;

use ipnet::IpNet;

use super::super::{
    compare::{Leaf, Number, Range, Test, TextTest, Values},
    wildcard::Wildcard,
};

/// One way to meet a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key<'p> {
    Null,
    Bool(bool),
    Number(Number),
    Text(&'p str),
    /// The whole text without its case.
    Folded(&'p str),
    Net(IpNet),
    Prefix(&'p str),
    Suffix(&'p str),
    FoldedPrefix(&'p str),
    FoldedSuffix(&'p str),
    Range(Range),
    Wildcard(&'p Wildcard),
    /// Any leaf that is none of these.
    AnythingBut(&'p Arc<Values>),
    /// Any leaf.
    Present,
    Absent,
}

/// The keys of a condition.
pub(super) fn keys(values: &Values) -> impl Iterator<Item = Key<'_>> {
    let texts = values.texts.iter().map(|text| Key::Text(text));
    let absent = values.or_absent.then_some(Key::Absent);
    texts.chain(values.tests.iter().map(Key::of)).chain(absent)
}

/// How many there are.
pub(super) fn count(values: &Values) -> usize {
    values.texts.len() + values.tests.len() + usize::from(values.or_absent)
}

impl<'p> Key<'p> {
    fn of(test: &'p Test) -> Self {
        match test {
            Test::Exact(Leaf::Null) => Self::Null,
            Test::Exact(Leaf::Bool(value)) => Self::Bool(*value),
            Test::Exact(Leaf::Number(number)) => Self::Number(*number),
            Test::Exact(Leaf::Text(text)) => Self::Text(text),
            Test::Text(test) => Self::of_text(test),
            Test::AnythingBut(values) => Self::AnythingBut(values),
            Test::Numeric(range) => range.only().map_or(Self::Range(*range), Self::Number),
            Test::Cidr(net) => Self::Net(net.trunc()),
            Test::Exists => Self::Present,
        }
    }

    fn of_text(test: &'p TextTest) -> Self {
        match test {
            TextTest::Prefix(prefix) => Self::Prefix(prefix),
            TextTest::Suffix(suffix) => Self::Suffix(suffix),
            TextTest::EqualsAnyCase(text) => Self::Folded(text.as_str()),
            TextTest::PrefixAnyCase(prefix) => Self::FoldedPrefix(prefix.as_str()),
            TextTest::SuffixAnyCase(suffix) => Self::FoldedSuffix(suffix.as_str()),
            TextTest::Wildcard(Wildcard { first, last: None, .. }) => Self::Text(first),
            TextTest::Wildcard(wildcard) => Self::Wildcard(wildcard),
        }
    }

    /// How many of `all` events are likely to have it: what `shared` of as many alternatives ask for is likely to be had by as many events.
    /// Beside it a rank, for where that says nothing.
    pub(super) fn likelihood(&self, shared: usize, all: usize) -> (usize, usize) {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Folded(_) | Self::Net(_) => (shared, 0),
            Self::Null | Self::Bool(_) => (shared.max(all / 4), 1),
            Self::Prefix(text) | Self::Suffix(text) | Self::FoldedPrefix(text) | Self::FoldedSuffix(text) => {
                (if text.len() < 2 { all / 2 } else { 2 * shared }, 2)
            }
            Self::Range(_) => (shared.max(all / 4), 3),
            Self::Wildcard(wildcard) if wildcard.has_piece() => (4 * shared, 4),
            Self::Wildcard(_) => (all / 2, 5),
            Self::AnythingBut(_) => (all, 6),
            Self::Present => (all, 7),
            Self::Absent => (all, 8),
        }
    }
}
