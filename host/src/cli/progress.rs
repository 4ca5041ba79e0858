//! What a person sees who waits: a line on standard error that moves, and is gone at the end. Where standard error is no terminal there is
//! nothing, but for what a log can use.

use std::{
    io::{Read, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

const TURN: Duration = Duration::from_millis(120);

/// A line about what is under way; gone when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// Begins to tell of something whose end nobody knows.
    pub(super) fn of(what: impl Into<String>) -> Self {
        // Hidden by itself where nobody watches.
        let bar = ProgressBar::new_spinner().with_message(what.into());
        bar.enable_steady_tick(TURN);
        Self(bar)
    }

    /// Begins to tell of so many things of a kind.
    pub(super) fn of_many(count: usize, what: impl Into<String>) -> Self {
        let style =
            ProgressStyle::with_template("{spinner} {msg} {pos} of {len}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(count as u64).with_message(what.into()).with_style(style);
        Self(bar)
    }

    /// Begins to tell of about so many bytes.
    pub(super) fn of_bytes(about: Option<u64>) -> Self {
        let style = ProgressStyle::with_template("{bar:40} {bytes} of about {total_bytes}, {bytes_per_sec}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(ProgressBar::new(about.unwrap_or_default()).with_style(style))
    }

    /// What is written to this is told.
    pub(super) fn counted<W: Write>(&self, to: W) -> impl Write + use<W> {
        self.0.wrap_write(to)
    }

    /// What is read from this is told.
    pub(super) fn counting<R: Read>(&self, from: R) -> impl Read + use<R> {
        self.0.wrap_read(from)
    }

    /// So many of them are done.
    pub(super) fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// One of them is done.
    pub(super) fn one_more(&self) {
        self.0.inc(1);
    }

    /// How far it is. It is a line of its own where nobody watches.
    pub(super) fn tell(&self, how_far: impl Into<String>) {
        let how_far = how_far.into();
        if self.0.is_hidden() {
            errln!("{how_far}");
        } else {
            self.0.set_message(how_far);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
