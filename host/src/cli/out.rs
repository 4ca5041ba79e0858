//! What commands print: the one place that names standard output and standard error.
//!
//! Whoever reads a pipe may go away before its end, as `head` does. That is no mistake of the command: what it says then is left unsaid, and it
//! ends as it would have ended. Where standard output fails otherwise (a full disk), the command has failed.
//!
//! A backup is no text that may be left unsaid: it writes to standard output by itself, and fails where nobody takes it.

use std::{
    fmt,
    io::{self, Write as _},
    process::ExitCode,
    sync::OnceLock,
};

use super::exit::Exit;

/// Why nothing can be printed any more. Of the process, as standard output is.
static FAILED: OnceLock<io::Error> = OnceLock::new();

/// `print!` that does not panic.
macro_rules! out {
    ($($told:tt)*) => { $crate::cli::out::text(&format_args!($($told)*)) };
}

/// `println!` that does not panic.
macro_rules! outln {
    () => { $crate::cli::out::bytes(b"\n") };
    ($($told:tt)*) => { $crate::cli::out::text(&format_args!("{}\n", format_args!($($told)*))) };
}

/// `eprintln!` that does not panic.
macro_rules! errln {
    ($($told:tt)*) => { $crate::cli::out::aside(&format_args!($($told)*)) };
}

/// Prints.
pub(super) fn text(told: &fmt::Arguments<'_>) {
    bytes(told.to_string().as_bytes());
}

/// Prints what need be no text.
pub(super) fn bytes(told: &[u8]) {
    if is_read() {
        keep(io::stdout().lock().write_all(told));
    }
}

/// The same for a line of a stream, which nobody should wait for.
pub(super) fn now(told: &[u8]) {
    bytes(told);
    keep(io::stdout().lock().flush());
}

/// Says something beside what was asked for; where nobody listens, nothing.
pub(super) fn aside(told: &fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{told}");
}

/// Whether somebody may read still what is printed: a command without an end ends where nobody does.
pub(super) fn is_read() -> bool {
    FAILED.get().is_none()
}

/// How the process ends.
pub(super) fn ended(code: ExitCode) -> ExitCode {
    keep(io::stdout().lock().flush());
    match FAILED.get() {
        None => code,
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Some(error) => {
            errln!("sluicebox: standard output could not be written: {error}");
            Exit::Failed.into()
        }
    }
}

fn keep(written: io::Result<()>) {
    if let Err(error) = written {
        // The first counts.
        let _ = FAILED.set(error);
    }
}
