//! The way to one place, as settings have it.

use super::Path;
use crate::config::{Config, Problem, Schema, parsed};
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A path to exactly one place, which may be empty yet: one without `*` and `**`.
///
/// ```
/// # use sluicebox_sdk::{json::Place, prelude::*};
/// let place: Place = "customer.emails[0]".parse()?;
/// assert_eq!(place.path().to_string(), "customer.emails[0]");
/// assert_eq!("items[*]".parse::<Place>().unwrap_err().code(), "invalid-path");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Place(Path);

impl Place {
    /// The same as a path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let path: Path = text.parse()?;
        if path.leads_to_many() {
            return Err(Error::reject("invalid-path", format_args!("{text:?} leads to many places, and one is needed")));
        }
        Ok(Self(path))
    }
}

/// For settings, as of [`Path`].
impl TryFrom<String> for Place {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: Error| error.failure().message.clone())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Config for Place {
    const SCHEMA: Schema = Path::SCHEMA;

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        parsed::<Self>(value, path, problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_places_say_why() {
        let why = |text: &str| Place::try_from(text.to_owned()).expect_err("wrong");
        assert_eq!(why("a..b"), "\"a..b\" is no path: \".b\" is no step");
        assert_eq!(why("a[*].b"), "\"a[*].b\" leads to many places, and one is needed");
        assert_eq!(why("**.b"), "\"**.b\" leads to many places, and one is needed");
    }
}
