//! `cargo xtask soak`: the long runs, whose short ones are among the tests.

use std::{env, process::ExitCode, time::Duration};

use anyhow::{Context, bail};
use sluicebox_tests::{
    fuzz, patterns,
    power::{self, FaultPlan},
    soak::{self, Plan, crash, verify},
};

const USAGE: &str = "soak plugins [--count N] [--seed N] [--from INDEX], soak crash [--cycles N] [--seed N] [--from CYCLE], \
                     soak power [--images N] [--seed N], soak power --faults [--every N] [--seed N], soak verify [--count N] [--seed N], \
                     soak patterns [--count N] [--seed N], or soak fuzz [TARGET] [--seconds N] [--count N] [--seed N] [--from INDEX]";

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
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first().map(|(what, rest)| (what.as_str(), rest)) {
        Some(("plugins", rest)) => plugins(rest).await,
        Some(("crash", rest)) => crashes(rest).await,
        Some(("power", [faults, rest @ ..])) if faults == "--faults" => power_faults(rest).await,
        Some(("power", rest)) => power(rest).await,
        Some(("verify", rest)) => verified(rest),
        Some(("patterns", rest)) => pairs(rest),
        Some(("fuzz", rest)) => fuzzing(rest),
        _ => bail!("{USAGE}"),
    }
}

async fn plugins(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = Plan { count: 100_000, from: 0, seed: soak::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
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

async fn crashes(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = crash::Plan { cycles: 10_000, from: 0, seed: soak::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
            "--cycles" => plan.cycles = value,
            "--seed" => plan.seed = value,
            "--from" => plan.from = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    crash::run(plan).await?;
    Ok(())
}

async fn power(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = power::Plan { images: 10_000, seed: power::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
            "--images" => plan.images = value,
            "--seed" => plan.seed = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    println!("no finding: {}", power::images(plan).await?);
    Ok(())
}

async fn power_faults(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = FaultPlan { every: 1, seed: power::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
            "--every" => plan.every = value,
            "--seed" => plan.seed = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    println!("no finding: {}", power::faults(plan).await?);
    Ok(())
}

fn verified(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = verify::Plan { count: 1_000_000, seed: soak::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
            "--count" => plan.count = value,
            "--seed" => plan.seed = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    println!("soak verify: seed {}, {} changes for each fixture", plan.seed, plan.count);
    let tally = verify::run(plan)?;
    println!("no finding: {} changed requests of {} kinds, all refused", tally.refused, tally.fixtures);
    Ok(())
}

fn pairs(arguments: &[String]) -> anyhow::Result<()> {
    let mut plan = patterns::Plan { count: 1_000_000, seed: patterns::SEED };
    for (name, value) in numbers(arguments)? {
        match name {
            "--count" => plan.count = value,
            "--seed" => plan.seed = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    println!("no disagreement: {}", patterns::agree(plan)?);
    Ok(())
}

fn fuzzing(arguments: &[String]) -> anyhow::Result<()> {
    let (targets, rest) = match arguments {
        [target, rest @ ..] if !target.starts_with("--") => (vec![target.as_str()], rest),
        all => (fuzz::TARGETS.map(|(name, _)| name).to_vec(), all),
    };
    let mut plan = fuzz::Plan { count: u64::MAX, time: Duration::from_secs(600), from: 0, seed: fuzz::SEED };
    for (name, value) in numbers(rest)? {
        match name {
            "--seconds" => plan.time = Duration::from_secs(value),
            "--count" => plan.count = value,
            "--seed" => plan.seed = value,
            "--from" => plan.from = value,
            _ => bail!("{name}: {USAGE}"),
        }
    }
    for target in targets {
        let tally = fuzz::run(target, plan)?;
        println!("{target}: no harm by {} inputs, of which {} were taken", tally.inputs, tally.accepted);
    }
    Ok(())
}

/// Names with a number each.
fn numbers(arguments: &[String]) -> anyhow::Result<Vec<(&str, u64)>> {
    arguments.chunks(2).map(number).collect()
}

fn number(pair: &[String]) -> anyhow::Result<(&str, u64)> {
    let [name, value] = pair else { bail!("{} has no value: {USAGE}", pair[0]) };
    Ok((name.as_str(), value.parse().with_context(|| format!("{name} {value} is no number"))?))
}
