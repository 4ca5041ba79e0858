//! The fixtures of `sluicebox plugin test`, run natively: for `cargo test`, a debugger and a coverage tool. What only an engine knows
//! (fuel, limits, a batch's key, that a repeat has the same result) is for `sluicebox plugin test`.

mod expect;
mod file;

use super::{set_now_ms, set_settings};
use crate::{Batch, Event, Message, Outcome, Result, Verdict, config};
use file::Fixture;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// Runs each `NAME.toml` of a folder, which is relative to the crate's, through a plugin's function, and tells all that differs from
/// what is expected.
///
/// The function is that of a filter, a transform or a batch, with or without settings; of a batch, only fixtures with `[[events]]`
/// are run. A fixture that expects a `fault` is left to `sluicebox plugin test`, as is `max_fuel`.
///
/// ```
/// use sluicebox_sdk::{prelude::*, testing};
///
/// #[derive(Deserialize)]
/// struct Settings { types: Vec<String> }
///
/// #[filter]
/// fn some_types(event: Event, settings: Settings) -> bool {
///     settings.types.iter().any(|name| name == event.event_type())
/// }
///
/// # fn main() {
/// testing::fixtures("tests/fixtures", some_types);
/// # }
/// ```
///
/// # Panics
/// Where a fixture cannot be read or differs, and where none was run.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "a function is given by its name, not by a reference to it")]
pub fn fixtures<Arguments>(folder: impl AsRef<Path>, plugin: impl Plugin<Arguments>) {
    let folder = folder.as_ref();
    let files = files(folder);
    let told: Vec<_> = files.iter().filter_map(|file| one(file, &plugin).map(|wrong| (file, wrong))).collect();
    assert!(!told.is_empty(), "no fixture was run: there is none for such a function in {}", folder.display());
    let failed: String = told.iter().filter(|(_, wrong)| !wrong.is_empty()).map(|(file, wrong)| in_lines(file, wrong)).collect();
    assert!(failed.is_empty(), "these fixtures failed\n{failed}");
}

/// A function of a plugin, as [`fixtures`] calls it.
#[diagnostic::on_unimplemented(
    message = "`fixtures` expects the function of a plugin: fn(Event[, Settings]) or fn(Batch[, Settings])",
    label = "is no such function"
)]
pub trait Plugin<Arguments> {
    /// Calls it; `None`: it is for another kind of fixture.
    #[doc(hidden)]
    fn call(&self, given: Given) -> Option<Result<Outcome>>;
}

/// What a fixture gives.
#[doc(hidden)]
#[derive(Debug)]
pub enum Given {
    /// One event.
    Event(Box<Event>),
    /// Several, and the key they are expected to have.
    Batch(Batch),
}

impl<F: Fn(Event) -> A, A: Answer> Plugin<(Event,)> for F {
    fn call(&self, given: Given) -> Option<Result<Outcome>> {
        if let Given::Event(event) = given { Some(self(*event).answer()) } else { None }
    }
}

impl<F: Fn(Event, S) -> A, S: DeserializeOwned, A: Answer> Plugin<(Event, S)> for F {
    fn call(&self, given: Given) -> Option<Result<Outcome>> {
        let Given::Event(event) = given else { return None };
        Some(config::settings().and_then(|settings| self(*event, settings).answer()))
    }
}

impl<F: Fn(Batch) -> A, A: Answer> Plugin<(Batch,)> for F {
    fn call(&self, given: Given) -> Option<Result<Outcome>> {
        if let Given::Batch(batch) = given { Some(self(batch).answer()) } else { None }
    }
}

impl<F: Fn(Batch, S) -> A, S: DeserializeOwned, A: Answer> Plugin<(Batch, S)> for F {
    fn call(&self, given: Given) -> Option<Result<Outcome>> {
        let Given::Batch(batch) = given else { return None };
        Some(config::settings().and_then(|settings| self(batch, settings).answer()))
    }
}

/// What such a function may return.
#[doc(hidden)]
pub trait Answer {
    /// As an outcome.
    fn answer(self) -> Result<Outcome>;
}

macro_rules! answers {
    ($($type:ty: |$answer:ident| $outcome:expr;)+) => { $(
        impl Answer for $type {
            fn answer(self) -> Result<Outcome> {
                let $answer = self;
                $outcome
            }
        }
    )+ };
}

answers! {
    bool: |keep| Ok(if keep { Outcome::Keep } else { Outcome::Drop("filtered out".to_owned()) });
    Verdict: |verdict| Ok(match verdict { Verdict::Keep => Outcome::Keep, Verdict::Drop(reason) => Outcome::Drop(reason) });
    Result<bool>: |keep| keep?.answer();
    Result<Verdict>: |verdict| verdict?.answer();
    Result<Outcome>: |outcome| outcome;
    Result<Message>: |message| Ok(Outcome::Emit(vec![message?]));
    Result<Vec<Message>>: |messages| Ok(Outcome::Emit(messages?));
}

#[track_caller]
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

/// What is wrong, in lines; `None`: it is not for this function.
fn one<Arguments>(file: &Path, plugin: &impl Plugin<Arguments>) -> Option<Vec<String>> {
    let Fixture { config, given, expect } = match Fixture::read(file) {
        Ok(fixture) => fixture,
        Err(why) => return Some(vec![why]),
    };
    if expect.is_fault() {
        return None;
    }
    let now_ms = match &given {
        Given::Event(event) => event.received_at_ms(),
        Given::Batch(batch) => batch.iter().map(Event::received_at_ms).max().unwrap_or_default(),
    };
    let event = if let Given::Event(event) = &given { Some(event.clone()) } else { None };
    set_settings(&config);
    set_now_ms(now_ms);
    let answer = plugin.call(given)?;
    Some(expect.differences(&answer, event.as_deref()))
}

fn in_lines(file: &Path, wrong: &[String]) -> String {
    let name = file.file_stem().unwrap_or_default().to_string_lossy();
    wrong.iter().map(|line| format!("  {name}: {line}\n")).collect()
}
