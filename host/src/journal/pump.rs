//! The pump: works off lanes, each at its own pace. Both flows behind the journal are built on it.
//!
//! One task owns the schedule; claims and pieces of work are tasks of its own set, so that they end with it. Nothing is lost here: what is
//! claimed and never ended is handed out again, when its lease is over or after a restart.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{Claim, JournalError, Lane, Lanes, Pending, schedule::Schedule};
use crate::event::{Clock, Timestamp};

/// After a claim that failed, or that found nothing where something was due.
const CLAIM_AGAIN_MS: u64 = 1_000;
/// No sleep is longer, since the clock may be set while it lasts.
const SLEEP_MS_MAX: u64 = 60_000;

/// What is pumped: where it is told of, claimed and worked on.
pub trait Work: Send + Sync + 'static {
    /// A claimed piece of work.
    type Piece: Send + 'static;

    /// What log lines call it.
    const WHAT: &'static str;

    /// After so long a piece that was not ended is handed out again.
    fn lease_ms(&self) -> u64;

    /// Where lanes with new work are marked.
    fn marked(&self) -> &Lanes;

    /// How many pieces of a lane may be under way at once.
    fn places(&self, lane: &Lane) -> Places;

    /// Up to `max` pieces that are due at `now`.
    fn claim(&self, lane: Lane, now: Timestamp, max: usize) -> Pending<Claim<Self::Piece>>;

    /// Works on a piece until its end is in the journal; gives when its lane has to be looked at again for its sake.
    fn work(&self, piece: Self::Piece) -> impl Future<Output = Option<Timestamp>> + Send;

    /// Told how many places are held, and how many of them by lanes that are not known to be prompt.
    fn held(&self, _all: usize, _unproven: usize) {}
}

/// How many pieces of a lane may be under way at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// So many.
    UpTo(usize),
    /// None for now: the lane is looked at again after this many milliseconds, or at its next mark.
    NotFor {
        /// How long.
        ms: u64,
    },
}

/// Bounds of a pump.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pieces under way at once, all lanes together. One lane holds at most half of them.
    pub pieces_max: usize,
    /// As many of these are only for lanes that give their places back promptly; `schedule` says how the rest is shared. 0: all lanes are alike.
    pub healthy_only: usize,
    /// A lane of which a piece takes longer is not prompt.
    pub slow_ms: u64,
    /// How long pieces under way may take to end when the host stops.
    pub drain_ms: u64,
}

impl Bounds {
    /// Of lanes that are alike, however long their pieces take.
    #[must_use]
    pub fn alike(pieces_max: usize, drain_ms: u64) -> Self {
        Self { pieces_max, healthy_only: 0, slow_ms: u64::MAX, drain_ms }
    }
}

/// Works until `shutdown` becomes true, then gives what is under way `drain_ms` to end.
pub async fn pump<W: Work>(work: W, bounds: Bounds, clock: Clock, mut shutdown: watch::Receiver<bool>) {
    let work = Arc::new(work);
    let schedule = Schedule::new(bounds.pieces_max, bounds.healthy_only, bounds.slow_ms);
    let (tasks, duties, begun) = (JoinSet::new(), HashMap::new(), Instant::now());
    let mut pump = Pump { work: Arc::clone(&work), clock, schedule, tasks, duties, begun };
    loop {
        pump.look_at_the_clocks();
        pump.take_turns();
        let alarm = pump.next_alarm_ms();
        tokio::select! {
            lanes = work.marked().take() => lanes.iter().for_each(|lane| pump.schedule.mark(lane)),
            Some(ended) = pump.tasks.join_next_with_id() => pump.end_all(ended),
            () = wait_for(alarm) => {}
            () = stopped(&mut shutdown) => break,
        }
    }
    pump.drain(bounds.drain_ms).await;
}

struct Pump<W: Work> {
    work: Arc<W>,
    clock: Clock,
    schedule: Schedule,
    tasks: JoinSet<Done<W::Piece>>,
    /// What each task is for, kept here because a task that panics can no longer tell.
    duties: HashMap<Id, Duty>,
    /// How long pieces take is told from here on, whatever becomes of the clock.
    begun: Instant,
}

/// What a task is for.
enum Duty {
    /// Claiming with so many places.
    Claim(Lane, usize),
    /// A piece of work, by its number in the schedule.
    Work(Lane, u64),
}

/// What a task came to.
enum Done<P> {
    Claimed(Result<Claim<P>, JournalError>),
    /// The lane has to be looked at again then.
    Worked(Option<Timestamp>),
}

impl<W: Work> Pump<W> {
    fn look_at_the_clocks(&mut self) {
        self.schedule.ring((self.clock)());
        self.schedule.pass(self.elapsed_ms());
    }

