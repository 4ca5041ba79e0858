//! What a URL or a header takes from the message: text with slots, as in `orders/{data.order.id}`.
//!
//! | slot | what it stands for |
//! |---|---|
//! | `{id}` | the message's id, the `webhook-id` |
//! | `{event}` | the event's id; a batch has none |
//! | `{source}`, `{type}`, `{subject}` | the event's source and subject, the message's type; a batch has its rule for a source |
//! | `{time}` | when the event happened, or else came in; when the batch was opened (RFC 3339) |
//! | `{headers.NAME}` | a header of the message, or else of the event |
//! | `{data.a.b.0}` | what stands there in the message's JSON body: a text, a number or a truth value |

use std::{borrow::Cow, collections::HashMap};

use serde_json::value::RawValue;

use crate::{
    cloudevents::rfc3339,
    event::{Failure, Piece, pieces},
    journal::{Delivery, Origin},
};

/// A parsed template.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot { written: String, slot: Slot },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    Id,
    Event,
    Source,
    Type,
    Subject,
    Time,
    /// In lower case.
    Header(String),
    Data(Vec<String>),
}

impl Template {
    /// Reads a template; the error says how to mend it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let part = |piece| match piece {
            Piece::Text(text) => Ok(Part::Text(text.to_owned())),
            Piece::Slot(name) => slot(name).map(|slot| Part::Slot { written: format!("{{{name}}}"), slot }),
        };
        pieces(text)?.into_iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn has_slots(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Slot { .. }))
    }

    /// The text of this message: `put` takes each slot's value, as bytes, to what has been written so far.
    pub(super) fn fill(
        &self,
        delivery: &Delivery,
        mut put: impl FnMut(&mut Vec<u8>, &str, &[u8]) -> Result<(), Failure>,
    ) -> Result<Vec<u8>, Failure> {
        let mut filled = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Slot { written, slot } => {
                    let value = slot.value(delivery).ok_or_else(|| missing(written))?;
                    put(&mut filled, written, &value)?;
                }
            }
        }
        Ok(filled)
    }
}

fn slot(name: &str) -> Result<Slot, String> {
    match name {
        "id" => Ok(Slot::Id),
        "event" => Ok(Slot::Event),
        "source" => Ok(Slot::Source),
        "type" => Ok(Slot::Type),
        "subject" => Ok(Slot::Subject),
        "time" => Ok(Slot::Time),
        _ => match name.split_once('.') {
            Some(("headers", header)) if !header.is_empty() => Ok(Slot::Header(header.to_ascii_lowercase())),
            Some(("data", path)) if path.split('.').all(|key| !key.is_empty()) => {
                Ok(Slot::Data(path.split('.').map(str::to_owned).collect()))
            }
            _ => Err(format!(
                "`{{{name}}}` is unknown; there are `{{id}}`, `{{event}}`, `{{source}}`, `{{type}}`, `{{subject}}`, `{{time}}`, \
                 `{{headers.NAME}}` and `{{data.PATH}}`"
            )),
        },
    }
}

impl Slot {
    fn value<'d>(&self, delivery: &'d Delivery) -> Option<Cow<'d, [u8]>> {
        let text = |text: &'d str| Some(Cow::Borrowed(text.as_bytes()));
        let owned = |text: String| Some(Cow::Owned(text.into_bytes()));
        match (self, &delivery.origin) {
            (Self::Id, _) => owned(delivery.id.to_string()),
            (Self::Event, Origin::Event(event)) => owned(event.id.to_string()),
            (Self::Source, Origin::Event(event)) => text(event.source.as_str()),
            (Self::Source, Origin::Batch { .. }) => text(delivery.rule.as_str()),
            (Self::Type, _) => text(&delivery.message.event_type),
            (Self::Subject, Origin::Event(event)) => text(event.subject.as_deref()?),
            (Self::Time, Origin::Event(event)) => owned(rfc3339(event.time.unwrap_or(event.received_at))),
            (Self::Time, Origin::Batch { opened_at, .. }) => owned(rfc3339(*opened_at)),
            (Self::Header(name), _) => header(delivery, name),
            (Self::Data(path), _) => data(&delivery.body, path).map(|value| Cow::Owned(value.into_bytes())),
            (Self::Event | Self::Subject, Origin::Batch { .. }) => None,
        }
    }
}

