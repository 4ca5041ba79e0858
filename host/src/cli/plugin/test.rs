//! `sluicebox plugin test`: the fixtures of a plugin, in the engine and under the limits of a host.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use super::{
    fixture::{self, Fixture},
    language::{Language, PROFILE},
    told,
    trial::{Bench, Trial},
};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's folder, with its `fixtures`.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Test this .wasm file, instead of building the plugin.
    #[arg(long, value_name = "FILE")]
    wasm: Option<PathBuf>,
    #[command(flatten)]
    mode: Mode,
}

/// What is done with each fixture, beside comparing it.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Mode {
    /// Run each fixture twice, and fail on any difference between the two.
    #[arg(long)]
    twice: bool,
    /// Bring `expect` and `max_fuel` of each fixture to what the plugin does now.
    #[arg(long)]
    update: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let fixtures = fixture::all(&arguments.folder)?;
    let file = match &arguments.wasm {
        Some(file) => file.clone(),
        None => Language::build(&arguments.folder, PROFILE)?,
    };
    each(&Bench::start(&file).await?, &fixtures, &arguments.mode).await
}

/// Runs fixtures and prints a line for each.
///
/// # Errors
///
/// One of them failed.
pub(super) async fn each(bench: &Bench, fixtures: &[Fixture], mode: &Mode) -> anyhow::Result<()> {
    if mode.json {
        let mut told = Vec::new();
        let tested = as_json(bench, fixtures, mode, &mut told).await;
        outln!("{}", serde_json::to_string_pretty(&told)?);
        return tested;
    }
    let width = fixtures.iter().map(|fixture| fixture.name.chars().count()).max().unwrap_or(0);
    let tell = |fixture: &Fixture, verdict: Verdict| {
        outln!("{:<7} {:<width$}  {}", verdict.word, fixture.name, verdict.line);
        out!("{}", verdict.told);
    };
    judged(bench, fixtures, mode, tell).await
}

/// The same, with an object for each.
///
/// # Errors
///
/// One of them failed; all are told.
pub(super) async fn as_json(bench: &Bench, fixtures: &[Fixture], mode: &Mode, told: &mut Vec<Value>) -> anyhow::Result<()> {
    let tell = |fixture: &Fixture, Verdict { word, line, told: differences }: Verdict| {
        let verdict = word.to_lowercase();
        told.push(json!({ "fixture": fixture.name, "verdict": verdict, "summary": line, "differences": differences }));
    };
    judged(bench, fixtures, mode, tell).await
}

async fn judged(bench: &Bench, fixtures: &[Fixture], mode: &Mode, mut tell: impl FnMut(&Fixture, Verdict)) -> anyhow::Result<()> {
    let mut failed = 0;
    for fixture in fixtures {
        let verdict = one(bench, fixture, mode).await.with_context(|| format!("fixture {}", fixture.name))?;
        failed += usize::from(verdict.word == "FAIL");
        tell(fixture, verdict);
    }
    ensure!(failed == 0, "{failed} of {} fixtures failed", fixtures.len());
    Ok(())
}

/// What is printed of a fixture.
struct Verdict {
    /// `ok`, `updated` or `FAIL`.
    word: &'static str,
    line: String,
    told: String,
}

async fn one(bench: &Bench, fixture: &Fixture, mode: &Mode) -> anyhow::Result<Verdict> {
    let trial = bench.run(&fixture.given).await?;
    let line = told::line(&trial, fixture.max_fuel);
    let updated = mode.update && fixture.update(&trial)?;
    let mut told = if mode.update { None } else { differences(fixture, &trial) };
    if told.is_none() && mode.twice {
        told = changed(trial, bench.run(&fixture.given).await?);
    }
    let word = match (&told, updated) {
        (Some(_), _) => "FAIL",
        (None, true) => "updated",
        (None, false) => "ok",
    };
    Ok(Verdict { word, line, told: told.unwrap_or_default() })
}

/// What is not as expected, and what the plugin said meanwhile.
fn differences(fixture: &Fixture, trial: &Trial) -> Option<String> {
    let logs = trial.logs().map(|line| format!("  log: {line}\n"));
    fixture.differences(trial).map(|told| told + &logs.collect::<String>())
}

fn changed(first: Trial, second: Trial) -> Option<String> {
    let (first, second) = (first.repeatable(), second.repeatable());
    (first != second).then(|| format!("  the second run differs from the first\n{}", told::diff(&first, &second)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::plugin::trial::Became;

    #[test]
    fn two_runs_that_differ_are_told() {
        let trial = |reason: &str| Trial::of(Vec::new(), None, Became::Dropped(reason.to_owned()));
        assert_eq!(changed(trial("a"), trial("a")), None);
        let told = changed(trial("a"), trial("b")).expect("a difference");
        assert!(told.contains("-         \"a\"") && told.contains("+         \"b\""), "{told}");
    }
}
