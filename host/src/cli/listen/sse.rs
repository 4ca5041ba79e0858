//! Server-sent events (HTML, section 9.2.6), taken apart as their bytes come in.

/// One message. One without data has only an id: where to go on from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) id: Option<String>,
    pub(super) data: Option<String>,
}

/// What came and is not a whole message yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    bytes: Vec<u8>,
    /// Of `bytes`, how many were searched for the end of a line.
    searched: usize,
    message: Message,
}

/// The longest line: an event's largest body, as JSON at its longest, and what is around it.
const LINE_BYTES_MAX: usize = 128 << 20;

/// The host sends lines that no event is as long as.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream has more than {LINE_BYTES_MAX} bytes; is there a host at this address?")]
pub(super) struct TooLong;

impl Parser {
    /// Takes what came, and gives the messages that are whole by now.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Message>, TooLong> {
        self.bytes.extend_from_slice(bytes);
        let (mut messages, mut line_begin) = (Vec::new(), 0);
        while let Some(length) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n') {
            let line_end = self.searched + length;
            let line = &self.bytes[line_begin..line_end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                messages.extend(whole(std::mem::take(&mut self.message)));
            } else {
                field(&mut self.message, &String::from_utf8_lossy(line));
            }
            (line_begin, self.searched) = (line_end + 1, line_end + 1);
        }
        self.bytes.drain(..line_begin);
        self.searched = self.bytes.len();
        if self.bytes.len() > LINE_BYTES_MAX { Err(TooLong) } else { Ok(messages) }
    }
}

fn whole(message: Message) -> Option<Message> {
    (message != Message::default()).then_some(message)
}

/// Comments and fields of no concern here are passed over.
fn field(message: &mut Message, line: &str) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    match name {
        "id" => message.id = Some(value.to_owned()),
        "data" => match &mut message.data {
            Some(data) => *data = format!("{data}\n{value}"),
            none => *none = Some(value.to_owned()),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: Option<&str>, data: Option<&str>) -> Message {
        Message { id: id.map(str::to_owned), data: data.map(str::to_owned) }
    }

    #[test]
    fn messages_are_the_same_however_the_bytes_are_cut() {
        let stream =
            "retry: 1000\nid: a\n\n:\n\nid: b\ndata: {\"x\":\"\u{fc}\"}\n\ndata: one\r\ndata:two\r\nid: c\r\n\r\nid: not yet\n";
        let expected =
            [message(Some("a"), None), message(Some("b"), Some("{\"x\":\"\u{fc}\"}")), message(Some("c"), Some("one\ntwo"))];
        for size in 1..=stream.len() {
            let mut parser = Parser::default();
            let parts = stream.as_bytes().chunks(size).map(|part| parser.take(part).expect("no line is long"));
            assert_eq!(parts.flatten().collect::<Vec<_>>(), expected, "in parts of {size}");
        }
    }

    #[test]
    fn a_line_without_an_end_has_a_limit() {
        let (mut parser, part) = (Parser::default(), vec![b'a'; LINE_BYTES_MAX / 2]);
        assert!(parser.take(&part).is_ok());
        assert!(parser.take(&part).is_ok());
        assert_eq!(parser.take(b"a"), Err(TooLong));
    }
}