/// The first header of this name: its bytes, which were read as ISO-8859-1.
fn header<'d>(delivery: &'d Delivery, name: &str) -> Option<Cow<'d, [u8]>> {
    let events = match &delivery.origin {
        Origin::Event(event) => event.headers.as_slice(),
        Origin::Batch { .. } => &[],
    };
    let found = delivery.message.headers.iter().chain(events).find(|header| header.name.eq_ignore_ascii_case(name))?;
    found.value.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned)
}

/// The scalar at this path of a JSON document: a text unquoted, a number exactly as it is written.
fn data(body: &[u8], path: &[String]) -> Option<String> {
    let mut at: &RawValue = serde_json::from_slice(body).ok()?;
    for key in path {
        at = match at.get().as_bytes().first()? {
            b'{' => serde_json::from_str::<HashMap<Cow<'_, str>, &RawValue>>(at.get()).ok()?.get(key.as_str()).copied()?,
            b'[' => serde_json::from_str::<Vec<&RawValue>>(at.get()).ok()?.get(key.parse::<usize>().ok()?).copied()?,
            _ => return None,
        };
    }
    match at.get().as_bytes().first()? {
        b'"' => serde_json::from_str(at.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(at.get().to_owned()),
    }
}

fn missing(written: &str) -> Failure {
    let message = format!(
        "the destination's URL or headers take `{written}` from the message, which has nothing there (or no text, number or truth \
         value): mend the message by a plugin, or the destination, and replay"
    );
    Failure::new("template-missing", message)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{deliver::fake, event::Header};

    fn filled(template: &str, delivery: &Delivery) -> Result<String, String> {
        let put = |filled: &mut Vec<u8>, _: &str, value: &[u8]| {
            filled.extend_from_slice(value);
            Ok(())
        };
        let filled = Template::parse(template).expect(template).fill(delivery, put).map_err(|failure| failure.code)?;
        Ok(String::from_utf8(filled).expect("text"))
    }

    #[test]
    fn slots_are_filled_from_the_message() {
        let mut delivery = fake::delivery("crm", 1);
        delivery.body = Bytes::from_static(
            br#"{"order":{"id":12345678901234567890123,"ok":true,"name":"J\u00f6rg"},"list":[{"n":1.50}],"none":null}"#,
        );
        delivery.message.headers = vec![Header { name: "x-tenant".into(), value: "acme".into() }];
        let id = delivery.id.to_string();
        for (template, value) in [
            ("plain", "plain"),
            ("{id}", id.as_str()),
            ("a-{type}-b", "a-test-b"),
            ("{source}", "rule"),
            ("{time}", "1970-01-01T00:00:00Z"),
            ("{headers.X-Tenant}", "acme"),
            ("{data.order.id}", "12345678901234567890123"),
            ("{data.order.ok}", "true"),
            ("{data.order.name}", "J\u{f6}rg"),
            ("{data.list.0.n}", "1.50"),
        ] {
            assert_eq!(filled(template, &delivery).as_deref(), Ok(value), "{template}");
        }
        for template in
            ["{event}", "{subject}", "{headers.x-other}", "{data.order}", "{data.list}", "{data.none}", "{data.list.1.n}"]
        {
            assert_eq!(filled(template, &delivery), Err("template-missing".into()), "{template}");
        }
        delivery.body = Bytes::from_static(b"no json");
        assert_eq!(filled("{data.order.id}", &delivery), Err("template-missing".into()));
    }

    #[test]
    fn an_unknown_slot_is_refused_with_those_there_are() {
        for bad in ["{}", "{ID}", "{data}", "{data.}", "{data.a..b}", "{headers.}", "{headers}", "{body}"] {
            assert!(Template::parse(bad).expect_err(bad).contains("{data.PATH}"), "{bad}");
        }
        assert!(Template::parse("{id").expect_err("open").contains("not closed"));
    }
}
