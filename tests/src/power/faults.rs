//! A disk that fails: at each change in turn that a host makes at its start, and then in its work, once or until it is told to be well
//! again.
//!
//! Nothing is acknowledged that is not stored: that is looked up after a power cut which keeps only what was synced, and of that nothing which a
//! failed sync was asked for. What is refused is refused in words, and when the disk is well the host takes events and hubs again, and delivers,
//! without anybody's help; only a host that could not start has to be started again.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
    time::Instant,
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{
    check::Checker,
    cut::{Acknowledged, Followed},
    disk::Keep,
    folder,
    log::{Log, Marker, Record},
    record::{KINDS, Kind},
    recorded::{Place, Recorded},
    sink::Sink,
    story,
};
use crate::{Answer, Api, PATIENCE, guests, soak::chance::Chance};

/// `EIO` and `ENOSPC`, as Linux numbers them everywhere.
pub(super) const ERRORS: [(&str, u64); 2] = [("EIO", 5), ("ENOSPC", 28)];
/// Before the paths that are aimed at.
const NUMBERS_BYTES: u64 = 5 * 8;
/// Events that are sent at once while the disk fails.
const EVENTS: usize = 4;
/// Changes that a round of work makes at least: the disk fails at each of them once.
const ROUND_CHANGES: u64 = 120;
/// Rounds of one host; then it is killed, and the next one goes on with the folder.
const ROUNDS_OF_HOST: u64 = 20;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct FaultPlan {
    /// One change in so many fails in its turn; 1: each.
    pub every: u64,
    /// What bodies follow from.
    pub seed: u64,
}

/// What there was, all of it well.
#[derive(Clone, Debug, Default)]
pub struct FaultTally {
    /// Changes that failed, by what they were of.
    pub failed: BTreeMap<String, u64>,
    /// Starts in which the disk failed, and those of them that ended the host.
    pub starts: (u64, u64),
    /// Rounds of work in which the disk failed.
    pub rounds: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Hubs that were refused.
    pub hubs_refused: u64,
    /// Events that were acknowledged while the disk failed.
    pub acknowledged: u64,
}

/// A failure of the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    /// Which of the changes to come, from 1.
    pub(super) nth: u64,
    pub(super) error: (&'static str, u64),
    /// It and all after it, until the disk is well.
    pub(super) lasting: bool,
}

/// Each change of the plan with each error, once and lasting.
fn faults_of(plan: FaultPlan, changes: u64) -> impl Iterator<Item = Fault> {
    let all = (1..=changes)
        .flat_map(|nth| ERRORS.into_iter().flat_map(move |error| [false, true].map(|lasting| Fault { nth, error, lasting })));
    all.step_by(usize::try_from(plan.every).unwrap_or(1).max(1))
}

/// Lets the disk fail, and stops at the first thing that is not well.
///
/// # Errors
///
/// What is wrong, and where it is kept.
pub async fn faults(plan: FaultPlan) -> anyhow::Result<FaultTally> {
    println!("soak power --faults: every {} of the changes, seed {}", plan.every, plan.seed);
    let (checker, begun) = (Checker::start().await?, Instant::now());
    let mut tally = FaultTally::default();
    let changes = changes_of_start().await?;
    for fault in faults_of(plan, changes) {
        within_folder(async |folder| start(&checker, folder, fault, &mut tally).await).await.with_context(|| told(fault))?;
    }
    println!("{changes} changes at the start, after {} s: {tally}", begun.elapsed().as_secs());
    let mut rounds = faults_of(plan, ROUND_CHANGES).peekable();
    let mut chance = Chance::of(plan.seed, 0);
    while rounds.peek().is_some() {
        within_folder(async |folder| life(&checker, folder, &mut rounds, &mut chance, &mut tally).await).await?;
        println!("{} rounds after {} s: {tally}", tally.rounds, begun.elapsed().as_secs());
    }
    Ok(tally)
}

