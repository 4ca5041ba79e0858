//! From XML to JSON, element by element, without recursion: the stack is ours, and bounded. The mapping is the one of the plugin
//! `xml-to-json`.
//!
//! What XML allows and nobody needs here stays out of reach: a DOCTYPE is skipped and nothing in it is read or fetched, so that an entity is
//! one of the five that XML itself knows, or a character by its number. No document can grow while it is read.

use std::str;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesDecl, BytesStart, Event},
};
use serde_json::{Map, Value};

use super::Undecodable;

/// How deep elements may be nested; most readers refuse JSON that is much deeper.
const DEPTH_MAX: usize = 64;
/// Elements and attributes of a document, all together: each of them becomes many times its bytes while the document is built.
const NODES_MAX: usize = 100_000;
/// Attributes of one element.
const ATTRIBUTES_MAX: usize = 1_000;

/// An object with one member: the root element.
pub(super) fn object(body: &[u8]) -> Result<Value, Undecodable> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = str::from_utf8(body).map_err(|error| invalid(body, error.valid_up_to() as u64, "it is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut document = Document::default();
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => break,
            Ok(event) => document.take(&event).map_err(|why| invalid(body, reader.buffer_position(), &why))?,
            Err(error) => return Err(invalid(body, reader.error_position(), &error.to_string())),
        }
    }
    document.end().map_err(|why| invalid(body, reader.buffer_position(), &why))
}

fn invalid(body: &[u8], position: u64, why: &str) -> Undecodable {
    let position = usize::try_from(position).unwrap_or(body.len());
    let lines = body.iter().take(position).filter(|&&byte| byte == b'\n').count();
    Undecodable(format!("line {} of the XML: {why}", lines + 1))
}

/// What was read so far.
#[derive(Default)]
struct Document {
    /// The elements that are not closed yet, the root first.
    open: Vec<Element>,
    root: Option<(String, Value)>,
    nodes: usize,
}

/// An element that is not closed yet.
struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Document {
    fn take(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(start) => self.start(start),
            Event::Empty(start) => self.start(start).and_then(|()| self.close()),
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(name) => match name.resolve_char_ref().map_err(|error| error.to_string())? {
                Some(character) => self.text(character.encode_utf8(&mut [0; 4])),
                None => self.text(entity(&name.xml10_content())?),
            },
            Event::Decl(declaration) => is_utf8(declaration),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), String> {
        if self.root.is_some() {
            return Err("a second root element".to_owned());
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(format!("elements are nested more than {DEPTH_MAX} deep"));
        }
        self.count()?;
        let mut members = Map::new();
        // The parser's own search for names that stand twice compares each with all before it.
        for attribute in start.attributes().with_checks(false) {
            self.count()?;
            let attribute = attribute.map_err(|error| error.to_string())?;
            let name = checked(attribute.key.as_ref())?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| error.to_string())?;
            if members.insert(format!("@{name}"), Value::from(value)).is_some() {
                return Err(format!("the attribute `{name}` stands twice"));
            }
            if members.len() > ATTRIBUTES_MAX {
                return Err(format!("an element has more than {ATTRIBUTES_MAX} attributes"));
            }
        }
        self.open.push(Element { name: checked(start.name().as_ref())?.to_owned(), members, text: String::new() });
        Ok(())
    }

    fn count(&mut self) -> Result<(), String> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(format!("more than {NODES_MAX} elements and attributes")) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(element) = self.open.pop() else { return Err("an element ends that did not begin".to_owned()) };
        let (name, value) = element.finish();
        match self.open.last_mut() {
            Some(parent) => add(&mut parent.members, name, value),
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
    fn finish(mut self) -> (String, Value) {
        let text = self.text.trim();
        if self.members.is_empty() {
            return (self.name, Value::from(text));
        }
        if !text.is_empty() {
            self.members.insert("#text".to_owned(), Value::from(text));
        }
        (self.name, Value::Object(self.members))
    }
}

/// The second of a name makes an array of it. No other value is an array, so that one is always told by its kind.
fn add(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => drop(members.insert(name, value)),
    }
}

/// The parser takes almost anything for a name; what cannot begin one is none, and could pass for a member of ours (`@id`, `#text`).
fn checked(name: &str) -> Result<&str, String> {
    if name.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == ':' || !first.is_ascii()) {
        Ok(name)
    } else {
        Err(format!("{name:?} is no name"))
    }
}

