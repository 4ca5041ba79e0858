//! JSON as it is spelled: a number keeps its digits, a text its escapes, an object its duplicate keys.

use std::fmt;

/// A document, whose scalars and keys are what stands in it.
#[derive(Clone, Debug)]
pub(crate) enum Doc {
    Scalar(String),
    Array(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

impl Doc {
    /// Every document that is this one with a little less in it.
    pub(crate) fn smaller(&self) -> Vec<Self> {
        match self {
            Self::Scalar(_) => Vec::new(),
            Self::Array(items) => {
                let mut smaller: Vec<Self> = items.clone();
                for (at, item) in items.iter().enumerate() {
                    smaller.push(Self::Array(without(items, at)));
                    smaller.extend(item.smaller().into_iter().map(|item| Self::Array(with(items, at, item))));
                }
                smaller
            }
            Self::Object(fields) => {
                let mut smaller = Vec::new();
                for (at, (key, value)) in fields.iter().enumerate() {
                    smaller.push(Self::Object(without(fields, at)));
                    smaller.extend(value.smaller().into_iter().map(|value| Self::Object(with(fields, at, (key.clone(), value)))));
                }
                smaller
            }
        }
    }
}

/// The list without the item here.
pub(crate) fn without<T: Clone>(items: &[T], at: usize) -> Vec<T> {
    [&items[..at], &items[at + 1..]].concat()
}

/// The list with another item here.
pub(crate) fn with<T: Clone>(items: &[T], at: usize, item: T) -> Vec<T> {
    let mut items = items.to_vec();
    items[at] = item;
    items
}

impl fmt::Display for Doc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(token) => f.write_str(token),
            Self::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(fields) => {
                f.write_str("{")?;
                for (at, (key, value)) in fields.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("}")
            }
        }
    }
}
