//! Turns XML bodies into JSON: attributes as `@name`, text as `#text`, repeated elements as arrays.

mod convert;

use sluicebox_sdk::prelude::*;

/// How XML becomes JSON, where there is a choice.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Names of elements that become an array also where there is only one of them.
    #[serde(default)]
    pub always_array: Vec<String>,
    /// Whether `soap:Body` becomes `Body`; the declarations of namespaces are left out then.
    #[serde(default)]
    pub strip_prefixes: bool,
    /// Whether white space around texts is left out.
    #[serde(default = "yes")]
    pub trim: bool,
    /// How deep elements may be nested.
    #[serde(default)]
    pub depth_max: Depth,
}

/// From 1 to 120: JSON that is nested deeper can be written, but most readers refuse it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Config)]
#[serde(try_from = "usize")]
#[config(part, min = 1, max = 120)]
pub struct Depth(usize);

impl Default for Depth {
    fn default() -> Self {
        Self(64)
    }
}

impl TryFrom<usize> for Depth {
    type Error = String;

    fn try_from(depth: usize) -> Result<Self, String> {
        if (1..=120).contains(&depth) { Ok(Self(depth)) } else { Err(format!("{depth} is not between 1 and 120")) }
    }
}

fn yes() -> bool {
    true
}

/// An element without attributes and elements in it becomes a text, any other an object.
#[transform]
pub fn xml_to_json(event: Event, settings: Settings) -> Result<Outcome> {
    let text = event.text()?;
    let value = convert::convert(text.strip_prefix('\u{feff}').unwrap_or(text), &settings)?;
    emit(Message::json(&value)?)
}

#[cfg(test)]
mod tests;
