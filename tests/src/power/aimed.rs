//! A disk that fails just where it hurts: at each change of a revision's own record, and in one change of the main key after another, each
//! time at another of its steps. What happens beside them neither fails nor counts, so that each step is met, every time.

use std::{ffi::OsStr, fs, path::Path};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{
    check::Checker,
    cut::Acknowledged,
    disk::Keep,
    faults::{ERRORS, Failing, Fault, FaultTally, is_refusal, is_well, told, upload, within_folder},
    recorded::Recorded,
    story,
};
use crate::{Api, soak::chance::Chance};

/// Where the records of revisions are.
const RECORDS: &str = "revisions";
/// What a change of the main key changes, and the folder that they are in.
const KEYS: [&str; 3] = ["main.key", "data-keys.json", "."];
/// After two failures the power is cut so often with a part of the rest left.
const PARTIAL_CUTS: usize = 2;

/// Lets each change fail that the commit of a revision makes in the folder of records, once and lasting.
///
/// # Errors
///
/// What is wrong, and where it is kept.
pub async fn records() -> anyhow::Result<FaultTally> {
    let (checker, mut tally) = (Checker::start().await?, FaultTally::default());
    within_folder(async |folder| {
        let mut failing = Failing::new(folder)?;
        let host = Recorded::start(&failing.place).await?;
        let (digest, marker) = (upload(&host).await?, failing.marker()?);
        let mut number = is_well(&host, &marker, 1, &digest, &checker).await?;
        failing.aim(&[RECORDS])?;
        for (error, lasting) in ERRORS.into_iter().flat_map(|error| [false, true].map(|lasting| (error, lasting))) {
            for nth in 1.. {
                let fault = Fault { nth, error, lasting };
                let (rules, records) = (rules(&host).await, names(&failing.place.data.join(RECORDS))?);
                failing.fail(fault, failing.passed()?)?;
                let answer = host.try_replace(&story::hub(number + 1, &digest, "http://127.0.0.1:9")).await;
                failing.be_well()?;
                if failing.follow(&mut tally)? == 0 {
                    ensure!(answer.status == 200, "nothing failed, and a hub is refused: {}", answer.json);
                    number += 1;
                    marker.mark(&Acknowledged::hub(number))?;
                    break;
                }
                is_refusal(&answer).with_context(|| told(fault))?;
                tally.hubs_refused += 1;
                ensure!(self::rules(&host).await == rules, "{}: a refused hub is in force", told(fault));
                // While the disk refuses everything, what was begun cannot be taken away.
                let left = names(&failing.place.data.join(RECORDS))?;
                ensure!(lasting || left == records, "{}: {records:?} became {left:?}", told(fault));
                number = is_well(&host, &marker, number, &digest, &checker).await.with_context(|| told(fault))?;
                failing.follow(&mut tally)?;
                failing.check(&checker, folder, &mut Chance::of(nth, 0)).await.with_context(|| told(fault))?;
            }
        }
        let said = failing.place.told();
        ensure!(!said.contains("panicked") && said.contains("cannot write"), "the operator is not told: {said}");
        host.kill()?;
        let host = Recorded::start(&failing.place).await.context("the next start")?;
        is_well(&host, &marker, number, &digest, &checker).await.map(drop)
    })
    .await?;
    Ok(tally)
}

async fn rules(host: &Api) -> serde_json::Value {
    host.get("/v1/rules").await.json
}

/// The names in a folder.
fn names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.path().file_name().and_then(OsStr::to_str).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

/// Lets two changes of the main key after each other fail, each at one of its steps, and then cuts the power: the secrets open. Of all pairs of
/// steps one in `every`.
///
/// # Errors
///
/// What is wrong, and where it is kept.
pub async fn rekeys(every: usize) -> anyhow::Result<FaultTally> {
    let (checker, mut tally) = (Checker::start().await?, FaultTally::default());
    within_folder(async |folder| {
        let mut failing = Failing::new(folder)?;
        let host = Recorded::start(&failing.place).await?;
        let (digest, marker) = (upload(&host).await?, failing.marker()?);
        is_well(&host, &marker, 1, &digest, &checker).await?;
        failing.aim(&KEYS)?;
        let before = failing.passed()?;
        ensure!(rekey(&host).await?, "a change of the main key on a disk that is well");
        let steps = failing.passed()? - before;
        let mut chance = Chance::of(super::SEED, steps);
        let pairs = (1..=steps).flat_map(|first| (1..=steps).map(move |second| (first, second)));
        for (first, second) in pairs.step_by(every.max(1)) {
            let which = || format!("the first failed at change {first} of {steps}, the second at {second}");
            for nth in [first, second] {
                failing.fail(Fault { nth, error: ERRORS[0], lasting: false }, failing.passed()?)?;
                let done = rekey(&host).await.with_context(which)?;
                failing.be_well()?;
                tally.rounds += u64::from(failing.follow(&mut tally)? > 0 && !done);
            }
            for keep in [Keep::Nothing, Keep::All].into_iter().chain([Keep::Some; PARTIAL_CUTS]) {
                failing.check_cut(&checker, folder, &mut chance, keep).await.with_context(which)?;
            }
            ensure!(rekey(&host).await?, "the disk is well, and the main key cannot be changed: {}", which());
        }
        host.kill()?;
        let host = Recorded::start(&failing.place).await.context("the next start")?;
        is_well(&host, &marker, 2, &digest, &checker).await.map(drop)
    })
    .await?;
    Ok(tally)
}

/// Whether the main key was changed; where not, that was refused in words.
async fn rekey(host: &Api) -> anyhow::Result<bool> {
    let answer = host.send("/v1/main-key/rotate", &json!({})).await;
    if answer.status != 200 {
        is_refusal(&answer)?;
    }
    Ok(answer.status == 200)
}
