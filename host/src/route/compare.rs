//! One value of an event against the values of a pattern's field.
//!
//! Strings are compared by code points as they are, numbers by their value: 1, 1.0 and 1e0 are equal, 2^53 and 2^53+1 are not.

use std::{
    borrow::Cow,
    cmp::Ordering,
    hash::{Hash, Hasher},
    net::IpAddr,
    sync::Arc,
};

use ipnet::IpNet;

use super::wildcard::Wildcard;

/// A leaf of an event: what is neither an object nor an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leaf<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
}

/// A number in its one form: every number that is whole and within 64 bits is `Whole`, however it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    Other(f64),
}

/// The values of a field, joined by *or*.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Values {
    /// Exact texts, sorted: a list of thousands costs a dozen comparisons.
    pub(super) texts: Vec<Box<str>>,
    /// All other conditions on a leaf.
    pub(super) tests: Vec<Test>,
    /// `{ exists = false }` is among them.
    pub(super) or_absent: bool,
}

/// A condition on a leaf that is present.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Test {
    Exact(Leaf<'static>),
    Text(TextTest),
    AnythingBut(Arc<Values>),
    Numeric(Range),
    Cidr(IpNet),
    Exists,
}

/// A condition that only a text can meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum TextTest {
    Prefix(Box<str>),
    Suffix(Box<str>),
    Wildcard(Wildcard),
    EqualsAnyCase(Folded),
    PrefixAnyCase(Folded),
    SuffixAnyCase(Folded),
}

/// A text without its case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Folded(Box<str>);

/// Where a number may lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Range {
    pub(super) lower: Option<Bound>,
    pub(super) upper: Option<Bound>,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bound {
    pub(super) at: Number,
    /// Whether the number itself lies within.
    pub(super) inclusive: bool,
}

/// JSON has no number that is not equal to itself.
impl Eq for Number {}

/// Equal numbers have one form, so they hash alike.
impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Whole(whole) => whole.hash(state),
            Self::Other(double) => double.to_bits().hash(state),
        }
    }
}

impl Number {
    pub(super) fn of(number: &serde_json::Number) -> Self {
        match (number.as_i128(), number.as_f64()) {
            (Some(whole), _) => Self::Whole(whole),
            (None, Some(other)) => Self::of_double(other),
            (None, None) => Self::Other(f64::NAN),
        }
    }

    pub(super) fn of_double(double: f64) -> Self {
        let is_whole = double.fract() == 0.0 && double.abs() <= 2.0_f64.powi(64);
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 65 bits")]
        if is_whole { Self::Whole(double as i128) } else { Self::Other(double) }
    }

    /// Exact between numbers that are whole; as doubles where one is not. No double that is not whole, or that is beyond 64
    /// bits, lies so close to a whole number within them that rounding that one could change the answer.
    pub(super) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => Some(a.cmp(&b)),
            (a, b) => a.as_double().partial_cmp(&b.as_double()),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "see `compare`")]
    fn as_double(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Other(double) => double,
        }
    }
}

impl Values {
    /// Whether a leaf that is present meets one of them.
    pub(super) fn accept(&self, leaf: &Leaf<'_>) -> bool {
        let listed = match leaf {
            Leaf::Text(text) => self.texts.binary_search_by(|known| (**known).cmp(text)).is_ok(),
            _ => false,
        };
        listed || self.tests.iter().any(|test| test.accepts(leaf))
    }
}

impl Test {
    fn accepts(&self, leaf: &Leaf<'_>) -> bool {
        match (self, leaf) {
            (Self::Exists, _) => true,
            (Self::Exact(expected), leaf) => expected == leaf,
            (Self::AnythingBut(values), leaf) => !values.accept(leaf),
            (Self::Text(test), Leaf::Text(text)) => test.accepts(text),
            (Self::Numeric(range), Leaf::Number(number)) => range.contains(*number),
            (Self::Cidr(net), Leaf::Text(text)) => text.parse::<IpAddr>().is_ok_and(|address| net.contains(&address)),
            (Self::Text(_) | Self::Numeric(_) | Self::Cidr(_), _) => false,
        }
    }
}

impl TextTest {
    fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Prefix(prefix) => text.starts_with(&**prefix),
            Self::Suffix(suffix) => text.ends_with(&**suffix),
            Self::Wildcard(wildcard) => wildcard.matches(text),
            Self::EqualsAnyCase(expected) => fold(text).eq(expected.0.chars()),
            Self::PrefixAnyCase(prefix) => begins(fold(text), prefix.0.chars()),
            Self::SuffixAnyCase(suffix) => begins(fold(text).rev(), suffix.0.chars().rev()),
        }
    }
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        Self(fold(text).collect())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Range {
    /// Whether no number can lie within.
    pub(super) fn is_empty(&self) -> bool {
        let (Some(lower), Some(upper)) = (self.lower, self.upper) else { return false };
        match lower.at.compare(upper.at) {
            Some(Ordering::Less) => false,
            Some(Ordering::Equal) => !(lower.inclusive && upper.inclusive),
            Some(Ordering::Greater) | None => true,
        }
    }

    pub(super) fn contains(&self, number: Number) -> bool {
        self.lower.is_none_or(|bound| bound.admits(number, Ordering::Greater))
            && self.upper.is_none_or(|bound| bound.admits(number, Ordering::Less))
    }

    /// The one number that lies within.
    pub(super) fn only(&self) -> Option<Number> {
        let (Some(lower), Some(upper)) = (self.lower, self.upper) else { return None };
        (lower.at == upper.at && lower.inclusive && upper.inclusive).then_some(lower.at)
    }
}

impl Bound {
    /// Whether the number lies at the bound, if that is inclusive, or on this side of it.
    pub(super) fn admits(&self, number: Number, side: Ordering) -> bool {
        match number.compare(self.at) {
            Some(Ordering::Equal) => self.inclusive,
            Some(order) => order == side,
            None => false,
        }
    }
}

/// The text as [`Folded`] has it.
pub(super) fn folded(text: &str) -> String {
    fold(text).collect()
}

/// Without case, character by character: what a character means does not hang on its neighbours. By way of the upper case, which both
/// of Greek's small sigmas share; a case of several characters, as `SS` is that of `ß`, is none.
fn fold(text: &str) -> impl DoubleEndedIterator<Item = char> {
    let upper = |c: char| if c.is_ascii() { c } else { only(c.to_uppercase()).unwrap_or(c) };
    text.chars().map(upper).map(|c| only(c.to_lowercase()).unwrap_or(c))
}

fn only(mut case: impl Iterator<Item = char>) -> Option<char> {
    let first = case.next();
    if case.next().is_none() { first } else { None }
}

fn begins(mut text: impl Iterator<Item = char>, mut with: impl Iterator<Item = char>) -> bool {
    with.all(|expected| text.next() == Some(expected))
}
