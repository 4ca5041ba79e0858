//! What a guest gave back, checked and refined into messages: behind this, no header is the host's own and no list is too long.

use super::{
    exchange::{Emitted, HOST_ATTRIBUTES},
    fault::{Cause, FaultKind},
    limits::{CHAIN_BYTES_MAX, CHAIN_MESSAGES_MAX, EVENT_TYPE_BYTES_MAX, FIELDS_MAX, KEY_BYTES_MAX, Limits},
    load_error::mib,
    text::one_line,
};
use crate::event::{Attribute, Header, Message, Name, is_host_owned};

/// What a plugin may not set beside what the host owns: a message's type is a field of its own, and credentials are the destination's.
const RESERVED: [&str; 2] = ["authorization", "content-type"];

/// What is left of the chain's own limits, whatever its plugins may have each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) messages: usize,
    pub(super) bytes: usize,
}

impl Room {
    /// That of a chain that holds nothing yet.
    pub(super) const WHOLE: Self = Self { messages: CHAIN_MESSAGES_MAX, bytes: CHAIN_BYTES_MAX };
}

/// Checks what a call emitted; what it left open is as in `was`. Headers are not inherited: those emitted replace the ones before.
///
/// # Errors
///
/// Too many messages, too much of them, or one that says what is not a plugin's to say.
pub(super) fn messages(
    emitted: Vec<Emitted>,
    was: &Message,
    plugin: &Name,
    limits: &Limits,
    room: Room,
) -> Result<Vec<Message>, Cause> {
    let count = emitted.len();
    if count > limits.messages_max {
        let limit = limits.messages_max;
        let text =
            format!("plugin `{plugin}` left {count} messages, the limit is {limit} (plugins.{plugin}.limits.messages_max)");
        return Err(refused("limit-messages", text));
    }
    if count > room.messages {
        let text = format!("with those of plugin `{plugin}` the chain has more than {CHAIN_MESSAGES_MAX} messages: split less");
        return Err(refused("limit-messages", text));
    }
    let messages: Vec<Message> = emitted
        .into_iter()
        .map(|message| refine(message, was))
        .collect::<Result<_, _>>()
        .map_err(|cause: Cause| cause.told_of(plugin))?;
    if messages.iter().map(bytes_of).sum::<usize>() > room.bytes {
        let limit = mib(CHAIN_BYTES_MAX);
        let text = format!("with those of plugin `{plugin}` the chain's messages are more than {limit}: split less, or keep");
        return Err(Cause::new(FaultKind::Output, "limit-output", text));
    }
    Ok(messages)
}

/// What a message holds beside the event's own bytes.
pub(super) fn bytes_of(message: &Message) -> usize {
    let headers: usize = message.headers.iter().map(|h| h.name.len() + h.value.len()).sum();
    let attributes: usize = message.attributes.iter().map(|a| a.key.len() + a.value.len()).sum();
    message.body.as_ref().map_or(0, bytes::Bytes::len) + headers + attributes
}

/// A batch's key, which becomes part of the journal's.
pub(super) fn key(key: Option<String>, plugin: &Name) -> Result<Option<String>, Cause> {
    match &key {
        Some(text) if text.len() > KEY_BYTES_MAX => {
            let length = text.len();
            Err(refused(
                "limit-key",
                format!("plugin `{plugin}` gave a batch key of {length} bytes, the limit is {KEY_BYTES_MAX}"),
            ))
        }
        _ => Ok(key),
    }
}

fn refine(emitted: Emitted, was: &Message) -> Result<Message, Cause> {
    few("headers", emitted.headers.len())?;
    few("attributes", emitted.attributes.as_ref().map_or(0, Vec::len))?;
    let headers = emitted.headers.into_iter().map(header).collect::<Result<_, _>>()?;
    if emitted.content_type.as_deref().is_some_and(|value| !is_value(value)) {
        return Err(not_allowed("content-type", "its value has characters that no header may have"));
    }
    Ok(Message {
        event_type: emitted.event_type.map_or_else(|| Ok(was.event_type.clone()), event_type)?,
        content_type: emitted.content_type.or_else(|| was.content_type.clone()),
        headers,
        body: Some(emitted.body.into()),
        attributes: emitted.attributes.map_or_else(|| was.attributes.clone(), attributes),
        route: emitted.route.as_deref().map(route).transpose()?.or_else(|| was.route.clone()),
    })
}

/// No message needs more; and what is compared each with each must be few.
fn few(what: &str, count: usize) -> Result<(), Cause> {
    match count {
        0..=FIELDS_MAX => Ok(()),
        _ => Err(refused("limit-fields", format!("a message has {count} {what}, the limit is {FIELDS_MAX}"))),
    }
}

fn event_type(given: String) -> Result<String, Cause> {
    if given.len() > EVENT_TYPE_BYTES_MAX || given.chars().any(char::is_control) {
        let text = format!("a message's type has control characters or more than {EVENT_TYPE_BYTES_MAX} bytes");
        return Err(refused("invalid-event-type", text));
    }
    Ok(given)
}

