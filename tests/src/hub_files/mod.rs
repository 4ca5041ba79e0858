//! Hub files by chance: each is applied, exported, compared, applied again, and then broken in one place, on a real hub without a network.
//!
//! What has to hold of each: what is exported is what was applied; what was applied differs in nothing from what there is; applying it again
//! changes nothing; and one that is refused changes nothing.

mod make;
mod spoil;
mod world;

use anyhow::{Context, ensure};
use serde_json::Value;
use sluicebox::event::Digest;

use crate::soak::chance::Chance;
use world::World;

/// The seed where none is named.
pub const SEED: u64 = 20_261_122;

/// Files that one hub sees, one after the other.
const FILES_OF_A_HUB: u64 = 250;

/// A good hub file, as JSON.
#[must_use]
pub fn any_file(seed: u64, index: u64) -> Value {
    let [redact, other_redact, sample] = ["1", "2", "3"].map(|text| Digest::of(text.as_bytes()));
    let file = make::file(&mut Chance::of(seed, index), &make::Components { redact, other_redact, sample });
    toml::from_str(&file.text()).expect("TOML")
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many files.
    pub count: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Files that were applied.
    pub files: u64,
    /// Entries in them.
    pub entries: u64,
    /// Changes that they came to.
    pub changes: u64,
    /// Files that were refused, as they had to be.
    pub refused: u64,
}

/// Does it, on two hubs at a time, and stops at the first file of which something does not hold.
///
/// # Errors
///
/// What does not hold, with the file.
pub async fn hold(plan: Plan) -> anyhow::Result<Tally> {
    let halves = [0, 1].map(|half| tokio::spawn(every_other(plan, half)));
    let mut tally = Tally::default();
    for half in halves {
        let done = half.await??;
        tally.files += done.files;
        tally.entries += done.entries;
        tally.changes += done.changes;
        tally.refused += done.refused;
    }
    Ok(tally)
}

async fn every_other(plan: Plan, half: u64) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let mut begin = half * FILES_OF_A_HUB;
    while begin < plan.count {
        let mut world = World::new().await?;
        for index in begin..plan.count.min(begin + FILES_OF_A_HUB) {
            let chance = &mut Chance::of(plan.seed, index);
            let file = make::file(chance, world.components());
            let told = || format!("seed {}, file {index}:\n{}", plan.seed, file.text());
            let changes = world.try_file(&file).await.with_context(told)?;
            let spoilt = spoil::spoil(chance, &file);
            world.try_spoilt(&file, &spoilt).await.with_context(|| format!("{}\n{spoilt:?}", told()))?;
            tally.files += 1;
            tally.entries += file.entries.len() as u64;
            tally.changes += changes;
            tally.refused += 1;
        }
        world.reopen().await?;
        begin += 2 * FILES_OF_A_HUB;
    }
    ensure!(tally.files > 0 || plan.count <= half * FILES_OF_A_HUB, "nothing was tried");
    Ok(tally)
}
