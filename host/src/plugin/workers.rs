//! The threads that guests run on. They are not tokio's: a guest that spins would hold up timers and sockets with it.
//!
//! Whoever has work waits for a slot of the queue without holding a thread, then for the answer. Work whose asker has gone away
//! is not begun. Work of different plugins is in different lanes: none of them may have all workers, or more than a quarter of the slots,
//! and one that has nothing waiting needs no slot, however many others are full. So plugins that are slow, or never come back before their
//! limit, have nobody wait for them but their own events.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
    time::Instant,
};

use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, oneshot};
use wasmtime::Engine;

use super::{Bound, LoadError, load_error, turns::Turns};

/// A lane has at most this part of the slots.
const SHARE: usize = 4;

/// How many threads there are, and how much may wait for them.
pub(super) struct Size {
    pub(super) workers: usize,
    pub(super) queue_max: usize,
    /// How much less urgent the threads are than the host's own, as `nice` counts: one that computes all the time takes no turn from
    /// those that have a request to answer or a delivery to send.
    pub(super) niceness: i32,
}

/// The plugins that work is for, by where they are in memory: it stays theirs for as long as the work holds them. Rules that run
/// the same plugins in the same order share a lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane(Arc<[usize]>);

impl Lane {
    pub(super) fn of(plugins: &[Arc<Bound>]) -> Self {
        Self(plugins.iter().map(|plugin| Arc::as_ptr(plugin).addr()).collect())
    }
}

/// The threads, and the queue in front of them. The threads end when this is dropped and the queue is empty.
pub(super) struct Workers {
    queue: Arc<Queue>,
    /// As many permits as the queue has slots.
    slots: Arc<Semaphore>,
    /// The permits of each lane that anybody has or waits for one of: taken before one of `slots`, so that a lane with more work
    /// than its share waits behind itself. Whoever has a lane's only one needs none of `slots`.
    shares: Mutex<HashMap<Lane, Weak<Semaphore>>>,
    share_max: usize,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    since: Instant,
    /// Given back when a worker takes the job.
    place: Place,
}

/// A place in the queue.
struct Place {
    /// Of the lane.
    _share: OwnedSemaphorePermit,
    /// Of all; `None`: nothing else of the lane was waiting.
    _slot: Option<OwnedSemaphorePermit>,
}

impl Workers {
    /// Starts the threads; `waited` is told how long each piece of work waited, in seconds.
    ///
    /// # Errors
    ///
    /// The system has no more threads.
    pub(super) fn start(name: &str, size: &Size, waited: &Histogram) -> Result<Self, LoadError> {
        let workers = size.workers.max(1);
        let slots_max = size.queue_max.clamp(1, Semaphore::MAX_PERMITS);
        let queue = Arc::new(Queue::new(workers));
        // Made first: if a thread cannot be started, those before it end with this.
        let started = Self {
            queue: Arc::clone(&queue),
            slots: Arc::new(Semaphore::new(slots_max)),
            shares: Mutex::default(),
            share_max: (slots_max / SHARE).max(1),
        };
        for index in 0..workers {
            let (queue, waited) = (Arc::clone(&queue), waited.clone());
            let niceness = size.niceness;
            let work = move || {
                yield_to_the_host(niceness);
                serve(&queue, &waited);
            };
            let worker = thread::Builder::new().name(format!("{name}-{index}")).spawn(work);
            worker.map_err(|error| load_error::engine(&error))?;
        }
        Ok(started)
    }

