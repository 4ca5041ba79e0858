//! Where values come from: the event's body, by paths, and the event itself, by names that begin with `@`.

use sluicebox_sdk::json::{Node, Path};
use sluicebox_sdk::prelude::*;

const NAMES: &str = "@id, @type, @source, @received_at_ms, @content_type, @body, @header.NAME, @attribute.NAME";

/// The way to a value.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Values of the body.
    At(Path),
    /// The whole body.
    Body,
    /// The event's id.
    Id,
    /// The event's type.
    Type,
    /// The source it came by.
    Source,
    /// When it came.
    ReceivedAt,
    /// The body's media type.
    ContentType,
    /// A header.
    Header(String),
    /// An attribute.
    Attribute(String),
}

impl Origin {
    /// Whether its value is a list of what was found.
    pub(crate) fn leads_to_many(&self) -> bool {
        matches!(self, Self::At(path) if path.leads_to_many())
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(name) = text.strip_prefix('@') else { return Path::try_from(text.to_owned()).map(Self::At) };
        match name.split_once('.') {
            Some(("header", name)) if !name.is_empty() => return Ok(Self::Header(name.to_owned())),
            Some(("attribute", name)) if !name.is_empty() => return Ok(Self::Attribute(name.to_owned())),
            _ => {}
        }
        match name {
            "id" => Ok(Self::Id),
            "type" => Ok(Self::Type),
            "source" => Ok(Self::Source),
            "received_at_ms" => Ok(Self::ReceivedAt),
            "content_type" => Ok(Self::ContentType),
            "body" => Ok(Self::Body),
            _ => Err(format!("{text:?} is none of {NAMES}; a member with such a name is [\"{text}\"]")),
        }
    }
}

/// One event, its body read when the first value of it is asked for: a template without such needs no JSON.
pub(crate) struct Input<'e> {
    event: &'e Event,
    body: Option<Node<'e>>,
}

impl<'e> Input<'e> {
    pub(crate) fn new(event: &'e Event) -> Self {
        Self { event, body: None }
    }

    /// A value as JSON text; none where there is no such value.
    pub(crate) fn get(&mut self, origin: &Origin) -> Result<Option<String>> {
        let text = |text: &str| Value::from(text).to_string();
        Ok(match origin {
            Origin::At(path) => return self.at(path),
            Origin::Body => Some(self.body()?.to_text()),
            Origin::Id => Some(text(self.event.id())),
            Origin::Type => Some(text(self.event.event_type())),
            Origin::Source => Some(text(self.event.source())),
            Origin::ReceivedAt => Some(self.event.received_at_ms().to_string()),
            Origin::ContentType => self.event.content_type().map(text),
            Origin::Header(name) => self.event.header(name).map(text),
            Origin::Attribute(name) => self.event.attribute(name).map(text),
        })
    }

    /// The first value that a path leads to, or an array of all where it may lead to many.
    fn at(&mut self, path: &Path) -> Result<Option<String>> {
        let found = self.body()?.find(path)?;
        if !path.leads_to_many() {
            return Ok(found.first().map(Node::to_text));
        }
        Ok(Some(Node::Array(found).to_text()).filter(|all| all != "[]"))
    }

    fn body(&mut self) -> Result<&mut Node<'e>> {
        match &mut self.body {
            Some(body) => Ok(body),
            none => Ok(none.insert(Node::read(self.event.body())?)),
        }
    }
}
