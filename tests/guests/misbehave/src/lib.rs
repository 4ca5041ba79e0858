//! Does wrong what its setting `mode` names, one thing a call; and some things right, to compare with.

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
    /// Right: each line of the body on its own.
    Split,
    /// Never comes back.
    Spin,
    /// Comes back with the event as it is, after so many rounds of a loop.
    Toil {
        /// About ten instructions each.
        rounds: u64,
    },
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
    /// Calls itself until the engine's stack is full.
    Recurse,
    /// The same with large frames, which are in the guest's own memory: it runs out of its lowest addresses first.
    RecurseWide,
    /// Logs so many lines, with control characters, and one that is too long.
    Chatter {
        /// More than a call may log.
        #[serde(default = "Mode::chatter_lines")]
        lines: usize,
    },
    /// Logs one line of so many bytes.
    LongLine {
        /// More than a line may have, or than may be handed over at once.
        bytes: usize,
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
        Mode::Split => emit_all(event.text()?.lines().map(Message::text)),
        Mode::Spin => spin(),
        Mode::Toil { rounds } => {
            for round in 0..rounds {
                black_box(round);
            }
            keep()
        }
        Mode::Eat => eat(),
        Mode::Panic => panic!("told to panic"),
        Mode::Flood { bytes } => emit(Message::bytes(vec![b'x'; bytes])),
        Mode::Many { messages } => emit_all((0..messages).map(|_| Message::bytes([]))),
        Mode::Recurse => emit(Message::text(recurse(black_box(0)).to_string())),
        Mode::RecurseWide => emit(Message::text(recurse_wide(0).to_string())),
        Mode::Chatter { lines } => {
            log::info!("{}", "long ".repeat(1_000));
            (0..lines).for_each(|line| log::info!("\u{1b}[31mline\r\n{line}"));
            keep()
        }
        Mode::LongLine { bytes } => {
            log::info!("{}", "x".repeat(bytes));
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

/// Does to the answer of its own call what makes it no loop, and takes no address, so that nothing is in the guest's memory.
fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX { 0 } else { recurse(depth + 1).rotate_left(1) ^ depth }
}

fn recurse_wide(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    if frame[0] == u64::MAX { 0 } else { recurse_wide(depth + 1).rotate_left(1) ^ frame[1] }
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