fn is_utf8(declaration: &BytesDecl<'_>) -> Result<(), String> {
    match declaration.encoding() {
        Some(Ok(name)) if !["utf-8", "us-ascii"].contains(&name.to_ascii_lowercase().as_str()) => {
            Err(format!("the encoding {name:?} is not UTF-8"))
        }
        Some(Err(error)) => Err(error.to_string()),
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ORDER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- from the shop -->
<s:order xmlns:s="urn:shop" id="7" s:kind="gift &amp; &#x2764;">
    <item sku="a">2</item>
    <item sku="b"/>
    <note>for <b>you</b> only</note>
    <tags><tag>x</tag></tags>
    <empty></empty>
    <raw><![CDATA[a <b> & c]]></raw>
</s:order>"#;

    fn error(xml: impl AsRef<[u8]>) -> String {
        object(xml.as_ref()).expect_err("it is refused").0
    }

    #[test]
    fn an_element_is_a_text_or_an_object() {
        let expected = json!({ "s:order": {
            "@xmlns:s": "urn:shop", "@id": "7", "@s:kind": "gift & \u{2764}",
            "item": [{ "@sku": "a", "#text": "2" }, { "@sku": "b" }],
            "note": { "b": "you", "#text": "for  only" },
            "tags": { "tag": "x" },
            "empty": "",
            "raw": "a <b> & c",
        }});
        assert_eq!(object(ORDER.as_bytes()), Ok(expected.clone()));
        assert_eq!(object(format!("\u{feff}{ORDER}").as_bytes()), Ok(expected));
        assert_eq!(object(b"<a>&lt;&#65;&gt;&apos;&quot;</a>"), Ok(json!({ "a": "<A>'\"" })));
    }

    #[test]
    fn what_is_no_xml_is_pointed_at() {
        for (xml, told) in [
            ("", "line 1 of the XML: no root element"),
            ("{\"a\":1}", "line 1 of the XML: text outside of the root element"),
            ("<a/>\n<b/>", "line 2 of the XML: a second root element"),
            ("<a>\n\n<b></a>", "line 3 of the XML: "),
            ("<a><b>", "line 1 of the XML: the document ends within <b>"),
            ("</a>", "line 1 of the XML: "),
            ("<a x=\"1\" x=\"2\"/>", "line 1 of the XML: the attribute `x` stands twice"),
            ("<@a/>", "line 1 of the XML: \"@a\" is no name"),
            ("<a #text=\"1\"/>", "line 1 of the XML: "),
            ("<a>AT&T</a>", "line 1 of the XML: "),
            ("<a>&#0;</a>", "line 1 of the XML: "),
            ("<?xml version=\"1.0\" encoding=\"latin1\"?><a/>", "line 1 of the XML: the encoding \"latin1\" is not UTF-8"),
        ] {
            assert!(error(xml).starts_with(told), "{xml}: {}", error(xml));
        }
        assert_eq!(error(b"<a>\n\xff</a>"), "line 2 of the XML: it is not UTF-8");
    }

    #[test]
    fn no_entity_is_expanded_and_nothing_is_fetched() {
        let laughs = "<!DOCTYPE a [<!ENTITY x \"ha\"><!ENTITY y \"&x;&x;&x;&x;\"><!ENTITY z \"&y;&y;&y;&y;\">]><a>&z;</a>";
        assert!(error(laughs).contains("the entity &z; is not one of XML's five"), "{}", error(laughs));
        let file = "<!DOCTYPE a [<!ENTITY f SYSTEM \"file:///etc/passwd\">]><a>&f;</a>";
        assert!(error(file).contains("the entity &f; is not one of XML's five"), "{}", error(file));
        let attribute = "<!DOCTYPE a [<!ENTITY x \"ha\">]><a b=\"&x;\"/>";
        assert!(!error(attribute).is_empty());
        // What it would change is not read: nobody validates here.
        let external = "<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/a.dtd\" [<!ATTLIST a b CDATA \"c\">]><a/>";
        assert_eq!(object(external.as_bytes()), Ok(json!({ "a": "" })));
    }

    #[test]
    fn a_document_has_bounds() {
        let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert!(object(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(error(nested(DEPTH_MAX + 1)).contains("nested more than 64 deep"));
        // What never ends costs no more than what does.
        assert!(error("<a>".repeat(1_000_000)).contains("nested more than 64 deep"));
        let attributes = |count: usize| format!("<a {}/>", (0..count).map(|n| format!("b{n}=\"\" ")).collect::<String>());
        assert!(object(attributes(ATTRIBUTES_MAX).as_bytes()).is_ok());
        assert!(error(attributes(ATTRIBUTES_MAX + 1)).contains("more than 1000 attributes"));
        assert!(error(attributes(200_000)).contains("more than 1000 attributes"));
        let wide = |count: usize| format!("<a>{}</a>", "<b/>".repeat(count));
        assert!(object(wide(NODES_MAX - 1).as_bytes()).is_ok());
        assert!(error(wide(NODES_MAX)).contains("more than 100000 elements and attributes"));
    }
}
