//! `cargo xtask soak`: the long runs, whose short ones are among the tests.

use std::{env, process::ExitCode};

use anyhow::{Context, bail};
use sluicebox_tests::soak::{self, Plan};

const USAGE: &str = "soak plugins [--count N] [--seed N] [--from INDEX]";

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
    if arguments.next().as_deref() != Some("plugins") {
        bail!("{USAGE}");
    }
    let mut plan = Plan { count: 100_000, from: 0, seed: soak::SEED };
    while let Some(name) = arguments.next() {
        let value = arguments.next().with_context(|| format!("{name} has no value: {USAGE}"))?;
        let value = value.parse().with_context(|| format!("{name} {value} is no number"))?;
        match name.as_str() {
            "--count" => plan.count = value,
            "--seed" => plan.seed = value,
            "--from" => plan.from = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    let tally = soak::plugins(plan).await?;
    println!("no finding: {tally}");
    Ok(())
}
