//! What a setting is, and how one is declared: once, for the file, the environment and the command line alike.

use std::{fmt, ops::RangeInclusive};

use serde_json::Value;

use super::{Settings, kind::Form};

/// A setting. Its one name is the key in its section of the file, the flag with dashes (`--connections-max`), and, with `SLUICEBOX_` before
/// it, the variable (`SLUICEBOX_CONNECTIONS_MAX`).
pub struct Setting {
    /// The table of the file that it is in; empty: before the first.
    pub section: &'static str,
    /// Unlike any other's, whatever the section.
    pub name: &'static str,
    /// What it says, a line each.
    pub doc: &'static [&'static str],
    /// What it is counted in, or what is written.
    pub unit: &'static str,
    /// What it is in the file.
    pub form: Form,
    /// Of a number.
    pub bounds: RangeInclusive<u64>,
    /// Whether a running host takes it up.
    pub live: bool,
    /// Whether its value is nobody's to read.
    pub secret: bool,
    /// The field that it sets: a path from [`Settings`].
    pub field: &'static str,
    pub(super) read: fn(&mut Settings, &[String]) -> Result<(), String>,
    pub(super) shown: fn(&Settings) -> Vec<String>,
}

impl Setting {
    /// `--connections-max`, without the dashes before it.
    #[must_use]
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// `SLUICEBOX_CONNECTIONS_MAX`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("SLUICEBOX_{}", self.name.to_uppercase())
    }

    /// `ingest.connections_max`.
    #[must_use]
    pub fn path(&self) -> String {
        if self.section.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.section, self.name) }
    }

    /// What it says, in one paragraph.
    #[must_use]
    pub fn told(&self) -> String {
        self.doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }

    /// Sets it.
    ///
    /// # Errors
    ///
    /// What is wrong with these words.
    pub fn set(&self, settings: &mut Settings, words: &[String]) -> Result<(), String> {
        if self.form == Form::Number
            && let [word] = words
            && let Ok(number) = word.parse::<u64>()
            && !self.bounds.contains(&number)
        {
            return Err(format!("{number} is {}", self.out_of_bounds()));
        }
        (self.read)(settings, words)
    }

    fn out_of_bounds(&self) -> String {
        match (self.bounds.start(), self.bounds.end()) {
            (least, &u64::MAX) => format!("too small; the least is {least}"),
            (least, most) => format!("not in {least} to {most}"),
        }
    }

    /// Its value there, as it would be written.
    #[must_use]
    pub fn value(&self, settings: &Settings) -> Vec<String> {
        (self.shown)(settings)
    }

    /// These words as a value of the file.
    #[must_use]
    pub fn json(&self, words: &[String]) -> Value {
        match (self.form, words) {
            (Form::Number, [word]) => word.parse::<u64>().map_or(Value::Null, Value::from),
            (Form::Text, [word]) => Value::from(word.as_str()),
            _ => Value::from(words),
        }
    }

    /// The words of a value of the file.
    pub(super) fn words(&self, value: &Value) -> Result<Vec<String>, String> {
        match (self.form, value) {
            (Form::Number, Value::Number(number)) => Ok(vec![number.to_string()]),
            (Form::Text, Value::String(text)) => Ok(vec![text.clone()]),
            (Form::List, Value::Array(items)) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| "expected a list of texts in quotes".to_owned()))
                .collect(),
            (Form::Number, _) => Err("expected a number".to_owned()),
            (Form::Text, _) => Err("expected a text in quotes".to_owned()),
            (Form::List, _) => Err("expected a list of texts, as in [\"a\", \"b\"]".to_owned()),
        }
    }

    /// The words of a text from a flag or a variable.
    #[must_use]
    pub fn split(&self, text: &str) -> Vec<String> {
        match self.form {
            Form::List => text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            Form::Number | Form::Text => vec![text.to_owned()],
        }
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("path", &self.path()).field("field", &self.field).finish_non_exhaustive()
    }
}

/// Declares the settings of one section:
///
/// ```text
/// settings! { "ingest":
///     /// Connections held at once.                     what the file, `--help` and the schema say
///     connections_max: number(COUNT, 1..) => config.ingest.connections_max;
///     /// How long events are kept.
///     retain: time(TIME) => config.retention.settled_ms, live;
/// }
/// ```
///
/// That is the name, a kind of [`kind`](super::kind) with what it is counted in and its bounds, and the field of [`Settings`] that it
/// sets and that has its default. `live`: a reload takes it up, because the part reads it anew each time. `secret`: it is never shown.
macro_rules! settings {
    ($section:literal: $(
        $(#[doc = $doc:literal])+
        $name:ident: $kind:ident($unit:ident $(, $($bounds:tt)+)?) => $first:ident $(. $rest:ident)+ $(, $mark:ident)* ;
    )+) => {
        &[$($crate::config::setting::Setting {
            section: $section,
            name: stringify!($name),
            doc: &[$($doc),+],
            unit: stringify!($unit),
            form: $crate::config::kind::$kind::FORM,
            bounds: $crate::config::setting::bounds!($($($bounds)+)?),
            live: $crate::config::setting::marked!(live $($mark)*),
            secret: $crate::config::setting::marked!(secret $($mark)*),
            field: concat!(stringify!($first) $(, ".", stringify!($rest))+),
            read: |settings, words| {
                settings.$first $(. $rest)+ = $crate::config::kind::$kind::read(words)?;
                Ok(())
            },
            shown: |settings| $crate::config::kind::$kind::show(&settings.$first $(. $rest)+),
        }),+]
    };
}

/// `1..`, `0..=3600`, or nothing.
macro_rules! bounds {
    () => {
        0..=u64::MAX
    };
    ($least:literal ..) => {
        $least..=u64::MAX
    };
    ($least:literal ..= $most:literal) => {
        $least..=$most
    };
}

/// Whether the first is among the others.
macro_rules! marked {
    (live) => {
        false
    };
    (secret) => {
        false
    };
    (live live $($rest:ident)*) => {
        true
    };
    (secret secret $($rest:ident)*) => {
        true
    };
    ($sought:ident $other:ident $($rest:ident)*) => {
        $crate::config::setting::marked!($sought $($rest)*)
    };
}

pub(super) use {bounds, marked, settings};
