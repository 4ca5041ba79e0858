//! The steps between versions, and the way through them.

use sluicebox_sdk::json::Edits;
use sluicebox_sdk::prelude::*;
use std::fmt;

/// The name of a version: a text or a number, compared as text, and written as the settings have it.
#[derive(Clone, Debug, Deserialize, Config)]
#[serde(try_from = "Value")]
#[config(part)]
pub(crate) struct Version(Value);

impl Version {
    /// As it is written into a body.
    pub(crate) fn value(&self) -> &Value {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Value::String(text) => f.write_str(text),
            number => write!(f, "{number}"),
        }
    }
}

impl TryFrom<Value> for Version {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(_) | Value::Number(_) => Ok(Self(value)),
            other => Err(format!("{other} is no version: a text or a number is")),
        }
    }
}

/// What makes one version of another. The way back is a step of its own.
#[derive(Debug, Deserialize, Config)]
#[serde(deny_unknown_fields)]
#[config(part)]
pub(crate) struct Step {
    /// The version that it takes.
    pub(crate) from: Version,
    /// The version that it makes.
    pub(crate) to: Version,
    /// What it changes, one after the other; the version itself is written at the end of the way.
    #[serde(default)]
    pub(crate) edits: Vec<Edits>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.from, self.to)
    }
}

/// The fewest steps from one version to another, of as many the first in the settings; none where no steps lead there.
pub(crate) fn way<'s>(steps: &'s [Step], from: &str, to: &str) -> Option<Vec<&'s Step>> {
    // Each version that was reached, with the way to it; those reached first are shorter, so they are followed first.
    let mut reached: Vec<(String, Vec<&Step>)> = vec![(from.to_owned(), Vec::new())];
    let mut next = 0;
    while let Some((version, way)) = reached.get(next).cloned() {
        if version == to {
            return Some(way);
        }
        for step in steps.iter().filter(|step| step.from.to_string() == version) {
            let made = step.to.to_string();
            if reached.iter().all(|(known, _)| *known != made) {
                reached.push((made, way.iter().copied().chain([step]).collect()));
            }
        }
        next += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(from: &str, to: &str) -> Step {
        let version = |name: &str| Version(Value::from(name));
        Step { from: version(from), to: version(to), edits: Vec::new() }
    }

    #[test]
    fn the_shortest_way_is_found_in_both_directions() {
        let steps =
            [step("1", "2"), step("2", "3"), step("3", "4"), step("1", "3"), step("4", "3"), step("3", "1"), step("2", "1")];
        let told =
            |from, to| way(&steps, from, to).map(|way| way.iter().map(|step| step.to.to_string()).collect::<Vec<_>>().join(" "));
        assert_eq!(told("1", "4").as_deref(), Some("3 4"));
        assert_eq!(told("2", "4").as_deref(), Some("3 4"));
        assert_eq!(told("4", "2").as_deref(), Some("3 1 2"));
        assert_eq!(told("3", "3").as_deref(), Some(""));
        assert_eq!(told("5", "1"), None);
        assert_eq!(told("1", "5"), None);
    }
}
