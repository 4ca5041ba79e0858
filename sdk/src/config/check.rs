//! Whether settings have the form that a type expects: all problems at once, each with its place, and none with the value, which may
//! be a token in the wrong place.

use super::{Config, Schema};
use crate::Error;
use crate::json::Path;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

/// What is wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: a JSON pointer (RFC 6901) within the settings, as `/fields/0`; empty for all of them.
    pub path: String,
    /// What is wrong, without the value.
    pub message: String,
}

impl Problem {
    /// A problem there.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// What `#[config(...)]` says of a field.
#[derive(Debug)]
pub struct Limits {
    /// The least number, and how it is written: what formats numbers would make each component larger.
    pub min: Option<(f64, &'static str)>,
    /// The greatest number, likewise.
    pub max: Option<(f64, &'static str)>,
    /// The fewest characters of a text, items of a list, members of a table.
    pub min_len: Option<usize>,
    /// The most of them.
    pub max_len: Option<usize>,
    /// The only texts there may be; none: any.
    pub one_of: &'static [&'static str],
}

impl Limits {
    /// Nothing said.
    pub const NONE: Self = Self { min: None, max: None, min_len: None, max_len: None, one_of: &[] };

    /// What is not of the kind that a limit is about is within it.
    fn check(&self, value: &Value) -> Option<String> {
        let number = value.as_f64();
        let len = match value {
            Value::String(text) => Some(text.chars().count()),
            Value::Array(items) => Some(items.len()),
            Value::Object(members) => Some(members.len()),
            _ => None,
        };
        if let Some((_, least)) = self.min.filter(|(least, _)| number.is_some_and(|number| number < *least)) {
            return Some(format!("must be at least {least}"));
        }
        if let Some((_, most)) = self.max.filter(|(most, _)| number.is_some_and(|number| number > *most)) {
            return Some(format!("must be at most {most}"));
        }
        if let (Some(least), Some(_)) = (self.min_len, len.filter(|len| Some(*len) < self.min_len)) {
            return Some(format!("must have at least {least}"));
        }
        if let (Some(most), Some(_)) = (self.max_len, len.filter(|len| self.max_len.is_some_and(|max| *len > max))) {
            return Some(format!("must have at most {most}"));
        }
        value.as_str().filter(|text| !self.one_of.is_empty() && !self.one_of.contains(text)).map(|_| one_of(self.one_of))
    }
}

/// The members of a table that has no other names than these.
pub fn table<'v>(value: &'v Value, path: &str, names: &[&str], problems: &mut Vec<Problem>) -> Option<&'v Map<String, Value>> {
    let members = members(value, path, problems)?;
    for name in members.keys().filter(|name| !names.contains(&name.as_str())) {
        problems.push(Problem::new(child(path, name), format!("unknown setting; there are {}", names.join(", "))));
    }
    Some(members)
}

/// Checks a member by its type and its limits.
pub fn field<T: Config>(
    members: &Map<String, Value>,
    (path, name, required): (&str, &str, bool),
    limits: &Limits,
    problems: &mut Vec<Problem>,
) {
    let Some(value) = members.get(name) else {
        if required {
            problems.push(Problem::new(path, format!("`{name}` is missing")));
        }
        return;
    };
    let (path, before) = (child(path, name), problems.len());
    T::check(value, &path, problems);
    if problems.len() == before {
        problems.extend(limits.check(value).map(|message| Problem::new(path, message)));
    }
}

/// Checks what is made from a `From`: that it has the form of one, and then that it can be made.
pub fn converted<From: Config, T: DeserializeOwned>(value: &Value, path: &str, limits: &Limits, problems: &mut Vec<Problem>) {
    let before = problems.len();
    From::check(value, path, problems);
    if problems.len() == before {
        problems.extend(limits.check(value).map(|message| Problem::new(path, message)));
    }
    if problems.len() == before {
        Any::<T>::check(value, path, problems);
    }
}

/// One of a few texts.
pub fn variant(value: &Value, path: &str, names: &[&str], problems: &mut Vec<Problem>) {
    match value {
        Value::String(text) if names.contains(&text.as_str()) => {}
        Value::String(_) => problems.push(Problem::new(path, one_of(names))),
        _ => problems.push(expected("a text", value, path)),
    }
}

/// For a field of which only serde knows the form.
#[derive(Debug)]
pub struct Any<T>(std::marker::PhantomData<T>);