    /// In how long the clocks have to be looked at again.
    fn next_alarm_ms(&self) -> Option<u64> {
        let alarm = self.schedule.next_alarm().map(|at| at.ms_since((self.clock)()));
        let overdue = self.schedule.next_overdue_ms().map(|at| at.saturating_sub(self.elapsed_ms()));
        alarm.into_iter().chain(overdue).min()
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Starts a claim for each lane in line, while there are places.
    fn take_turns(&mut self) {
        while let Some(lane) = self.schedule.next_in_line() {
            match self.work.places(&lane) {
                Places::NotFor { ms } => self.schedule.put_off(&lane, (self.clock)().plus_ms(ms)),
                Places::UpTo(places) => match self.schedule.take(&lane, places) {
                    0 => {}
                    places => self.claim(lane, places),
                },
            }
        }
        let (all, unproven) = self.schedule.held();
        self.work.held(all, unproven);
    }

    fn claim(&mut self, lane: Lane, places: usize) {
        let pending = self.work.claim(lane.clone(), (self.clock)(), places);
        let task = self.tasks.spawn(async move { Done::Claimed(pending.await) });
        self.duties.insert(task.id(), Duty::Claim(lane, places));
    }

    /// With all that have ended by now: each look at what to do next costs more than an end.
    fn end_all(&mut self, first: Result<(Id, Done<W::Piece>), JoinError>) {
        self.end(first);
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.end(ended);
        }
    }

    fn end(&mut self, ended: Result<(Id, Done<W::Piece>), JoinError>) {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        match (self.duties.remove(&id), ended) {
            (Some(Duty::Claim(lane, places)), Ok((_, Done::Claimed(Ok(claim))))) => self.start(&lane, places, claim),
            (Some(Duty::Work(_, piece)), Ok((_, Done::Worked(again_at)))) => {
                self.schedule.ended(piece, again_at, self.elapsed_ms())
            }
            (Some(Duty::Claim(lane, places)), other) => self.claim_failed(&lane, places, other),
            (Some(Duty::Work(lane, piece)), other) => self.work_failed(&lane, piece, other.err()),
            (None, _) => {}
        }
    }

    fn start(&mut self, lane: &Lane, places: usize, claim: Claim<W::Piece>) {
        let now = (self.clock)();
        let unused = places.saturating_sub(claim.items.len());
        // Due, and yet not handed out: it must not be asked for over and over.
        let stuck = claim.items.is_empty() && claim.next_due.is_some_and(|due| due <= now);
        let next_due = if stuck { Some(now.plus_ms(CLAIM_AGAIN_MS)) } else { claim.next_due };
        for piece in claim.items {
            let work = Arc::clone(&self.work);
            let task = self.tasks.spawn(async move { Done::Worked(work.work(piece).await) });
            let piece = self.schedule.started(lane, self.elapsed_ms());
            self.duties.insert(task.id(), Duty::Work(lane.clone(), piece));
        }
        self.schedule.claimed(lane, unused, next_due, now);
    }

    fn claim_failed(&mut self, lane: &Lane, places: usize, ended: Result<(Id, Done<W::Piece>), JoinError>) {
        match ended {
            Ok((_, Done::Claimed(Err(error)))) => {
                tracing::warn!(workspace = %lane.workspace, lane = %lane.name, error = &error as &dyn std::error::Error, "{} were not claimed", W::WHAT);
            }
            _ => tracing::error!(workspace = %lane.workspace, lane = %lane.name, "claiming {} panicked", W::WHAT),
        }
        let now = (self.clock)();
        self.schedule.claimed(lane, places, Some(now.plus_ms(CLAIM_AGAIN_MS)), now);
    }

    /// What was not ended is claimed again when its lease is over.
    fn work_failed(&mut self, lane: &Lane, piece: u64, error: Option<JoinError>) {
        tracing::error!(workspace = %lane.workspace, lane = %lane.name, error = error.map(|error| error.to_string()), "one of the {} panicked", W::WHAT);
        self.schedule.ended(piece, Some((self.clock)().plus_ms(self.work.lease_ms())), self.elapsed_ms());
    }

    /// Claims nothing more and waits for what is under way. What does not end in time is called off; the next start repeats it.
    async fn drain(mut self, drain_ms: u64) {
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        if timeout(Duration::from_millis(drain_ms), all_ended).await.is_err() {
            tracing::warn!(under_way = self.tasks.len(), "stopping before all {} ended; they will be repeated", W::WHAT);
        }
    }
}

async fn wait_for(ms: Option<u64>) {
    match ms {
        Some(ms) => sleep(Duration::from_millis(ms.clamp(1, SLEEP_MS_MAX))).await,
        None => std::future::pending().await,
    }
}

/// The host stops, or whoever could say so is gone.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    let _ = shutdown.wait_for(|stop| *stop).await;
}