pub(super) fn told(fault: Fault) -> String {
    let Fault { nth, error: (error, _), lasting } = fault;
    format!("{error} at change {nth}{}", if lasting { " and all after it" } else { "" })
}

/// The folder is kept where something is wrong.
pub(super) async fn within_folder(work: impl AsyncFnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    match work(folder.path()).await {
        Ok(()) => Ok(()),
        Err(error) => Err(error.context(format!("kept in {}", folder::keep(folder)?.display()))),
    }
}

/// The disk of a recorded host, and the power to let it fail.
pub(super) struct Failing {
    pub(super) place: Place,
    numbers: File,
    log: Log,
    followed: Followed,
}

impl Failing {
    pub(super) fn new(folder: &Path) -> anyhow::Result<Self> {
        let place = Place::new(folder)?;
        let numbers = File::options().read(true).write(true).open(&place.faults)?;
        let (log, followed) = (Log::create(&place.log)?, Followed::new(place.data.metadata()?.ino()));
        Ok(Self { place, numbers, log, followed })
    }

    /// How many changes the running host has made.
    pub(super) fn passed(&self) -> anyhow::Result<u64> {
        let mut passed = [0; 8];
        self.numbers.read_exact_at(&mut passed, 24)?;
        Ok(u64::from_le_bytes(passed))
    }

    /// Lets a change to come fail. Of a host that is not started yet there were none.
    pub(super) fn fail(&self, fault: Fault, passed: u64) -> anyhow::Result<()> {
        let from = passed + fault.nth;
        let until = if fault.lasting { u64::MAX } else { from + 1 };
        self.set([from, until, fault.error.1])
    }

    pub(super) fn be_well(&self) -> anyhow::Result<()> {
        self.set([0; 3])
    }

    /// From now on only changes of what begins like one of these is counted, and fails; `.` is the data folder itself.
    pub(super) fn aim(&self, at: &[&str]) -> anyhow::Result<()> {
        Ok(self.numbers.write_all_at(format!("{}\0", at.join("\0")).as_bytes(), NUMBERS_BYTES)?)
    }

    fn set(&self, numbers: [u64; 3]) -> anyhow::Result<()> {
        Ok(self.numbers.write_all_at(&numbers.map(u64::to_le_bytes).concat(), 0)?)
    }

    pub(super) fn marker(&self) -> anyhow::Result<Marker> {
        self.log.marker()
    }

    /// Follows the log to its end, and counts what failed.
    pub(super) fn follow(&mut self, tally: &mut FaultTally) -> anyhow::Result<u64> {
        let records = self.log.take()?;
        let mut failed = 0;
        for record in &records {
            if record.kind == Kind::Failed {
                *tally.failed.entry(self.name_of(record)?).or_default() += 1;
                failed += 1;
            }
            self.followed.go_on(std::slice::from_ref(record))?;
        }
        Ok(failed)
    }

    /// What failed, without numbers that change.
    fn name_of(&self, record: &Record) -> anyhow::Result<String> {
        let kind = KINDS.get(usize::try_from(record.at)?).context("a kind")?;
        let path = match record.file {
            0 => Path::new(std::str::from_utf8(&record.bytes)?).to_owned(),
            file => self.followed.disk().path_of(file).unwrap_or_default(),
        };
        let mut names = path.iter().map(|name| name.to_string_lossy());
        let name = match (names.next().unwrap_or_default(), names.next()) {
            (first, Some(second)) if first == "journal" => second.into_owned(),
            (first, _) => first.into_owned(),
        };
        let name = name.split_once(".key.").map_or(name.as_str(), |(key, _)| key);
        Ok(format!("{name} {kind:?}"))
    }

    /// The power is cut, and only what was synced is left.
    pub(super) async fn check(&self, checker: &Checker, folder: &Path, chance: &mut Chance) -> anyhow::Result<()> {
        self.check_cut(checker, folder, chance, Keep::Nothing).await
    }

