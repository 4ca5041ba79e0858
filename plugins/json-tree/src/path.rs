//! The SDK's paths, as steps that can be followed here.

use sluicebox_sdk::serde::Deserialize;
use sluicebox_sdk::{json, serde_json};
use std::fmt;

/// The way to values in a document, written as the SDK's `json::Path`: `a.b`, `items[0]`, `items[*].sku`, `**.email`, `["a.b"].c`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(crate = "sluicebox_sdk::serde", try_from = "String")]
pub struct Path {
    text: String,
    steps: Vec<Step>,
}

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Name(String),
    Index(usize),
    Any,
    /// No step, or any number of them; never the last.
    Deep,
}

/// What a step is held against.
#[derive(Clone, Copy)]
pub(crate) enum Child<'n> {
    Member(&'n str),
    Item(usize),
}

impl Step {
    fn matches(&self, child: Child<'_>) -> bool {
        match (self, child) {
            (Self::Any, _) => true,
            (Self::Name(expected), Child::Member(name)) => expected == name,
            (Self::Index(expected), Child::Item(index)) => *expected == index,
            (Self::Name(_) | Self::Index(_) | Self::Deep, _) => false,
        }
    }
}

/// Where paths are, one level down: whether one ends at this child, and what is left of those that go on below it.
pub(crate) fn descend<'p>(paths: &[&'p [Step]], child: Child<'_>) -> (bool, Vec<&'p [Step]>) {
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
    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it can lead to more than one value, apart from members of the same name.
    #[must_use]
    pub fn leads_to_many(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Any | Step::Deep))
    }
}

/// The SDK judges the text and words what is wrong with it; here a right one is split.
impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let path: json::Path = text.parse().map_err(|error: sluicebox_sdk::Error| error.failure().message.clone())?;
        let mut steps = Vec::new();
        let mut rest = path.as_ref();
        while !rest.is_empty() {
            let (step, after) = split(rest).ok_or_else(|| format!("{text:?} is no path: {rest:?} is no step"))?;
            steps.push(step);
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        Ok(Self { text, steps })
    }
}

/// The first step of a right path, and what follows.
fn split(path: &str) -> Option<(Step, &str)> {
    if path.starts_with("[\"") {
        let inner = &path[1..];
        let mut names = serde_json::Deserializer::from_str(inner).into_iter::<String>();
        let name = names.next()?.ok()?;
        return Some((Step::Name(name), inner[names.byte_offset()..].strip_prefix(']')?));
    }
    if let Some(inner) = path.strip_prefix('[') {
        let (index, after) = inner.split_once(']')?;
        let step = if index == "*" { Step::Any } else { Step::Index(index.parse().ok()?) };
        return Some((step, after));
    }
    let (name, after) = path.split_at(path.find(['.', '[']).unwrap_or(path.len()));
    let step = match name {
        "*" => Step::Any,
        "**" => Step::Deep,
        name => Step::Name(name.to_owned()),
    };
    Some((step, after))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A path to exactly one place, which may be empty yet: one without `*` and `**`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(crate = "sluicebox_sdk::serde", try_from = "String")]
pub struct Place(Path);

impl Place {
    /// The same as a path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let path = Path::try_from(text)?;
        if path.leads_to_many() {
            Err(format!("{:?} leads to many places, and one is needed", path.text))
        } else {
            Ok(Self(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_as_the_sdk_reads_them() {
        let path = Path::try_from(r#"a.*[*][12]["b.]\""].**.c"#.to_owned()).expect("a path");
        let name = |name: &str| Step::Name(name.to_owned());
        assert_eq!(path.steps(), [name("a"), Step::Any, Step::Any, Step::Index(12), name("b.]\""), Step::Deep, name("c")]);
    }

    #[test]
    fn wrong_paths_and_places_say_why() {
        assert_eq!(Path::try_from("a..b".to_owned()).expect_err("wrong"), "\"a..b\" is no path: \".b\" is no step");
        let error = Place::try_from("a[*].b".to_owned()).expect_err("wrong");
        assert_eq!(error, "\"a[*].b\" leads to many places, and one is needed");
    }
}
