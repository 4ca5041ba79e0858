//! Templates: JSON whose texts have `{{placeholders}}`, read once and filled for each event.

use crate::origin::{Input, Origin};
use sluicebox_sdk::prelude::*;

/// JSON with placeholders. A text that is one placeholder and nothing else takes a value of any kind.
#[derive(Debug, Deserialize, Config)]
#[serde(try_from = "Value")]
pub enum Template {
    /// JSON text without placeholders.
    Fixed(String),
    /// A value of any kind.
    Slot(Slot),
    /// A text with values in it.
    Text(Text),
    /// Members in order.
    Object(Vec<(String, Template)>),
    /// Items in order.
    Array(Vec<Template>),
}

/// What becomes of a placeholder whose value is not there and that has no default.
#[derive(Clone, Copy, Debug, Default, Deserialize, Config)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It becomes null, in a text nothing.
    #[default]
    Null,
    /// Its member or item is left out; in a text it becomes nothing.
    Omit,
    /// The event is rejected as `missing-value`.
    Reject,
}

impl Template {
    /// As JSON text; none where it is to be left out.
    ///
    /// # Errors
    /// Rejects with `missing-value` where `missing` says so, and with `invalid-json` a body that is none and is asked for a value.
    pub(crate) fn fill(&self, input: &mut Input<'_>, missing: Missing) -> Result<Option<String>> {
        match self {
            Self::Fixed(json) => Ok(Some(json.clone())),
            Self::Slot(slot) => slot.fill(input, missing),
            Self::Text(text) => text.fill(input, missing).map(|text| Some(Value::from(text).to_string())),
            Self::Object(members) => {
                let mut parts = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let filled = member.fill(input, missing)?;
                    parts.extend(filled.map(|value| format!("{}:{value}", Value::from(name.as_str()))));
                }
                Ok(Some(format!("{{{}}}", parts.join(","))))
            }
            Self::Array(items) => {
                let filled = items.iter().filter_map(|item| item.fill(input, missing).transpose());
                Ok(Some(format!("[{}]", filled.collect::<Result<Vec<_>>>()?.join(","))))
            }
        }
    }
}

impl TryFrom<Value> for Template {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => match Text::try_from(text)?.0.as_mut_slice() {
                [] => Ok(Self::Fixed("\"\"".to_owned())),
                [Piece::Fixed(text)] => Ok(Self::Fixed(Value::from(std::mem::take(text)).to_string())),
                [Piece::Slot(slot)] => Ok(Self::Slot(slot.clone())),
                pieces => Ok(Self::Text(Text(pieces.to_vec()))),
            },
            Value::Array(items) => Ok(Self::Array(items.into_iter().map(Self::try_from).collect::<Result<_, _>>()?)),
            Value::Object(members) => {
                let members = members.into_iter().map(|(name, value)| Ok((name, Self::try_from(value)?)));
                Ok(Self::Object(members.collect::<Result<_, String>>()?))
            }
            scalar => Ok(Self::Fixed(scalar.to_string())),
        }
    }
}

/// A text with placeholders; `\{{` stands for two braces.
#[derive(Debug, Deserialize, Config)]
#[serde(try_from = "String")]
#[config(part)]
pub struct Text(Vec<Piece>);

#[derive(Clone, Debug)]
enum Piece {
    Fixed(String),
    Slot(Slot),
}

impl Text {
    /// The text, not as JSON.
    ///
    /// # Errors
    /// As [`Template::fill`].
    pub(crate) fn fill(&self, input: &mut Input<'_>, missing: Missing) -> Result<String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Fixed(fixed) => text.push_str(fixed),
                Piece::Slot(slot) => text.push_str(&slot.fill_in_text(input, missing)?),
            }
        }
        Ok(text)
    }
}

impl TryFrom<String> for Text {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (mut pieces, mut fixed, mut rest) = (Vec::new(), String::new(), text.as_str());
        while let Some((before, after)) = rest.split_once("{{") {
            if let Some(before) = before.strip_suffix('\\') {
                fixed.push_str(before);
                fixed.push_str("{{");
                rest = after;
                continue;
            }
            fixed.push_str(before);
            let (slot, behind) = inside(after).ok_or_else(|| format!("{text:?}: a `{{{{` without its `}}}}`"))?;
            if !fixed.is_empty() {
                pieces.push(Piece::Fixed(std::mem::take(&mut fixed)));
            }
            pieces.push(Piece::Slot(slot.parse().map_err(|why| format!("{text:?}: {why}"))?));
            rest = behind;
        }
        fixed.push_str(rest);
        if !fixed.is_empty() {
            pieces.push(Piece::Fixed(fixed));
        }
        Ok(Self(pieces))
    }
}

/// What is before the closing braces, and behind them. Of three and more the last two close, for a default may be `{}`.
fn inside(after: &str) -> Option<(&str, &str)> {
    let first = after.find("}}")?;
    let more = after[first + 2..].bytes().take_while(|byte| *byte == b'}').count();
    Some((&after[..first + more], &after[first + more + 2..]))
}

/// `path` or `path|default`.
#[derive(Clone, Debug)]
pub struct Slot {
    text: String,
    origin: Origin,
    default: Option<Value>,
}

impl Slot {
    /// A value that is null has none for the default's purposes.
    fn value(&self, input: &mut Input<'_>, missing: Missing) -> Result<Option<String>> {
        let found = input.get(&self.origin)?;
        match (found, &self.default, missing) {
            (None, None, Missing::Reject) => reject("missing-value", format_args!("{} leads to nothing", self.text)),
            (None, None, _) => Ok(None),
            (None, Some(default), _) => Ok(Some(default.to_string())),
            (Some(null), Some(default), _) if null == "null" => Ok(Some(default.to_string())),
            (Some(value), ..) => Ok(Some(value)),
        }
    }

    fn fill(&self, input: &mut Input<'_>, missing: Missing) -> Result<Option<String>> {
        let value = self.value(input, missing)?;
        Ok(value.or_else(|| matches!(missing, Missing::Null).then(|| "null".to_owned())))
    }

    /// A text without its quotation marks, null as nothing, an array of scalars with commas, and anything else as JSON.
    fn fill_in_text(&self, input: &mut Input<'_>, missing: Missing) -> Result<String> {
        let Some(json) = self.value(input, missing)? else { return Ok(String::new()) };
        if json == "null" {
            return Ok(String::new());
        }
        match json.as_bytes().first() {
            Some(b'"') => Event::new("", "").with_body(json).json(),
            Some(b'[') if self.origin.leads_to_many() => {
                let items: Vec<Value> = Event::new("", "").with_body(json).json()?;
                let items = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                Ok(items.collect::<Vec<_>>().join(", "))
            }
            _ => Ok(json),
        }
    }
}

impl std::str::FromStr for Slot {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (origin, default) = match text.split_once('|') {
            Some((origin, default)) => (origin, Some(default.trim())),
            None => (text, None),
        };
        // A default is JSON where it can be, and a text where it cannot: `0`, `null`, `[]`, `nobody`.
        let default = default.map(|text| text.parse().unwrap_or_else(|_| Value::from(text)));
        Ok(Self { text: text.trim().to_owned(), origin: origin.trim().parse()?, default })
    }
}
