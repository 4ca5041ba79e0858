//! What reads bytes of strangers, fed with bytes that are nearly right: no input may make it panic, overflow its stack, or take long.
//!
//! A target is a file here and a line in [`TARGETS`]. Inputs are mutations of a corpus that is taken from the project's own documents and
//! fixtures, known by seed and index: `cargo xtask soak fuzz TARGET --seed N --from INDEX` feeds the same again. A run has a process for
//! itself, since a stack that overflows takes the process with it, and memory is measured of all of it.

mod cloudevents;
mod corpus;
mod hub_file;
mod matcher;
mod mutate;
mod pattern;
mod signature;
mod tree;

use std::{
    fmt::Debug,
    fs, panic, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::soak::chance::Chance;

/// The seed where none is named.
pub const SEED: u64 = 20_261_123;

/// The longest input.
const INPUT_BYTES_MAX: usize = 64 * 1024;
/// The longest that one input may take: far more than any does on a machine that does nothing else.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);
/// The most that the process may ever have held.
const MEMORY_BYTES_MAX: u64 = 512 << 20;
/// What the host's own threads have.
const STACK_BYTES: usize = 2 << 20;
/// Inputs between two looks at the clock and the memory.
const STRETCH: u64 = 1_000;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many inputs at most.
    pub count: u64,
    /// For how long at most.
    pub time: Duration,
    /// The first one's index.
    pub from: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What became of the inputs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// How many there were.
    pub inputs: u64,
    /// How many were taken for good.
    pub accepted: u64,
}

/// Something that is fed.
trait Target: Default + Sync {
    /// One input; shown where it does harm.
    type Input: Debug;

    /// Makes an input that is nearly right, or right.
    fn make(&self, chance: &mut Chance) -> Self::Input;

    /// Feeds it; whether it was taken for good.
    fn feed(&self, input: &Self::Input) -> bool;
}

/// What feeds one reader.
type Feeding = fn(Plan) -> anyhow::Result<Tally>;

/// All targets by name.
pub const TARGETS: [(&str, Feeding); 5] = [
    ("pattern", drive::<pattern::Patterns>),
    ("matcher", drive::<matcher::Matcher>),
    ("signature", drive::<signature::Signatures>),
    ("cloudevents", drive::<cloudevents::CloudEvents>),
    ("hub-file", drive::<hub_file::HubFiles>),
];

/// Feeds the target of this name.
///
/// # Errors
///
/// The input that did harm, or that there is no such target.
pub fn run(name: &str, plan: Plan) -> anyhow::Result<Tally> {
    let known = TARGETS.map(|(name, _)| name).join(", ");
    let (_, drive) = TARGETS.iter().find(|(known, _)| *known == name).with_context(|| format!("{name} is none of {known}"))?;
    drive(plan)
}

fn drive<T: Target>(plan: Plan) -> anyhow::Result<Tally> {
    let target = T::default();
    let begun = Instant::now();
    let mut tally = Tally::default();
    while tally.inputs < plan.count && begun.elapsed() < plan.time {
        let first = plan.from + tally.inputs;
        let end = first + STRETCH.min(plan.count - tally.inputs);
        // Told before: where the process ends here, the input is among these.
        println!("inputs {first} to {end} of seed {}", plan.seed);
        let feeding = || (first..end).map(|index| feed(&target, plan.seed, index)).sum::<anyhow::Result<u64>>();
        tally.accepted += thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, feeding).context("no thread")?;
            thread.join().map_err(|_| anyhow::anyhow!("no input could be made among {first} to {end}"))?
        })?;
        tally.inputs += end - first;
        let held = memory_bytes_max()?;
        ensure!(held <= MEMORY_BYTES_MAX, "{held} bytes were held at an input among {first} to {end}");
    }
    Ok(tally)
}

/// Feeds one input; 1 if it was taken for good.
fn feed<T: Target>(target: &T, seed: u64, index: u64) -> anyhow::Result<u64> {
    let input = target.make(&mut Chance::of(seed, index));
    let begun = Instant::now();
    let Ok(accepted) = panic::catch_unwind(panic::AssertUnwindSafe(|| target.feed(&input))) else {
        bail!("a panic, told above: seed {seed}, input {index}: {input:?}");
    };
    let elapsed = begun.elapsed();
    ensure!(elapsed <= INPUT_TIME_MAX, "{elapsed:?}: seed {seed}, input {index}: {input:?}");
    Ok(u64::from(accepted))
}

/// The most memory that this process ever held.
fn memory_bytes_max() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM in /proc/self/status")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib << 10)
}
