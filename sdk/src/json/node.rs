//! A document that is edited: taken apart only where a path leads, and text everywhere else.

use super::invalid;
use crate::Result;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A value of a document that can be edited: text, until somebody looks into it.
///
/// Numbers of any size, members of the same name and the order of members survive, which reading into a
/// [`Value`](serde_json::Value) and writing again does not promise.
///
/// ```
/// use sluicebox_sdk::{json::Node, prelude::*};
///
/// let mut order = Node::read(br#"{"id": 1.10, "mail": "ada@example.com", "card": "4242"}"#)?;
/// order.rename(&"mail".parse()?, "email")?;
/// order.remove(&["card".parse()?])?;
/// order.put(&"meta.origin".parse()?, Node::new(&json!("shop")))?;
/// assert_eq!(order.to_text(), r#"{"id":1.10,"email":"ada@example.com","meta":{"origin":"shop"}}"#);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub enum Node<'j> {
    /// JSON text, known to be right.
    Text(Cow<'j, str>),
    /// Its members in order, those of the same name too.
    Object(Vec<(String, Node<'j>)>),
    /// Its items in order.
    Array(Vec<Node<'j>>),
}

impl<'j> Node<'j> {
    /// A document.
    ///
    /// # Errors
    /// Rejects with `invalid-json` what is none.
    pub fn read(json: &'j [u8]) -> Result<Self> {
        let raw: &RawValue = serde_json::from_slice(json).map_err(invalid)?;
        Ok(Self::Text(Cow::Borrowed(raw.get())))
    }

    /// A value that is not from a document.
    #[must_use]
    pub fn new(value: &serde_json::Value) -> Self {
        Self::Text(Cow::Owned(value.to_string()))
    }

    /// As JSON text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    /// Appends the JSON text.
    pub fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Array(items) => list(out, ['[', ']'], items, |out, item| item.write(out)),
            Self::Object(members) => list(out, ['{', '}'], members, |out, (name, value)| {
                out.push_str(&serde_json::Value::from(name.as_str()).to_string());
                out.push(':');
                value.write(out);
            }),
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array(_) => "an array",
            Self::Text(text) => match text.as_bytes().first() {
                Some(b'{') => "an object",
                Some(b'[') => "an array",
                Some(b'"') => "a text",
                Some(b't' | b'f') => "a truth value",
                Some(b'n') => "null",
                _ => "a number",
            },
        }
    }

    /// Takes it apart by one level; scalars stay as they are.
    pub(super) fn open(&mut self) {
        let Self::Text(text) = self else { return };
        let opened = match text {
            Cow::Borrowed(text) => opened(text, Cow::Borrowed),
            Cow::Owned(text) => opened(text, |part| Cow::Owned(part.to_owned())),
        };
        if let Some(opened) = opened {
            *self = opened;
        }
    }
}

fn list<T>(out: &mut String, [open, close]: [char; 2], parts: &[T], write: impl Fn(&mut String, &T)) {
    out.push(open);
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, part);
    }
    out.push(close);
}

/// The text is right already, so that only what is no container cannot be opened.
fn opened<'t, 'j>(text: &'t str, keep: impl Fn(&'t str) -> Cow<'j, str>) -> Option<Node<'j>> {
    let node = |raw: &'t RawValue| Node::Text(keep(raw.get()));
    match text.as_bytes().first()? {
        b'{' => {
            let members = serde_json::Deserializer::from_str(text).deserialize_map(Members).ok()?;
            Some(Node::Object(members.into_iter().map(|(name, raw)| (name, node(raw))).collect()))
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            Some(Node::Array(items.into_iter().map(node).collect()))
        }
        _ => None,
    }
}

/// Reads an object without losing members of the same name.
struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_looks_into_stays_as_it_was() {
        let json = " {\"a\" : 1.10,\n\"b\": [ 123456789012345678901234567890, 1E2 ], \"a\": { \"x\" : \"\\u00e9\" } } ";
        let mut node = Node::read(json.as_bytes()).expect("JSON");
        assert_eq!(node.to_text(), json.trim());
        node.open();
        assert_eq!(node.to_text(), "{\"a\":1.10,\"b\":[ 123456789012345678901234567890, 1E2 ],\"a\":{ \"x\" : \"\\u00e9\" }}");
    }

    #[test]
    fn what_is_no_json_is_rejected() {
        for json in ["", "{", "{} x", "{\"a\": nul}", "payload=%7B%7D"] {
            assert_eq!(Node::read(json.as_bytes()).expect_err("no JSON").code(), "invalid-json", "{json}");
        }
    }
}
