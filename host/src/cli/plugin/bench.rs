//! `sluicebox plugin bench`: what a call costs, on this machine and one worker of its own. As on a host each call has a fresh instance; how
//! long it takes until there is one is told apart, for the plugin's author can change the rest.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    run::{Instead, given},
    told,
    trial::{Became, Bench, Trial},
};
use crate::plugin::FaultKind;

/// Calls that are made before any is measured, where there is time for them.
const WARM_UP_CALLS: u32 = 50;
/// When the warm-up is over in any case.
const WARM_UP_MAX: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The .wasm file.
    file: PathBuf,
    /// The event: a .toml file (a fixture, or an event's keys alone), or any other file as the body.
    #[arg(long, visible_alias = "fixture", value_name = "FILE")]
    event: PathBuf,
    #[command(flatten)]
    instead: Instead,
    /// The most calls that are measured.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
    /// After so long no further call is begun.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let given = given(&arguments.event, &arguments.instead)?;
    let bench = Bench::start(&arguments.file).await?;
    let plugin = bench.ready(&given).await?;
    let repeat = async |calls_max: u32, time_max: Duration| {
        let (begun, mut costs) = (Instant::now(), Costs::default());
        while costs.fuel.is_empty() || (costs.fuel.len() < calls_max as usize && begun.elapsed() < time_max) {
            let trial = bench.call(plugin.clone(), &given).await?;
            if let Became::Failed(fault) = &trial.became
                && !matches!(fault.kind, FaultKind::Rejected | FaultKind::RetryAsked { .. })
            {
                let (code, message) = (&fault.failure.code, &fault.failure.message);
                bail!("{} failed, so there is nothing to measure: {code}: {message}", arguments.file.display());
            }
            costs.add(&trial);
        }
        Ok(costs)
    };
    repeat(WARM_UP_CALLS, WARM_UP_MAX).await?;
    let costs = repeat(arguments.calls, Duration::from_secs(arguments.seconds)).await?;
    if arguments.json {
        outln!("{}", serde_json::to_string_pretty(&costs.as_json())?);
    } else {
        outln!("{}", costs.text());
    }
    Ok(())
}

/// Of each call, in any order. A fixture of a batch is several calls of the plugin, and counts as one here.
#[derive(Default)]
struct Costs {
    instantiate_us: Vec<u64>,
    call_us: Vec<u64>,
    fuel: Vec<u64>,
    memory_bytes: u64,
    /// Of the last one.
    outcome: String,
    messages: usize,
}

impl Costs {
    fn add(&mut self, trial: &Trial) {
        let instantiate_us = trial.stages.iter().map(|stage| stage.instantiate_us).sum();
        self.instantiate_us.push(instantiate_us);
        self.call_us.push(trial.elapsed_us().saturating_sub(instantiate_us));
        self.fuel.push(trial.fuel());
        self.memory_bytes = self.memory_bytes.max(trial.memory_bytes());
        self.outcome = told::label(&trial.became);
        self.messages = match &trial.became {
            Became::Kept => 1,
            Became::Messages(messages) => messages.len(),
            Became::Dropped(_) | Became::Judged(_) | Became::Failed(_) => 0,
        };
    }

    fn as_json(&self) -> Value {
        let times = |times: &[u64]| json!({ "median": percentile(times, 50), "p99": percentile(times, 99) });
        json!({
            "outcome": self.outcome,
            "calls": self.fuel.len(),
            "instantiate_us": times(&self.instantiate_us),
            "call_us": times(&self.call_us),
            "fuel": percentile(&self.fuel, 50),
            "memory_bytes": self.memory_bytes,
            "messages": self.messages,
        })
    }

    fn text(&self) -> String {
        let times = |times: &[u64]| format!("median {:>6} us  p99 {:>6} us", percentile(times, 50), percentile(times, 99));
        format!(
            "{}  {} calls\ninstantiate  {}\ncall         {}\nfuel {}  mem {}  messages {}",
            self.outcome,
            self.fuel.len(),
            times(&self.instantiate_us),
            times(&self.call_us),
            told::thousands(percentile(&self.fuel, 50)),
            told::mebibytes(self.memory_bytes),
            self.messages,
        )
    }
}

/// The least of the numbers that so many percent of them are not above (nearest rank).
fn percentile(numbers: &[u64], percent: usize) -> u64 {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    let rank = (numbers.len() * percent).div_ceil(100);
    numbers.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_numbers_themselves() {
        let numbers: Vec<u64> = (1..=200).rev().collect();
        assert_eq!((percentile(&numbers, 50), percentile(&numbers, 99)), (100, 198));
        assert_eq!((percentile(&[7], 50), percentile(&[7], 99), percentile(&[], 50)), (7, 7, 0));
    }
}
