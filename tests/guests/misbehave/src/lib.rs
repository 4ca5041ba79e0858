//! Does wrong what its setting `mode` names, one thing a call; and two things right, to compare with.

use sluicebox_sdk::prelude::*;
use std::hint::black_box;

/// What to do, and how much of it.
#[derive(Deserialize)]
#[serde(tag = "mode", rename_all = "kebab-case")]
pub enum Mode {
    /// Right: the event goes on as it is.
    Keep,
    /// Right: the body in upper case.
    Upper,
    /// Never comes back.
    Spin,
    /// Takes memory until there is none.
    Eat,
    /// Panics.
    Panic,
    /// Answers with a body of so many bytes.
    Flood {
        /// More than an answer may have, less than fills the memory.
        #[serde(default = "Mode::flood_bytes")]
        bytes: usize,
    },
    /// Answers with so many empty messages.
    Many {
        /// More than an answer may have.
        #[serde(default = "Mode::many_messages")]
        messages: usize,
    },
    /// Calls itself until the stack is full.
    Recurse,
    /// Logs so many lines, with control characters, and one that is too long.
    Chatter {
        /// More than a call may log.
        #[serde(default = "Mode::chatter_lines")]
        lines: usize,
    },
    /// Sets a header that is the host's.
    OwnedHeader,
    /// Names a destination that its rule does not have.
    UnknownRoute,
    /// Says that the event can never be handled.
    Reject,
    /// Says that the event can be handled later.
    Retry,
}

impl Mode {
    fn flood_bytes() -> usize {
        20 << 20
    }

    fn many_messages() -> usize {
        100_000
    }

    fn chatter_lines() -> usize {
        1_000
    }
}

/// Does it.
#[transform]
pub fn misbehave(event: Event, mode: Mode) -> Result<Outcome> {
    match mode {
        Mode::Keep => keep(),
        Mode::Upper => emit(Message::bytes(event.body().to_ascii_uppercase())),
        Mode::Spin => spin(),
        Mode::Eat => eat(),
        Mode::Panic => panic!("told to panic"),
        Mode::Flood { bytes } => emit(Message::bytes(vec![b'x'; bytes])),
        Mode::Many { messages } => emit_all((0..messages).map(|_| Message::bytes([]))),
        Mode::Recurse => emit(Message::text(recurse(0).to_string())),
        Mode::Chatter { lines } => {
            log::info!("{}", "long ".repeat(1_000));
            (0..lines).for_each(|line| log::info!("\u{1b}[31mline\r\n{line}"));
            keep()
        }
        Mode::OwnedHeader => emit(Message::bytes(event.into_body()).with_header("webhook-id", "forged")),
        Mode::UnknownRoute => emit(Message::bytes(event.into_body()).with_route("nowhere")),
        Mode::Reject => reject("told-to-reject", "the settings say so"),
        Mode::Retry => retry_after(30.secs()),
    }
}

/// `black_box`, so that the compiler cannot see that nothing is done.
fn spin() -> ! {
    loop {
        black_box(());
    }
}

/// Touches what it takes, so that it is taken.
fn eat() -> ! {
    let mut eaten = Vec::new();
    loop {
        eaten.push(black_box(vec![1_u8; 1 << 20]));
    }
}

/// Uses the answer of its own call, so that it cannot become a loop.
fn recurse(depth: u64) -> u64 {
    if black_box(false) { depth } else { recurse(black_box(depth) + 1) ^ black_box(depth) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::serde_json;

    fn run(mode: Value) -> Result<Outcome> {
        misbehave(Event::new("test", "").with_body("text"), serde_json::from_value(mode)?)
    }

    #[test]
    fn modes_are_told_by_name() {
        assert_eq!(run(json!({ "mode": "upper" })), emit(Message::bytes("TEXT")));
        assert_eq!(run(json!({ "mode": "reject" })), reject("told-to-reject", "the settings say so"));
        assert!(matches!(run(json!({ "mode": "flood", "bytes": 5 })), Ok(Outcome::Emit(all)) if all[0].body() == b"xxxxx"));
        assert!(matches!(run(json!({ "mode": "many" })), Ok(Outcome::Emit(all)) if all.len() == 100_000));
    }
}
