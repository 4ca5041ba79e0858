//! From XML to JSON, element by element, without recursion: the stack is ours, and bounded.
//!
//! What XML allows and nobody needs here stays out of reach: a DOCTYPE is skipped and nothing in it is read, so that an entity is
//! one of the five that XML itself knows, or a character by its number. No document can grow while it is read.

use crate::{Depth, Settings};
use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::{Reader, XmlVersion};
use sluicebox_sdk::prelude::*;
use sluicebox_sdk::serde_json::Map;

/// An object with one member: the root element.
///
/// # Errors
/// Rejects with `invalid-xml`, and the line, what is no XML, is nested too deep, or is in another encoding than UTF-8.
pub(crate) fn convert(xml: &str, settings: &Settings) -> Result<Value> {
    let mut reader = Reader::from_str(xml);
    let mut document = Document { settings, open: Vec::new(), root: None };
    loop {
        match reader.read_event() {
            Ok(Xml::Eof) => break,
            Ok(event) => document.take(&event).map_err(|why| invalid(xml, reader.buffer_position(), &why))?,
            Err(error) => return Err(invalid(xml, reader.error_position(), &error.to_string())),
        }
    }
    document.end().map_err(|why| invalid(xml, reader.buffer_position(), &why))
}

fn invalid(xml: &str, position: u64, why: &str) -> Error {
    let position = usize::try_from(position).unwrap_or(xml.len());
    let lines = xml.bytes().take(position).filter(|byte| *byte == b'\n').count();
    Error::reject("invalid-xml", format_args!("line {}: {why}", lines + 1))
}

/// What was read so far.
struct Document<'s> {
    settings: &'s Settings,
    /// The elements that are not closed yet, the root first.
    open: Vec<Element>,
    root: Option<(String, Value)>,
}

/// An element that is not closed yet.
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Document<'_> {
    fn take(&mut self, event: &Xml<'_>) -> Result<(), String> {
        match event {
            Xml::Start(start) => self.start(start),
            Xml::Empty(start) => self.start(start).and_then(|()| self.close()),
            Xml::End(_) => self.close(),
            Xml::Text(text) => self.text(&text.xml10_content()),
            Xml::CData(text) => self.text(&text.xml10_content()),
            Xml::GeneralRef(name) => match name.resolve_char_ref().map_err(|error| error.to_string())? {
                Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
                None => self.text(entity(&name.xml10_content())?),
            },
            Xml::Decl(declaration) => match declaration.encoding() {
                Some(Ok(name)) if !["utf-8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str()) => {
                    Err(format!("the encoding {name:?} is not UTF-8"))
                }
                Some(Err(error)) => Err(error.to_string()),
                _ => Ok(()),
            },
            Xml::Comment(_) | Xml::PI(_) | Xml::DocType(_) | Xml::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.root.is_some() {
            return Err("a second root element".to_owned());
        }
        let Depth(depth_max) = self.settings.depth_max;
        if self.open.len() >= depth_max {
            return Err(format!("elements are nested more than {depth_max} deep (depth_max)"));
        }
        let mut members = Map::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = attribute.key.as_ref();
            if self.settings.strip_prefixes && (name == "xmlns" || name.starts_with("xmlns:")) {
                continue;
            }
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            add(&mut members, format!("@{}", self.name(name)?), Value::from(value), false);
        }
        self.open.push(Element { name: self.name(start.name().as_ref())?, members, text: String::new() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(element) = self.open.pop() else { return Err("an element ends that did not begin".to_owned()) };
        let (name, value) = element.finish(self.settings.trim);
        match self.open.last_mut() {
            Some(parent) => {
                let list = self.settings.always_array.contains(&name);
                add(&mut parent.members, name, value, list);
            }
            None => self.root = Some((name, value)),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("text outside of the root element".to_owned()),
        }
        Ok(())
    }

    /// A name as the settings want it. The parser takes almost anything for one; what cannot begin a name is none.
    fn name(&self, name: &str) -> Result<String, String> {
        if !name.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == ':' || !first.is_ascii()) {
            return Err(format!("{name:?} is no name"));
        }
        let local = name.split_once(':').map_or(name, |(_, local)| local);
        Ok(if self.settings.strip_prefixes { local } else { name }.to_owned())
    }

    fn end(self) -> Result<Value, String> {
        match (self.open.last(), self.root) {
            (Some(element), _) => Err(format!("the document ends within <{}>", element.name)),
            (None, None) => Err("no root element".to_owned()),
            (None, Some((name, value))) => Ok(Value::Object(Map::from_iter([(name, value)]))),
        }
    }
}

impl Element {
    /// A text, where it has neither attributes nor elements in it, else an object.
    fn finish(mut self, trim: bool) -> (String, Value) {
        let text = if trim { self.text.trim() } else { &self.text };
        if self.members.is_empty() {
            return (self.name, Value::from(text));
        }
        // The white space between elements is layout.
        if !text.trim().is_empty() {
            self.members.insert("#text".to_owned(), Value::from(text));
        }
        (self.name, Value::Object(self.members))
    }
}

/// The second of a name makes an array of it. No other value is an array, so that one is always told by its kind.
fn add(members: &mut Map<String, Value>, name: String, value: Value, list: bool) {
    match members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None if list => members.extend([(name, Value::Array(vec![value]))]),
        None => members.extend([(name, value)]),
    }
}

fn entity(name: &str) -> Result<&'static str, String> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "apos" => Ok("'"),
        "quot" => Ok("\""),
        _ => Err(format!("the entity &{name}; is not one of XML's five")),
    }
}
