//! Queues: destinations that nothing is sent to. Consumers that cannot be reached fetch their messages, each under a lease, and say what
//! became of it. Guarantees, attempts and dead letters are those of every delivery; a lease that ends without a word is an attempt that
//! failed.
//!
//! `poll` gives messages, `answers` takes what consumers say, `keep` ends leases that are over and gives up what is too old; `leases` and
//! `receipt` are pure. Towards the journal a message that was given is claimed for as long as a lease can last, and it is here that the
//! lease ends: so no two consumers have a message at once, and a restart, which forgets leases, gives it again.

mod answers;
mod keep;
mod leases;
mod metrics;
mod poll;
mod receipt;
mod spec;

pub(super) use keep::keep;

pub use answers::{Nack, Word};
pub use poll::{Given, Poll, Signature};
pub use spec::{Pull, PullSpec};

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;
use tokio::sync::{Notify, watch};

use super::{Book, Options, Parts, Seats};
use crate::{
    event::{Clock, Name},
    journal::{Journal, JournalError, Lane},
    sign::TokenKey,
};
use leases::Leases;
use metrics::Metrics;

/// Towards the journal, so that the lease here always ends first, however often it is extended.
const CLAIMED_MS: u64 = spec::HELD_MS_MAX + 3_600_000;

/// All queues of all workspaces.
pub struct Queues {
    journal: Arc<dyn Journal>,
    /// Read for each call, so that a change of a queue counts at once.
    book: Arc<dyn DynAccess<Book> + Send + Sync>,
    clock: Clock,
    key: TokenKey,
    leases: Mutex<Leases>,
    /// Of each queue that was ever asked, whose turn it is to claim.
    turns: Mutex<HashMap<Lane, Arc<tokio::sync::Mutex<()>>>>,
    /// A lease was given that may end before those before it.
    sooner: Notify,
    /// One for each poll that may wait.
    polls: Arc<Seats>,
    shutdown: watch::Receiver<bool>,
    metrics: Metrics,
    /// Those of all deliveries.
    deliveries: Arc<super::metrics::Metrics>,
}

/// Why a queue did not do what a consumer asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// There is no destination of this name.
    #[error("there is no destination `{0}`")]
    Unknown(Name),
    /// It is no queue.
    #[error("the destination `{0}` is sent its messages; only one of kind \"pull\" can be fetched from")]
    NotPull(Name),
    /// It is switched off.
    #[error("the destination `{0}` is disabled: its messages wait")]
    Disabled(Name),
    /// What was asked is out of bounds.
    #[error("{0}")]
    Bounds(String),
    /// As many polls wait as may.
    #[error("{max} polls wait already, which is the limit (serve --pull-polls-max)")]
    Busy {
        /// The limit.
        max: usize,
    },
    /// As many polls of the workspace wait as may.
    #[error("{max} polls of this workspace wait already, which is its share (serve --workspace-pull-polls-max)")]
    BusyWorkspace {
        /// The limit.
        max: usize,
    },
    /// Who waits may not fetch any more.
    #[error("the key that this call came with is not good any more")]
    Refused,
    /// The journal did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Queues {
    pub(super) fn new(
        options: &Options,
        parts: &Parts,
        deliveries: Arc<super::metrics::Metrics>,
        registry: &mut Registry,
    ) -> Arc<Self> {
        Arc::new(Self {
            journal: Arc::clone(&parts.journal),
            book: Arc::clone(&parts.book),
            clock: Arc::clone(&parts.clock),
            key: parts.token_key.clone(),
            leases: Mutex::default(),
            turns: Mutex::default(),
            sooner: Notify::new(),
            polls: Seats::new(options.pull_polls_max, options.workspace_pull_polls_max),
            shutdown: parts.shutdown.clone(),
            metrics: Metrics::new(registry),
            deliveries,
        })
    }

    fn queue(&self, lane: &Lane) -> Result<Arc<Pull>, QueueError> {
        let book = self.book.load();
        match book.pulls.get(lane) {
            Some(pull) => Ok(Arc::clone(pull)),
            None if book.destinations.contains_key(lane) => Err(QueueError::NotPull(lane.name.clone())),
            None => Err(QueueError::Unknown(lane.name.clone())),
        }
    }

    /// The leases, to look at and change; their number is told when this is done.
    fn turn(&self, lane: &Lane) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(lane.clone()).or_default())
    }

    fn with_leases<T>(&self, change: impl FnOnce(&mut Leases) -> T) -> T {
        let mut leases: MutexGuard<'_, Leases> = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut leases);
        self.metrics.leased.set(i64::try_from(leases.len()).unwrap_or(i64::MAX));
        changed
    }
}
