//! What a guest gave back, checked and refined into messages: behind this, no header is the host's own and no list is too long.

use super::{
    exchange::{Emitted, HOST_ATTRIBUTES},
    fault::{Cause, FaultKind},
    limits::{
        ATTRIBUTES_BYTES_MAX, CHAIN_BYTES_MAX, CHAIN_MESSAGES_MAX, CONTENT_TYPE_BYTES_MAX, EVENT_TYPE_BYTES_MAX, FIELDS_MAX,
        HEADERS_BYTES_MAX, KEY_BYTES_MAX, Limits,
    },
    load_error::mib,
    room::{Room, attribute_bytes, header_bytes},
    text::one_line,
};
use crate::event::{Attribute, Header, Message, Name, is_host_owned};

/// What a plugin may not set beside what the host owns: a message's type is a field of its own, and credentials are the destination's.
const RESERVED: [&str; 2] = ["authorization", "content-type"];

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
    mut room: Room,
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
    let mut messages = Vec::with_capacity(count);
    for message in emitted {
        room.charge(&message, was).ok_or_else(|| full(plugin))?;
        messages.push(refine(message, was).map_err(|cause| cause.told_of(plugin))?);
    }
    Ok(messages)
}

fn full(plugin: &Name) -> Cause {
    let limit = mib(CHAIN_BYTES_MAX);
    let text = format!("with those of plugin `{plugin}` the chain's messages are more than {limit}: split less, or keep");
    Cause::new(FaultKind::Output, "limit-output", text)
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
    let given = emitted.attributes.as_deref().unwrap_or_default();
    few("headers", emitted.headers.len())?;
    few("attributes", given.len())?;
    small("limit-headers", "headers", header_bytes(&emitted.headers), HEADERS_BYTES_MAX)?;
    small("limit-attributes", "attributes", attribute_bytes(given), ATTRIBUTES_BYTES_MAX)?;
    let headers = emitted.headers.into_iter().map(header).collect::<Result<_, _>>()?;
    Ok(Message {
        event_type: emitted.event_type.map_or_else(|| Ok(was.event_type.clone()), event_type)?,
        content_type: emitted.content_type.map(content_type).transpose()?.or_else(|| was.content_type.clone()),
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

/// So that no plugin fills with fields what is meant for bodies.
fn small(code: &'static str, what: &str, bytes: usize, limit: usize) -> Result<(), Cause> {
    if bytes > limit {
        return Err(refused(code, format!("a message's {what} have {bytes} bytes, the limit is {limit}")));
    }
    Ok(())
}

fn event_type(given: String) -> Result<String, Cause> {
    if given.len() > EVENT_TYPE_BYTES_MAX || given.chars().any(char::is_control) {
        let text = format!("a message's type has control characters or more than {EVENT_TYPE_BYTES_MAX} bytes");
        return Err(refused("invalid-event-type", text));
    }
    Ok(given)
}

fn content_type(given: String) -> Result<String, Cause> {
    let (length, limit) = (given.len(), CONTENT_TYPE_BYTES_MAX);
    if length > limit {
        let text = format!("a message's content type has {length} bytes, the limit is {limit}");
        return Err(refused("limit-content-type", text));
    }
    if !is_value(&given) {
        return Err(not_allowed("content-type", "its value has characters that no header may have"));
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
    use super::{super::room::bytes_of, *};

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
    fn fields_are_small() {
        let label = |emitted| accept(vec![emitted], Room::WHOLE).expect_err("too large").label;
        let long = "x".repeat(65_537);
        assert_eq!(label(with_header("x-a", &long)), "limit-headers");
        let attribute = Attribute { key: "a".into(), value: long.clone() };
        assert_eq!(label(Emitted { attributes: Some(vec![attribute]), ..Emitted::default() }), "limit-attributes");
        assert_eq!(label(Emitted { content_type: Some(long), ..Emitted::default() }), "limit-content-type");
        let lines = Emitted { content_type: Some("a\r\nb".into()), ..Emitted::default() };
        assert_eq!(label(lines), "header-not-allowed");
    }

    #[test]
    fn what_is_inherited_is_charged_once_for_each_message() {
        let was = Message { event_type: "x".repeat(100), content_type: Some("x".repeat(200)), ..was() };
        let accept = |count, bytes| {
            let emitted = std::iter::repeat_with(Emitted::default).take(count).collect();
            messages(emitted, &was, &"split".parse().expect("a name"), &Limits::DEFAULT, Room { messages: 100, bytes })
        };
        let one = 100 + 200 + "regioneu".len();
        assert_eq!(accept(3, 3 * one).expect("just enough room").iter().map(bytes_of).sum::<usize>(), 3 * one);
        assert_eq!(accept(3, 3 * one - 1).expect_err("one byte too many").label, "limit-output");
    }

    #[test]
    fn attributes_of_the_host_stay_the_hosts() {
        let attribute = |key: &str, value: &str| Attribute { key: key.into(), value: value.into() };
        let given = vec![attribute("subject", "forged"), attribute("a", "1"), attribute("a", "2")];
        let emitted = Emitted { attributes: Some(given), ..Emitted::default() };
        assert_eq!(accept(vec![emitted], Room::WHOLE).expect("accepted")[0].attributes, [attribute("a", "1")]);
    }
}