impl<T: DeserializeOwned> Config for Any<T> {
    const SCHEMA: Schema = Schema::new("{}");

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        problems.extend(T::deserialize(value).err().map(|error| Problem::new(path, without_values(&error.to_string()))));
    }
}

/// `invalid type: string "...", expected u32` keeps what was expected, and nothing of what was found.
pub(super) fn without_values(sentence: &str) -> String {
    match (sentence.starts_with("invalid "), sentence.rfind(", expected ")) {
        (true, Some(at)) => sentence[at + 2..].to_owned(),
        _ => sentence.to_owned(),
    }
}

fn one_of(names: &[&str]) -> String {
    format!("must be one of {}", names.join(", "))
}

/// The members of a table with names of any kind.
pub(crate) fn members<'v>(value: &'v Value, path: &str, problems: &mut Vec<Problem>) -> Option<&'v Map<String, Value>> {
    let members = value.as_object();
    if members.is_none() {
        problems.push(expected("a table", value, path));
    }
    members
}

/// The JSON pointer to a member.
pub(crate) fn child(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn expected(what: &str, value: &Value, path: &str) -> Problem {
    let found = match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    };
    Problem::new(path, format!("expected {what}, found {found}"))
}

macro_rules! leaf {
    ($($type:ty: $schema:literal, $expected:literal, $fits:expr;)+) => { $(
        impl Config for $type {
            const SCHEMA: Schema = Schema::new($schema);

            fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
                let fits: fn(&Value) -> bool = $fits;
                if !fits(value) {
                    problems.push(expected($expected, value, path));
                }
            }
        }
    )+ };
}

leaf! {
    bool: r#"{"type":"boolean"}"#, "true or false", Value::is_boolean;
    String: r#"{"type":"string"}"#, "a text", Value::is_string;
    f32: r#"{"type":"number"}"#, "a number", Value::is_number;
    f64: r#"{"type":"number"}"#, "a number", Value::is_number;
    Value: "{}", "anything", |_| true;
}

macro_rules! integers {
    ($($type:ident)+) => { $(
        impl Config for $type {
            const SCHEMA: Schema = Schema::new(concat!(r#"{"type":"integer","format":""#, stringify!($type), r#""}"#));

            fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
                if <$type as serde::Deserialize>::deserialize(value).is_err() {
                    let kind = format!("a whole number from {} to {}", $type::MIN, $type::MAX);
                    problems.push(expected(&kind, value, path));
                }
            }
        }
    )+ };
}

integers! { u8 u16 u32 u64 usize i8 i16 i32 i64 isize }

impl Config for Path {
    const SCHEMA: Schema = Schema::new(r#"{"type":"string"}"#);

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        parsed::<Self>(value, path, problems);
    }
}

/// What is read from a text; without serde, whose way through a value makes a component larger.
pub(crate) fn parsed<T: FromStr<Err = Error>>(value: &Value, path: &str, problems: &mut Vec<Problem>) {
    match value.as_str().map(T::from_str) {
        None => problems.push(expected("a text", value, path)),
        Some(Err(error)) => problems.push(Problem::new(path, error.failure().message.as_str())),
        Some(Ok(_)) => {}
    }
}

impl<T: Config> Config for Option<T> {
    const SCHEMA: Schema = Schema::new(r#"{"anyOf":["#).then(&T::SCHEMA).and(r#",{"type":"null"}]}"#);

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        if !value.is_null() {
            T::check(value, path, problems);
        }
    }
}

impl<T: Config> Config for Box<T> {
    const SCHEMA: Schema = T::SCHEMA;

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        T::check(value, path, problems);
    }
}

impl<T: Config> Config for Vec<T> {
    const SCHEMA: Schema = Schema::new(r#"{"type":"array","items":"#).then(&T::SCHEMA).and("}");

    fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
        match value {
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| T::check(item, &format!("{path}/{at}"), problems));
            }
            _ => problems.push(expected("a list", value, path)),
        }
    }
}

macro_rules! maps {
    ($($type:ident)+) => { $(
        impl<T: Config> Config for $type<String, T> {
            const SCHEMA: Schema = Schema::new(r#"{"type":"object","additionalProperties":"#).then(&T::SCHEMA).and("}");

            fn check(value: &Value, path: &str, problems: &mut Vec<Problem>) {
                for (name, value) in members(value, path, problems).into_iter().flatten() {
                    T::check(value, &child(path, name), problems);
                }
            }
        }
    )+ };
}

maps! { BTreeMap HashMap }