    /// Has this done by a worker. `None` where that was not to be had: the work itself panicked, which is a bug of the host.
    pub(super) async fn run<T: Send + 'static>(&self, lane: Lane, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let since = Instant::now();
        let all = self.share(&lane);
        let share = Arc::clone(&all).acquire_owned().await.ok()?;
        let slot = if self.is_only(&all) { None } else { Some(Arc::clone(&self.slots).acquire_owned().await.ok()?) };
        self.push(lane, since, Place { _share: share, _slot: slot }, work).await.ok()
    }

    /// The same where nobody can wait for a slot. The inner `None` is as with [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// The queue is full, or the lane has its share of it.
    pub(super) async fn try_run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, TryAcquireError> {
        let place = self.try_place(&lane)?;
        Ok(self.push(lane, Instant::now(), place, work).await.ok())
    }

    fn try_place(&self, lane: &Lane) -> Result<Place, TryAcquireError> {
        let all = self.share(lane);
        let share = Arc::clone(&all).try_acquire_owned()?;
        let slot = if self.is_only(&all) { None } else { Some(Arc::clone(&self.slots).try_acquire_owned()?) };
        Ok(Place { _share: share, _slot: slot })
    }

    /// Whether one permit of a lane is taken, which is the caller's.
    fn is_only(&self, share: &Semaphore) -> bool {
        share.available_permits() + 1 >= self.share_max
    }

    fn push<T: Send + 'static>(
        &self,
        lane: Lane,
        since: Instant,
        place: Place,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move || {
            if !reply.is_closed() {
                // Nobody waits any more: the answer is nobody's.
                let _ = reply.send(work());
            }
        });
        self.queue.push(lane, Job { work, since, place });
        answer
    }

    fn share(&self, lane: &Lane) -> Arc<Semaphore> {
        let mut shares = lock(&self.shares);
        if let Some(share) = shares.get(lane).and_then(Weak::upgrade) {
            return share;
        }
        shares.retain(|_, share| share.strong_count() > 0);
        let share = Arc::new(Semaphore::new(self.share_max));
        shares.insert(lane.clone(), Arc::downgrade(&share));
        share
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What waits, between those who ask and the threads.
struct Queue {
    state: Mutex<State>,
    /// Told of whatever a thread that sleeps may have waited for.
    changed: Condvar,
}

struct State {
    turns: Turns<Lane, Job>,
    /// Nobody will ask for more.
    closed: bool,
}

impl Queue {
    fn new(workers: usize) -> Self {
        Self { state: Mutex::new(State { turns: Turns::new(workers), closed: false }), changed: Condvar::new() }
    }

    fn push(&self, lane: Lane, job: Job) {
        lock(&self.state).turns.push(lane, job);
        self.changed.notify_one();
    }

    /// The next job, by way of which `done` gives back the worker of the one before; `None` when there will be no more.
    fn next(&self, done: Option<Lane>) -> Option<(Lane, Job)> {
        let mut state = lock(&self.state);
        if let Some(lane) = done {
            state.turns.done(&lane);
        }
        loop {
            if let Some(next) = state.turns.take() {
                return Some(next);
            }
            if state.closed && state.turns.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }
}

/// Linux counts niceness by thread. Elsewhere it would be the whole process that becomes less urgent.
fn yield_to_the_host(niceness: i32) {
    if cfg!(target_os = "linux")
        && niceness > 0
        && let Err(error) = rustix::process::nice(niceness)
    {
        tracing::warn!(%error, "plugin workers are as urgent as everything else");
    }
}

/// One worker's life.
fn serve(queue: &Queue, waited: &Histogram) {
    Engine::tls_eager_initialize();
    let mut done = None;
    while let Some((lane, Job { work, since, place })) = queue.next(done.take()) {
        drop(place);
        waited.observe(since.elapsed().as_secs_f64());
        // A panic here is a bug of the host; it must cost its asker an answer and nobody a worker.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("a plugin worker panicked: this is a bug in sluicebox");
        }
        done = Some(lane);
    }
    // Another may sleep until the last of its lane's work was taken, which this one did.
    queue.changed.notify_all();
}

/// Nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::histogram::exponential_buckets;

    use super::*;

    #[test]
    fn a_lane_has_its_share_and_one_that_is_empty_gets_in_whoever_filled_the_queue() {
        let waited = Histogram::new(exponential_buckets(1.0, 2.0, 2));
        let workers = Workers::start("test", &Size { workers: 1, queue_max: 8, niceness: 0 }, &waited).expect("threads");
        let lane = |number: usize| Lane([number].into());
        let mut held: Vec<Place> = Vec::new();
        for number in 0..8 {
            held.extend((0..2).map(|_| workers.try_place(&lane(number)).expect("a share of two")));
            assert!(workers.try_place(&lane(number)).is_err(), "the share is used up");
        }
        assert_eq!(workers.slots.available_permits(), 0);
        held.push(workers.try_place(&lane(8)).expect("nothing of it waits"));
        assert!(workers.try_place(&lane(8)).is_err(), "all slots are taken");
        held.clear();
        held.extend((0..2).map(|_| workers.try_place(&lane(8)).expect("given back")));
    }
}
