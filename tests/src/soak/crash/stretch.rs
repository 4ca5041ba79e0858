//! Some cycles on one folder, and what is checked at the end of them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use sluicebox::failpoint::Step;
use tempfile::TempDir;

use super::{
    Tally, hub,
    kill::{self, Kill, Place},
    kind::Kind,
    ledger::{self, Shared},
    life::{World, live},
    sink::Sink,
};
use crate::{Api, HostProcess, process::log_of};

/// After so many cycles a host may finish, and everything is checked.
const CHECK_EVERY: u64 = 10;
/// How long that may take.
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// The files that the first start of a host writes: it is killed at each.
const FIRST_FILES: u64 = 2;
/// A place that a host did not get to is tried again so often.
const TRIES: usize = 3;
/// Lines of a host's log that are shown with a finding.
const LOG_LINES_SHOWN: usize = 30;

/// Lives through the cycles from `begin` to before `end`. What it leaves where something goes wrong is kept.
pub(super) async fn stretch(seed: u64, begin: u64, end: u64) -> anyhow::Result<Tally> {
    let mut scene = Scene { seed, cycle: begin, what: "the first start".to_owned(), folder: Some(TempDir::new()?) };
    let data = scene.folder.as_ref().context("it is new")?.path().join("data");
    let world = World { data, sink: Sink::start().await, ledger: Shared::default(), next: Arc::default() };
    let mut stretch = Stretch { seed, world, tally: Tally::default() };
    match stretch.run(begin, end, &mut scene).await {
        Ok(()) => Ok(stretch.tally),
        Err(what) => {
            let log = log_of(&stretch.world.data);
            let lines: Vec<&str> = log.lines().collect();
            let last = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n");
            bail!("{}: {what}\nthe host said last:\n{last}", scene.keep())
        }
    }
}

/// Where a stretch is at: told with what goes wrong, also where that is a panic.
struct Scene {
    seed: u64,
    cycle: u64,
    what: String,
    /// Until it is kept.
    folder: Option<TempDir>,
}

impl Scene {
    fn keep(&mut self) -> String {
        let Self { seed, cycle, what, folder } = self;
        let kept = folder.take().map_or_else(PathBuf::new, TempDir::keep);
        format!("seed {seed}, cycle {cycle}, {what}, kept in {}", kept.display())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.keep());
        }
    }
}

struct Stretch {
    seed: u64,
    world: World,
    tally: Tally,
}

impl Stretch {
    async fn run(&mut self, begin: u64, end: u64, scene: &mut Scene) -> Result<(), String> {
        for nth in 1..=FIRST_FILES {
            self.kill(Kill { place: Place::Step(Step::FileWritten), nth }, scene).await?;
        }
        scene.what = "the first revision".to_owned();
        let host = HostProcess::start(&self.world.data).await;
        hub::apply(&host, self.world.sink.url()).await;
        host.stop().await;
        for cycle in begin..end {
            scene.cycle = cycle;
            for kill in kill::of_cycle(self.seed, cycle) {
                // Where it did not get there, it takes the first occasion.
                let mut tries = (1..TRIES).map(|_| Kill { nth: 1, ..kill });
                let mut next = Some(kill);
                while let Some(kill) = next
                    && !self.kill(kill, scene).await?
                {
                    next = tries.next();
                }
            }
            self.tally.cycles += 1;
            if (cycle + 1 - begin).is_multiple_of(CHECK_EVERY) || cycle + 1 == end {
                scene.what = "the check after it".to_owned();
                self.check().await?;
            }
        }
        self.count();
        Ok(())
    }

    /// Whether it was killed there.
    async fn kill(&mut self, kill: Kill, scene: &mut Scene) -> Result<bool, String> {
        scene.what = kill.to_string();
        let hit = live(&self.world, kill).await?;
        self.tally.lives += 1;
        let count = if hit { self.tally.hits.entry(kill.place).or_default() } else { &mut self.tally.missed };
        *count += 1;
        Ok(hit)
    }

    /// Lets a host do what is left, and compares what is there with what was promised.
    async fn check(&mut self) -> Result<(), String> {
        let host = HostProcess::start(&self.world.data).await;
        let stored = settled(&host).await?;
        host.stop().await;
        self.tally.stored += stored.len() as u64 - self.tally.stored_of_stretch;
        self.tally.stored_of_stretch = stored.len() as u64;
        let ledger = self.world.ledger.open();
        ledger::check(&ledger, &stored, &self.world.sink.arrivals())
    }

    fn count(&mut self) {
        let (arrivals, ledger) = (self.world.sink.arrivals(), self.world.ledger.open());
        self.tally.acknowledged += ledger.promised.len() as u64;
        self.tally.revisions += ledger.marker.acknowledged + ledger.component.acknowledged;
        self.tally.messages += arrivals.bodies.len() as u64;
        self.tally.repeats += arrivals.repeats;
        // Numbers may be given and not posted, at the end of a life.
        debug_assert!(ledger.posted.len() as u64 <= self.world.next.load(Ordering::Relaxed));
    }
}

/// All events of a host that has nothing left to do.
async fn settled(host: &Api) -> Result<BTreeMap<String, Kind>, String> {
    const OPEN: [(&str, &str); 6] = [
        ("runs", "pending"),
        ("runs", "held"),
        ("batches", "open"),
        ("batches", "closed"),
        ("batches", "held"),
        ("deliveries", "waiting"),
    ];
    const DEAD: [&str; 3] = ["runs", "batches", "deliveries"];
    let begun = Instant::now();
    loop {
        // Events first: what follows from those that are routed is on record.
        let (events, all_routed) = events(host).await?;
        let mut open = (!all_routed).then(|| "an event".to_owned());
        for (what, state) in OPEN {
            open = open.or(first(host, what, state).await);
        }
        let Some(open) = open else {
            for what in DEAD {
                if let Some(dead) = first(host, what, "dead").await {
                    return Err(format!("one of the {what} is dead: {dead}"));
                }
            }
            return Ok(events);
        };
        if begun.elapsed() > SETTLE_MAX {
            return Err(format!("not at its end after {} s: {open}", SETTLE_MAX.as_secs()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The newest in a state.
async fn first(host: &Api, what: &str, state: &str) -> Option<String> {
    let page = host.get(&format!("/v1/{what}?state={state}&limit=1")).await.json;
    page["items"].as_array()?.first().map(ToString::to_string)
}

/// All events, and whether all are routed.
async fn events(host: &Api) -> Result<(BTreeMap<String, Kind>, bool), String> {
    let (mut events, mut all_routed, mut after) = (BTreeMap::new(), true, String::new());
    loop {
        let page = host.get(&format!("/v1/events?limit=500{after}")).await.json;
        for event in page["items"].as_array().ok_or_else(|| format!("no page of events: {page}"))? {
            let (Some(id), Some(kind)) = (event["id"].as_str(), event["type"].as_str().and_then(Kind::named)) else {
                return Err(format!("an event that nobody posted: {event}"));
            };
            events.insert(id.to_owned(), kind);
            all_routed &= event["routed"] == true;
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok((events, all_routed)),
        }
    }
}