    /// The power is cut, and so much of what was not synced is left.
    pub(super) async fn check_cut(
        &self,
        checker: &Checker,
        folder: &Path,
        chance: &mut Chance,
        keep: Keep,
    ) -> anyhow::Result<()> {
        let cut = self.followed.cut(chance, keep);
        let at = folder.join("cut");
        folder::lay(&cut.image, &at)?;
        checker.stores(&at, &cut.acknowledged).await.context("after a power cut")?;
        Ok(std::fs::remove_dir_all(at)?)
    }
}

/// How many changes a host makes in a new folder until it is ready.
async fn changes_of_start() -> anyhow::Result<u64> {
    let folder = TempDir::new()?;
    let failing = Failing::new(folder.path())?;
    let host = Recorded::start(&failing.place).await?;
    let changes = failing.passed()?;
    host.kill()?;
    Ok(changes)
}

/// A start on a disk that fails.
async fn start(checker: &Checker, folder: &Path, fault: Fault, tally: &mut FaultTally) -> anyhow::Result<()> {
    let mut failing = Failing::new(folder)?;
    failing.fail(fault, 0)?;
    tally.starts.0 += 1;
    let host = match Recorded::start(&failing.place).await {
        Ok(host) => host,
        Err(_) => {
            tally.starts.1 += 1;
            said_why(&failing.place.told())?;
            failing.be_well()?;
            Recorded::start(&failing.place).await.context("the disk is well, and the next start failed")?
        }
    };
    failing.be_well()?;
    let digest = upload(&host).await?;
    is_well(&host, &failing.marker()?, 1, &digest, checker).await?;
    host.kill()?;
    failing.follow(tally)?;
    failing.check(checker, folder, &mut Chance::of(0, fault.nth)).await
}

/// A host that could not start has told its operator in one message what failed.
fn said_why(told: &str) -> anyhow::Result<()> {
    let why = told.lines().any(|line| line.starts_with("Error: "));
    let words = [
        "os error 5",
        "os error 28",
        "Input/output error",
        "No space left",
        "disk I/O error",
        "is full",
        "unable to open database file",
    ];
    let which = words.iter().any(|words| told.contains(words));
    ensure!(why && which && !told.contains("panicked"), "a host could not start and did not say why: {told}");
    Ok(())
}

/// The life of one host after another on one folder, in rounds of failures.
async fn life(
    checker: &Checker,
    folder: &Path,
    rounds: &mut impl Iterator<Item = Fault>,
    chance: &mut Chance,
    tally: &mut FaultTally,
) -> anyhow::Result<()> {
    let mut failing = Failing::new(folder)?;
    let host = Recorded::start(&failing.place).await?;
    let (digest, marker) = (upload(&host).await?, failing.marker()?);
    is_well(&host, &marker, 1, &digest, checker).await?;
    let mut number = 1;
    for _ in 0..ROUNDS_OF_HOST {
        let Some(fault) = rounds.next() else { break };
        failing.fail(fault, failing.passed()?)?;
        let work = async {
            number = work(&host, &marker, number, &digest, chance, tally).await?;
            failing.be_well()?;
            number = is_well(&host, &marker, number, &digest, checker).await?;
            Ok::<_, anyhow::Error>(())
        };
        let worked = work.await;
        // The last ones of a sweep are beyond the work of a round.
        tally.rounds += u64::from(failing.follow(tally)? > 0);
        worked.with_context(|| format!("{}; the host said: {}", told(fault), failing.place.told()))?;
        failing.check(checker, folder, chance).await.with_context(|| told(fault))?;
    }
    host.kill()?;
    let said = failing.place.told();
    ensure!(!said.contains("panicked"), "a thread of the host panicked: {said}");
    // What it left, everything of it, is good for the next one.
    let host = Recorded::start(&failing.place).await.context("the next start")?;
    is_well(&host, &marker, number, &digest, checker).await?;
    host.kill()
}

