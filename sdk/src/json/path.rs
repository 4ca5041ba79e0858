//! The way to values in a JSON document, as settings have it.

use crate::{Error, Result};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// The way to values in a JSON document.
///
/// | path | leads to |
/// |---|---|
/// | `sender.email` | a member of a member |
/// | `items[0].card` | an item by its place, from 0 |
/// | `items[*].card` | each item |
/// | `accounts.*.iban` | each member, or each item |
/// | `**.email` | at any depth |
/// | `["a.b"].c` | a name with a dot or a bracket in it, as JSON text |
///
/// In settings it is a text, and a wrong one is wrong settings:
///
/// ```
/// # use sluicebox_sdk::{json::Path, prelude::*};
/// #[derive(Deserialize)]
/// struct Settings { fields: Vec<Path> }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
    Any,
    /// No step, or any number of them; never the last.
    Deep,
}

/// What a step is held against.
#[derive(Clone, Copy)]
pub(super) enum Child<'n> {
    Member(&'n str),
    Item(usize),
}

impl Step {
    pub(super) fn matches(&self, child: Child<'_>) -> bool {
        match (self, child) {
            (Self::Any, _) => true,
            (Self::Name(expected), Child::Member(name)) => expected == name,
            (Self::Index(expected), Child::Item(index)) => *expected == index,
            (Self::Name(_) | Self::Index(_) | Self::Deep, _) => false,
        }
    }
}

/// Where paths are, one level down: whether one ends at this child, and what is left of those that go on below it.
pub(super) fn descend<'p>(paths: &[&'p [Step]], child: Child<'_>) -> (bool, Vec<&'p [Step]>) {
    let (mut ends, mut below) = (false, Vec::new());
    for &steps in paths {
        let after_deep = match steps {
            [Step::Deep, rest @ ..] => {
                below.push(steps);
                rest
            }
            _ => steps,
        };
        match after_deep {
            [step] if step.matches(child) => ends = true,
            [step, rest @ ..] if step.matches(child) => below.push(rest),
            _ => {}
        }
    }
    (ends, below)
}

impl Path {
    /// Whether it can lead to more than one value, apart from members of the same name.
    #[must_use]
    pub fn leads_to_many(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Any | Step::Deep))
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl FromStr for Path {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (step, after) = if let Some(inner) = rest.strip_prefix('[') { bracket(inner) } else { name(rest) }
                .ok_or_else(|| wrong(text, &format!("{rest:?} is no step")))?;
            steps.push(step);
            rest = match after.strip_prefix('.') {
                Some("") => return Err(wrong(text, "it ends in a dot")),
                Some(next) if !next.starts_with('[') => next,
                None if after.is_empty() || after.starts_with('[') => after,
                _ => return Err(wrong(text, &format!("{after:?} does not follow a step"))),
            };
        }
        if steps.is_empty() {
            return Err(wrong(text, "it is empty"));
        }
        if steps.last() == Some(&Step::Deep) || steps.windows(2).any(|pair| pair == [Step::Deep, Step::Deep]) {
            return Err(wrong(text, "a name, a place or `*` must follow `**`"));
        }
        Ok(Self { text: text.to_owned(), steps })
    }
}

/// `*]`, `0]` or `"name"]`, and what follows.
fn bracket(inner: &str) -> Option<(Step, &str)> {
    if inner.starts_with('"') {
        let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = names.next()?.ok()?;
        return Some((Step::Name(name), inner[names.byte_offset()..].strip_prefix(']')?));
    }
    let (index, after) = inner.split_once(']')?;
    let step = if index == "*" { Step::Any } else { Step::Index(index.parse().ok()?) };
    Some((step, after))
}

/// A name up to the next dot or bracket, and what follows.
fn name(rest: &str) -> Option<(Step, &str)> {
    let (name, after) = rest.split_at(rest.find(['.', '[', ']']).unwrap_or(rest.len()));
    let step = match name {
        "" => return None,
        "*" => Step::Any,
        "**" => Step::Deep,
        name => Step::Name(name.to_owned()),
    };
    Some((step, after))
}

fn wrong(text: &str, why: &str) -> Error {
    Error::reject("invalid-path", format_args!("{text:?} is no path: {why}"))
}

/// For settings, whose error names the code `invalid-config`: the text alone.
impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: Error| error.failure().message.clone())
    }
}

impl AsRef<str> for Path {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_step_by_step() {
        let path: Path = r#"a.*[*][12]["b.]\""].**.c"#.parse().unwrap();
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(path.steps(), [name("a"), Step::Any, Step::Any, Step::Index(12), name("b.]\""), Step::Deep, name("c")]);
        assert_eq!(path.to_string(), r#"a.*[*][12]["b.]\""].**.c"#);
    }

    #[test]
    fn what_is_no_path_says_why() {
        for (text, why) in [
            ("", "it is empty"),
            ("a.", "it ends in a dot"),
            (".a", "\".a\" is no step"),
            ("a..b", "\".b\" is no step"),
            ("a[x]", "\"[x]\" is no step"),
            ("a[1", "\"[1\" is no step"),
            ("a]", "\"]\" does not follow a step"),
            ("a[0]b", "\"b\" does not follow a step"),
            ("a.[0]", "\".[0]\" does not follow a step"),
            ("a.**", "a name, a place or `*` must follow `**`"),
        ] {
            let error = text.parse::<Path>().unwrap_err();
            assert_eq!(error.failure().message, format!("{text:?} is no path: {why}"));
        }
    }
}
