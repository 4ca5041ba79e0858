//! Signed requests of every scheme, changed at random: none of them may be accepted.

use std::thread;

use anyhow::{bail, ensure};

use crate::signed::{Fixture, NOW, fixtures, mutated, verdict};

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many changes for each fixture.
    pub count: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Fixtures.
    pub fixtures: usize,
    /// Changed requests that were refused.
    pub refused: u64,
}

/// Does it, on as many threads as there are processors, and stops at the first finding.
///
/// # Errors
///
/// The finding: a changed request that was accepted, with the index that makes it again.
pub fn run(plan: Plan) -> anyhow::Result<Tally> {
    let fixtures = fixtures();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let share = fixtures.len().div_ceil(threads);
    let done = thread::scope(|scope| {
        let running: Vec<_> = fixtures.chunks(share).map(|some| scope.spawn(move || try_all(some, plan))).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
    });
    done.into_iter().try_fold(Tally::default(), |sum, one| {
        let one = one?;
        Ok(Tally { fixtures: sum.fixtures + one.fixtures, refused: sum.refused + one.refused })
    })
}

fn try_all(fixtures: &[Fixture], plan: Plan) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for fixture in fixtures {
        let (scheme, signed) = (fixture.scheme(), fixture.signed());
        ensure!(verdict(&scheme, &signed, NOW).is_ok(), "{} refuses what is signed for it", fixture.label);
        for index in 0..plan.count {
            let (sample, changed) = mutated(fixture, &signed, plan.seed, index);
            if verdict(&scheme, &sample, NOW).is_ok() {
                bail!("{} accepts change {index} of seed {} ({changed}): {sample:?}", fixture.label, plan.seed);
            }
            tally.refused += 1;
        }
        tally.fixtures += 1;
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A scheme that does not look is found out at once.
    #[test]
    fn what_is_accepted_is_a_finding() {
        let mut fixture = fixtures().into_iter().next().expect("a fixture");
        fixture.spec = json!({ "scheme": "none" });
        let found = try_all(&[fixture], Plan { count: 1, seed: 1 }).expect_err("a finding").to_string();
        assert!(found.contains("github accepts change 0 of seed 1"), "{found}");
    }

    #[test]
    fn a_change_changes() {
        for fixture in fixtures() {
            let signed = fixture.signed();
            for index in 0..100 {
                let (sample, changed) = mutated(&fixture, &signed, 7, index);
                let same = (sample.url == signed.url && sample.method == signed.method)
                    && (sample.headers == signed.headers && sample.body == signed.body);
                assert!(!same, "{}: {changed}", fixture.label);
            }
        }
    }
}
