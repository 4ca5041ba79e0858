//! The pump: works off lanes, each at its own pace. Both flows behind the journal are built on it.
//!
//! A lane is asked for work when the feed marks it, when a timer that the last claim set is over, or when something of it has
//! ended and there was more; never otherwise, so an idle lane costs nothing. A lane holds at most its own number of pieces
//! at once, so one that hangs fills its own places and no other's. Lanes with work are asked in turn.
//!
//! Nothing is lost here: what is claimed and never ended is handed out again, by the lease or after a restart.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

use super::{Claim, JournalError, Lane, Lanes};
use crate::event::{Clock, Timestamp};

/// What is pumped: where it is told of, claimed and worked on.
pub trait Work: Send + Sync + 'static {
    /// A claimed piece.
    type Piece: Send + 'static;

    /// Where lanes with new work are marked.
    fn marked(&self) -> &Lanes;

    /// How many pieces of a lane may be under way at once.
    fn places(&self, lane: &Lane) -> usize;

    /// Up to `max` pieces that are due.
    fn claim(&self, lane: Lane, max: usize) -> impl Future<Output = Result<Claim<Self::Piece>, JournalError>> + Send;

    /// Works on a piece, until its end is in the journal.
    fn work(&self, piece: Self::Piece) -> impl Future<Output = ()> + Send;
}

/// Bounds of a pump.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Pieces under way at once, all lanes together.
    pub pieces_max: usize,
    /// How long pieces under way may take to end when the host stops.
    pub drain_ms: u64,
}

/// A claim that failed is repeated after this long: the store may be busy or full.
const CLAIM_PAUSE_MS: u64 = 1000;
/// Timers are looked at again after this long, for the clock may be set.
const LOOK_MS_MAX: u64 = 10_000;

/// Works until `shutdown` becomes true, and then until what is under way has ended, or `drain_ms` are over.
pub async fn pump<W: Work>(work: Arc<W>, bounds: Bounds, clock: Clock, mut shutdown: watch::Receiver<bool>) {
    let mut pump = Pump::new(Arc::clone(&work), bounds, clock);
    let mut stopped = pin!(shutdown.wait_for(|stop| *stop));
    loop {
        pump.ask_ready_lanes();
        let look = Duration::from_millis(pump.ms_to_next_timer());
        tokio::select! {
            lanes = work.marked().take() => lanes.into_iter().for_each(|lane| pump.make_ready(lane)),
            Some(done) = pump.tasks.join_next() => pump.settle(done),
            () = tokio::time::sleep(look) => {}
            _ = &mut stopped => break,
        }
        pump.make_due_ready();
    }
    pump.drain().await;
}

/// What a task of the pump came to.
enum Done<P> {
    Claimed { lane: Lane, asked: usize, answer: Result<Claim<P>, JournalError> },
    Worked(Lane),
}

/// Where a lane with anything under way stands.
#[derive(Default)]
struct State {
    /// Pieces under way.
    pieces: usize,
    /// Places that a claim under way may fill.
    asked: usize,
    /// There is, or may be, more to claim as soon as there is a place.
    more: bool,
    /// Waits in `ready`.
    queued: bool,
}

struct Pump<W: Work> {
    work: Arc<W>,
    bounds: Bounds,
    clock: Clock,
    lanes: HashMap<Lane, State>,
    /// Lanes to ask, in turn.
    ready: VecDeque<Lane>,
    timers: BTreeSet<(Timestamp, Lane)>,
    tasks: JoinSet<Done<W::Piece>>,
    /// Pieces under way and places asked for, all lanes together.
    taken: usize,
}

impl<W: Work> Pump<W> {
    fn new(work: Arc<W>, bounds: Bounds, clock: Clock) -> Self {
        let (lanes, ready, timers) = (HashMap::new(), VecDeque::new(), BTreeSet::new());
        Self { work, bounds, clock, lanes, ready, timers, tasks: JoinSet::new(), taken: 0 }
    }