pub(super) async fn upload(host: &Api) -> anyhow::Result<String> {
    host.upload(guests::component("remember")).await.map_err(|answer| anyhow::anyhow!("{answer:?}"))
}

/// Events and a hub, on a disk that fails at some time: each is acknowledged or refused in words. Gives the number of the last hub that was
/// tried.
async fn work(
    host: &Api,
    marker: &Marker,
    number: u64,
    digest: &str,
    chance: &mut Chance,
    tally: &mut FaultTally,
) -> anyhow::Result<u64> {
    let failures = host.metric("sluicebox_journal_commit_failures_total").await;
    let bodies: [String; EVENTS] = std::array::from_fn(|_| story::body(chance));
    let mut refused = 0;
    let mut posts = JoinSet::new();
    for body in bodies {
        let api = host.clone();
        posts.spawn(async move { post(&api, "all", &body).await.map(|answer| (body, answer)) });
    }
    while let Some(posted) = posts.join_next().await {
        let (body, answer) = posted??;
        if answer.status == 202 {
            marker.mark(&Acknowledged::event(answer.json["id"].as_str().context("an id")?, &body))?;
            tally.acknowledged += 1;
        } else {
            is_refusal(&answer)?;
            refused += 1;
        }
    }
    let counted = host.metric("sluicebox_journal_commit_failures_total").await - failures;
    ensure!(refused == 0 || counted > 0, "{refused} events were refused, and no failure was counted");
    tally.refused += refused;
    let answer = host.try_replace(&story::hub(number + 1, digest, "http://127.0.0.1:9")).await;
    if answer.status == 200 {
        marker.mark(&Acknowledged::hub(number + 1))?;
    } else {
        is_refusal(&answer)?;
        tally.hubs_refused += 1;
    }
    Ok(number + 1)
}

async fn post(host: &Api, kind: &str, body: &str) -> anyhow::Result<Answer> {
    Ok(host.try_post("open", &[("x-type", kind), ("content-type", "application/json")], body).await?)
}

/// The server says that it cannot store now, and when to come again.
pub(super) fn is_refusal(answer: &Answer) -> anyhow::Result<()> {
    let kind = answer.json["type"].as_str().unwrap_or_default();
    let known =
        ["storage-full", "storage-unavailable", "storage-slow", "audit-unavailable"].iter().any(|known| kind.ends_with(known));
    ensure!(answer.status == 503 && known, "no refusal for want of a disk: {answer:?}");
    Ok(())
}

/// The disk is well, and so is the host, at once: it takes a hub and an event, and delivers. Gives the number of the hub.
pub(super) async fn is_well(host: &Api, marker: &Marker, number: u64, digest: &str, checker: &Checker) -> anyhow::Result<u64> {
    let number = number + 1;
    let answer = host.try_replace(&story::hub(number, digest, checker.sink.url())).await;
    ensure!(answer.status == 200, "the disk is well, and a hub is refused: {}", answer.json);
    marker.mark(&Acknowledged::hub(number))?;
    let begun = Instant::now();
    let body = String::from_utf8(Sink::awaited(&format!("{number} {} {begun:?}", host.url())))?;
    let answer = post(host, "plain", &body).await?;
    if answer.status != 202 {
        bail!("the disk is well, and an event is refused: {}", answer.json);
    }
    marker.mark(&Acknowledged::event(answer.json["id"].as_str().context("an id")?, &body))?;
    ensure!(checker.sink.comes(body.as_bytes()).await, "no delivery in {PATIENCE:?}");
    Ok(number)
}

impl fmt::Display for FaultTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, starts, rounds, refused, hubs_refused, acknowledged } = self;
        write!(
            f,
            "{} starts, of which {} ended; {rounds} rounds: {acknowledged} events acknowledged and stored, {refused} refused, {hubs_refused} hubs \
             refused; failed: {failed:?}",
            starts.0, starts.1
        )
    }
}
