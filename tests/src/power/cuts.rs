//! Many power cuts, each in a story that was recorded.

use std::{fmt, fs, path::Path, sync::Arc, time::Instant};

use anyhow::Context;
use tempfile::TempDir;
use tokio::{runtime::Handle, task::JoinSet};

use super::{
    check::{Checker, Found},
    cut::{Cut, Followed},
    disk::Keep,
    folder, story,
};
use crate::soak::chance::Chance;

/// Images of one story.
const STORY: u64 = 300;
/// One image in so many is given to a whole host.
const HOST_EVERY: u64 = 15;
/// Images that are checked at once.
const CHECKED_AT_ONCE: usize = 4;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many images.
    pub images: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What there was, all of it well.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Images that opened.
    pub images: u64,
    /// Acknowledged events that were found again, in all images together.
    pub events: u64,
    /// Images in which the hub's database was rebuilt from the records.
    pub rebuilt: u64,
    /// Images that differ from what the host had written, so that there was something to lose.
    pub lossy: u64,
    /// Images that a whole host went on with.
    pub hosts: u64,
    /// Changes and syncs that were recorded.
    pub records: u64,
}

/// Makes images and checks them, and stops at the first that is not well.
///
/// # Errors
///
/// What is wrong with it, and where it is kept.
pub async fn images(plan: Plan) -> anyhow::Result<Tally> {
    println!("soak power: seed {}, {} images", plan.seed, plan.images);
    let (checker, begun) = (Arc::new(Checker::start().await?), Instant::now());
    let mut tally = Tally::default();
    while tally.images < plan.images {
        let number = tally.images / STORY;
        let images = STORY.min(plan.images - tally.images);
        let folder = TempDir::new()?;
        let done = one_story(&checker, folder.path(), plan.seed.wrapping_add(number), images, &mut tally).await;
        if let Err(error) = done {
            let kept = folder::keep(folder)?;
            return Err(error.context(format!("story {number} of seed {}, kept in {}", plan.seed, kept.display())));
        }
        println!("{} of {} after {} s: {tally}", tally.images, plan.images, begun.elapsed().as_secs());
    }
    Ok(tally)
}

/// Records a story and cuts the power in it so many times.
async fn one_story(checker: &Arc<Checker>, folder: &Path, seed: u64, images: u64, tally: &mut Tally) -> anyhow::Result<()> {
    let (place, mut story) = story::record(folder, &checker.sink, seed).await?;
    let records = story.log.take()?;
    tally.records += records.len() as u64;
    let mut chance = Chance::of(seed, 1);
    let mut places: Vec<usize> = (0..images).map(|_| chance.below(records.len() + 1)).collect();
    places.sort_unstable();
    let mut checks: JoinSet<anyhow::Result<Checked>> = JoinSet::new();
    let mut followed = Followed::new(story.root);
    for (number, place) in places.into_iter().enumerate() {
        followed.go_on(&records[followed.place()..place])?;
        let mut chance = Chance::of(seed, 2 + number as u64);
        let keep = *chance.pick(&[Keep::Nothing, Keep::Some, Keep::Some, Keep::Some]);
        let cut = followed.cut(&mut chance, keep);
        let with_host = (number as u64).is_multiple_of(HOST_EVERY);
        if checks.len() >= CHECKED_AT_ONCE {
            tally.add(&checks.join_next().await.context("a check")??.with_context(|| format!("seed {seed}"))?);
        }
        let (checker, at) = (Arc::clone(checker), folder.join(format!("image-{number}-at-{place}")));
        // Most of it waits for disks.
        checks.spawn_blocking(move || Handle::current().block_on(check_cut(&checker, &at, cut, with_host)));
    }
    while let Some(checked) = checks.join_next().await {
        tally.add(&checked?.with_context(|| format!("seed {seed}"))?);
    }
    followed.go_on(&records[followed.place()..])?;
    folder::is_as_recorded(followed.disk(), &place.data)
}

/// What a check adds.
struct Checked {
    events: u64,
    found: Found,
    lossy: bool,
    with_host: bool,
}

/// The image is kept as it was left, beside what opening it made of it, where it is not well.
async fn check_cut(checker: &Checker, at: &Path, cut: Cut, with_host: bool) -> anyhow::Result<Checked> {
    folder::lay(&cut.image, at)?;
    let checked = async {
        let found = checker.stores(at, &cut.acknowledged).await?;
        if with_host {
            checker.host(at, &at.display().to_string(), found).await?;
        }
        Ok::<_, anyhow::Error>(found)
    };
    match checked.await {
        Ok(found) => {
            fs::remove_dir_all(at)?;
            Ok(Checked { events: cut.acknowledged.events.len() as u64, found, lossy: cut.lossy, with_host })
        }
        Err(error) => {
            folder::lay(&cut.image, &at.with_extension("as-left"))?;
            Err(error.context(at.display().to_string()))
        }
    }
}

impl Tally {
    fn add(&mut self, checked: &Checked) {
        self.images += 1;
        self.events += checked.events;
        self.rebuilt += u64::from(checked.found.rebuilt);
        self.lossy += u64::from(checked.lossy);
        self.hosts += u64::from(checked.with_host);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { images, events, rebuilt, lossy, hosts, records } = self;
        write!(
            f,
            "{images} images opened, {lossy} of them without some of what was written; all of {events} acknowledged events were there; \
             {rebuilt} hubs were rebuilt; {hosts} hosts went on ({records} changes recorded)"
        )
    }
}
