//! `cargo xtask soak`: the long runs, whose short ones are among the tests.

use std::{collections::BTreeMap, env, process::ExitCode};

use anyhow::{Context, bail};
use sluicebox_tests::soak::{self, Plan, crash};

const USAGE: &str = "soak plugins [--count N] [--seed N] [--from INDEX], or soak crash [--cycles N] [--seed N] [--from CYCLE]";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("plugins") => {
            let mut given = numbers(arguments, &["--count", "--seed", "--from"])?;
            let mut number = |name, default| given.remove(name).unwrap_or(default);
            let plan = Plan { count: number("--count", 100_000), from: number("--from", 0), seed: number("--seed", soak::SEED) };
            println!("no finding: {}", soak::plugins(plan).await?);
        }
        Some("crash") => {
            let mut given = numbers(arguments, &["--cycles", "--seed", "--from"])?;
            let mut number = |name, default| given.remove(name).unwrap_or(default);
            let (cycles, from, seed) = (number("--cycles", 10_000), number("--from", 0), number("--seed", soak::SEED));
            crash::run(crash::Plan { cycles, from, seed }).await?;
        }
        _ => bail!("{USAGE}"),
    }
    Ok(())
}

/// The numbers that are given by these names.
fn numbers(mut arguments: impl Iterator<Item = String>, names: &[&str]) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut given = BTreeMap::new();
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} has no value: {USAGE}"))?;
        let value = value.parse().with_context(|| format!("{name} {value} is no number"))?;
        if !names.contains(&name.as_str()) {
            bail!("{name}: {USAGE}");
        }
        given.insert(name, value);
    }
    Ok(given)
}
