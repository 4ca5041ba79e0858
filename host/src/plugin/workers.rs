//! The threads that guests run on. They are not tokio's: a guest that spins would hold up timers and sockets with it.
//!
//! Whoever has work waits for a slot of the queue without holding a thread, then for the answer. Work whose asker has gone away
//! is not begun.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Instant,
};

use crossbeam_channel::{Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use wasmtime::Engine;

use super::{LoadError, Options, load_error, metrics::Metrics};

/// The threads, and the queue in front of them. The threads end when this is dropped and the queue is empty.
pub(super) struct Workers {
    jobs: Sender<Job>,
    /// As many permits as the queue has slots, so that sending never blocks.
    slots: Arc<Semaphore>,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    since: Instant,
    /// Given back when a worker takes the job.
    slot: OwnedSemaphorePermit,
}

impl Workers {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// The system has no more threads.
    pub(super) fn start(options: &Options, metrics: &Arc<Metrics>) -> Result<Self, LoadError> {
        let slots = options.queue_max.clamp(1, Semaphore::MAX_PERMITS);
        let (jobs, queue) = crossbeam_channel::bounded(slots);
        for index in 0..options.workers.max(1) {
            let (queue, metrics) = (queue.clone(), Arc::clone(metrics));
            let worker = thread::Builder::new().name(format!("plugin-{index}")).spawn(move || serve(&queue, &metrics));
            worker.map_err(|error| load_error::engine(&error))?;
        }
        Ok(Self { jobs, slots: Arc::new(Semaphore::new(slots)) })
    }

    /// Has this done by a worker. `None` where that was not to be had: the work itself panicked, which is a bug of the host.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let since = Instant::now();
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move || {
            if !reply.is_closed() {
                // Nobody waits any more: the answer is nobody's.
                let _ = reply.send(work());
            }
        });
        self.jobs.try_send(Job { work, since, slot }).ok()?;
        answer.await.ok()
    }
}

/// One worker's life.
fn serve(queue: &Receiver<Job>, metrics: &Metrics) {
    Engine::tls_eager_initialize();
    for Job { work, since, slot } in queue {
        drop(slot);
        metrics.waited(since.elapsed());
        // A panic here is a bug of the host; it must cost its asker an answer and nobody a worker.
        if catch_unwind(AssertUnwindSafe(work)).is_err() {
            tracing::error!("a plugin worker panicked: this is a bug in sluicebox");
        }
    }
}