    /// Lets a lane be asked; where a claim is under way, after it, for that one may have read too early.
    fn make_ready(&mut self, lane: Lane) {
        let state = self.lanes.entry(lane.clone()).or_default();
        state.more = true;
        if !state.queued && state.asked == 0 {
            state.queued = true;
            self.ready.push_back(lane);
        }
    }

    fn ask_ready_lanes(&mut self) {
        while self.taken < self.bounds.pieces_max {
            let Some(lane) = self.ready.pop_front() else { return };
            let places = self.work.places(&lane).max(1);
            let state = self.lanes.entry(lane.clone()).or_default();
            state.queued = false;
            // A lane without a free place is made ready again when one of its pieces ends.
            let asked = places.saturating_sub(state.pieces).min(self.bounds.pieces_max - self.taken);
            if asked > 0 {
                state.more = false;
                state.asked = asked;
                self.taken += asked;
                let work = Arc::clone(&self.work);
                self.tasks.spawn(async move {
                    let answer = work.claim(lane.clone(), asked).await;
                    Done::Claimed { lane, asked, answer }
                });
            }
        }
    }

    fn settle(&mut self, done: Result<Done<W::Piece>, JoinError>) {
        match done {
            Ok(Done::Claimed { lane, asked, answer }) => self.claimed(lane, asked, answer),
            Ok(Done::Worked(lane)) => self.worked(lane),
            // Tasks do not panic; were one to, its places would stay taken and its piece be handed out again later.
            Err(error) => tracing::error!(%error, "a piece of work ended early"),
        }
    }

    fn claimed(&mut self, lane: Lane, asked: usize, answer: Result<Claim<W::Piece>, JournalError>) {
        self.taken -= asked;
        let now = (self.clock)();
        let claim = answer.unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, lane = %lane.name, "work could not be claimed; it is asked for again");
            Claim { items: Vec::new(), next_due: Some(now.plus_ms(CLAIM_PAUSE_MS)) }
        });
        let state = self.lanes.entry(lane.clone()).or_default();
        state.asked = 0;
        state.pieces += claim.items.len();
        self.taken += claim.items.len();
        match claim.next_due {
            Some(due) if due <= now => state.more = true,
            Some(due) => drop(self.timers.insert((due, lane.clone()))),
            None => {}
        }
        for piece in claim.items {
            let (work, lane) = (Arc::clone(&self.work), lane.clone());
            self.tasks.spawn(async move {
                work.work(piece).await;
                Done::Worked(lane)
            });
        }
        self.tidy(lane);
    }

    fn worked(&mut self, lane: Lane) {
        self.taken -= 1;
        if let Some(state) = self.lanes.get_mut(&lane) {
            state.pieces -= 1;
        }
        self.tidy(lane);
    }

    /// Asks a lane that has more, and forgets one that has nothing under way.
    fn tidy(&mut self, lane: Lane) {
        let Some(state) = self.lanes.get(&lane) else { return };
        if state.more {
            self.make_ready(lane);
        } else if state.pieces == 0 && state.asked == 0 {
            self.lanes.remove(&lane);
        }
    }

    fn make_due_ready(&mut self) {
        let now = (self.clock)();
        while self.timers.first().is_some_and(|(due, _)| *due <= now) {
            if let Some((_, lane)) = self.timers.pop_first() {
                self.make_ready(lane);
            }
        }
    }

    fn ms_to_next_timer(&self) -> u64 {
        let now = (self.clock)();
        self.timers.first().map_or(LOOK_MS_MAX, |(due, _)| due.ms_since(now).clamp(1, LOOK_MS_MAX))
    }

    async fn drain(mut self) {
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_millis(self.bounds.drain_ms), ended).await.is_err() {
            tracing::warn!(
                drain_ms = self.bounds.drain_ms,
                "work was still under way when the host stopped; it is done again after a restart"
            );
        }
    }
}