fn header(header: Header) -> Result<Header, Cause> {
    let name = header.name.to_ascii_lowercase();
    if RESERVED.contains(&name.as_str()) || is_host_owned(&name) {
        return Err(not_allowed(&name, "the host sets it"));
    }
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(not_allowed(&name, "this is no name of a header (RFC 9110, section 5.1)"));
    }
    if !is_value(&header.value) {
        return Err(not_allowed(&name, "its value has characters that no header may have"));
    }
    Ok(Header { name, value: header.value })
}

/// RFC 9110, section 5.5; characters above 0x7F stand for bytes of ISO-8859-1.
fn is_value(value: &str) -> bool {
    value.chars().all(|c| c == '\t' || matches!(c, ' '..='~' | '\u{80}'..='\u{ff}'))
}

fn not_allowed(name: &str, why: &str) -> Cause {
    let text = format!("it may not set the header `{}`: {why}", one_line(name));
    refused("header-not-allowed", text)
}

/// Whether the rule has such a destination is the rule's to say; that it can be the name of one is checked here.
fn route(route: &str) -> Result<Name, Cause> {
    let name = route.parse::<Name>();
    name.map_err(|error| refused("unknown-route", one_line(&format!("a message's route names no destination: {error}"))))
}

/// Without those that are the host's to say; of a key that is given twice the first value stands.
fn attributes(given: Vec<Attribute>) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = Vec::new();
    for attribute in given {
        let taken = |key: &str| HOST_ATTRIBUTES.contains(&key) || attributes.iter().any(|a| a.key == key);
        if !taken(&attribute.key) {
            attributes.push(attribute);
        }
    }
    attributes
}

fn refused(code: &'static str, text: String) -> Cause {
    Cause::new(FaultKind::Rejected, code, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn was() -> Message {
        Message {
            event_type: "paid".into(),
            content_type: Some("text/plain".into()),
            headers: vec![Header { name: "x-old".into(), value: "1".into() }],
            body: None,
            attributes: vec![Attribute { key: "region".into(), value: "eu".into() }],
            route: Some("crm".parse().expect("a name")),
        }
    }

    fn accept(emitted: Vec<Emitted>, room: Room) -> Result<Vec<Message>, Cause> {
        messages(emitted, &was(), &"split".parse().expect("a name"), &Limits::DEFAULT, room)
    }

    fn with_header(name: &str, value: &str) -> Emitted {
        Emitted { headers: vec![Header { name: name.into(), value: value.into() }], ..Emitted::default() }
    }

    #[test]
    fn what_is_left_open_is_inherited_except_headers() {
        let accepted = accept(vec![Emitted { body: b"new".to_vec(), ..Emitted::default() }], Room::WHOLE).expect("accepted");
        let expected = Message { headers: Vec::new(), body: Some("new".into()), ..was() };
        assert_eq!(accepted, [expected]);
    }

    #[test]
    fn headers_of_the_host_are_refused_whatever_their_case() {
        for name in ["Webhook-Id", "host", "Content-Type", "proxy-authorization", "authorization", "a b", "", "ä"] {
            let cause = accept(vec![with_header(name, "x")], Room::WHOLE).expect_err(name);
            assert_eq!((cause.kind, cause.label), (FaultKind::Rejected, "header-not-allowed"), "{name}");
        }
        assert!(accept(vec![with_header("x-a", "1\r\nx-b: 2")], Room::WHOLE).is_err());
        let accepted = accept(vec![with_header("X-Region", "eu")], Room::WHOLE).expect("accepted");
        assert_eq!(accepted[0].headers[0].name, "x-region");
    }

    #[test]
    fn a_plugin_and_a_chain_may_leave_so_many_messages() {
        let many = |n| std::iter::repeat_with(Emitted::default).take(n).collect::<Vec<_>>();
        assert_eq!(accept(many(100), Room::WHOLE).expect("as many as allowed").len(), 100);
        let over = accept(many(101), Room::WHOLE).expect_err("one too many");
        assert!(over.failure.message.contains("plugins.split.limits.messages_max"), "{over:?}");
        assert_eq!(accept(many(3), Room { messages: 2, bytes: 1 }).expect_err("the chain is full").label, "limit-messages");
        let large = vec![Emitted { body: vec![0; 2], ..Emitted::default() }];
        assert_eq!(accept(large, Room { messages: 2, bytes: 1 }).expect_err("the chain is full").kind, FaultKind::Output);
    }

    #[test]
    fn what_is_compared_each_with_each_is_few() {
        let header = || Header { name: "x-a".into(), value: String::new() };
        let emitted = Emitted { headers: std::iter::repeat_with(header).take(101).collect(), ..Emitted::default() };
        assert_eq!(accept(vec![emitted], Room::WHOLE).expect_err("too many headers").label, "limit-fields");
        let emitted = Emitted { event_type: Some("a\nb".into()), ..Emitted::default() };
        assert_eq!(accept(vec![emitted], Room::WHOLE).expect_err("two lines").label, "invalid-event-type");
    }

    #[test]
    fn attributes_of_the_host_stay_the_hosts() {
        let attribute = |key: &str, value: &str| Attribute { key: key.into(), value: value.into() };
        let given = vec![attribute("subject", "forged"), attribute("a", "1"), attribute("a", "2")];
        let emitted = Emitted { attributes: Some(given), ..Emitted::default() };
        assert_eq!(accept(vec![emitted], Room::WHOLE).expect("accepted")[0].attributes, [attribute("a", "1")]);
    }
}
