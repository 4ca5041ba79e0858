//! Flow 2: from the journal through rules and plugins to the plan.
//!
//! `events` finds the rules of each event and freezes them as runs; `runs` runs the plugins of pending ones; `batches` folds what is
//! full or due, `state` is what plugins remember meanwhile, and `repeat` runs on request once more what ran. What follows from a plugin's result is decided by pure functions: [`plan`]
//! what goes out, [`fate`] what becomes of a failure; `held` says whether plugins may run at all. All write nothing but whole outcomes to
//! the journal, so a crash between two steps repeats a step and never half of one. A rule whose plugins are slow fills its own lane and
//! nobody else's.

mod batches;
mod collect;
mod events;
mod fate;
mod held;
mod metrics;
mod plan;
mod repeat;
mod rule;
mod runs;
mod state;
mod traced;

pub use collect::Collected;
pub use repeat::{NotRepeated, Repeated, Repeater};
pub use rule::{BatchSpec, Rule, Spec, Target, Wants};
pub use state::stored_state;

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};

use metrics::Metrics;

use crate::{
    event::{Clock, Name},
    journal::{Journal, JournalError, Pending},
    observe::Tracer,
    plugin::Plugins,
    route,
};

/// This part's piece of the snapshot, of one workspace.
#[derive(Debug, Default)]
pub struct Rules {
    /// The revision it belongs to.
    pub revision: u64,
    /// In the order of the index's numbers, which is that of their names.
    pub rules: Vec<Arc<Rule>>,
    /// Finds them.
    pub index: route::Index,
}

/// This part's piece of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// By workspace.
    pub workspaces: HashMap<Name, Arc<Rules>>,
}

impl Rules {
    /// The rule of this name.
    #[must_use]
    pub fn named(&self, name: &Name) -> Option<&Arc<Rule>> {
        self.rules.binary_search_by(|rule| rule.name.cmp(name)).ok().map(|number| &self.rules[number])
    }
}

/// Rules as they were: runs and batches are pinned to the revision that matched them.
pub trait History: Send + Sync {
    /// The rule as of that revision; `None` where there was none, or it is no longer kept.
    fn rule_at<'a>(&'a self, workspace: &'a Name, revision: u64, rule: &'a Name) -> Found<'a>;
}

/// What [`History`] finds.
pub type Found<'a> = Pin<Box<dyn Future<Output = Result<Option<Arc<Rule>>, Unavailable>> + Send + 'a>>;

/// The host cannot tell now what the rule was, and may be able to later: nobody's work is given up for it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the rules of revision {revision} cannot be had now: {cause}")]
pub struct Unavailable {
    /// The revision asked for.
    pub revision: u64,
    /// What failed.
    pub cause: Arc<dyn std::error::Error + Send + Sync>,
}

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {
    /// Events that are routed in one transaction.
    pub events_max: usize,
    /// Runs of one rule that are under way at once. As many can end in one transaction, and share its sync: with 32 an event with a transform costs
    /// a quarter more processor time than with 128.
    pub runs_per_rule_max: usize,
    /// Runs that are under way at once, all rules together.
    pub runs_max: usize,
    /// Batches that are folded at once.
    pub batches_max: usize,
    /// How long runs under way may take to finish when the host stops.
    pub drain_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { events_max: 256, runs_per_rule_max: 128, runs_max: 1_024, batches_max: 8, drain_ms: 10_000 }
    }
}

/// What this part works with.
#[derive(Clone)]
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each event.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// Rules as they were.
    pub history: Arc<dyn History>,
    /// Runs the chains.
    pub plugins: Arc<Plugins>,
    /// The time.
    pub clock: Clock,
    /// Who is told of what is done.
    pub tracer: Tracer,
    /// Becomes true when the host stops.
    pub shutdown: watch::Receiver<bool>,
}

/// Stores what must not be lost for want of space: a store that is full or busy now may not be later, and what is being stored keeps
/// its place meanwhile, so that nothing piles up behind it. Gives up, with `None`, only with a store that is closed: a restart does the
/// work again.
async fn store<T>(what: &'static str, store: impl Fn() -> Pending<T>) -> Option<T> {
    let mut told = false;
    loop {
        match store().await {
            Ok(stored) => return Some(stored),
            Err(JournalError::Closed) => return None,
            Err(error) if !told => {
                tracing::warn!(error = &error as &dyn std::error::Error, what, "could not be stored; it is tried until it is");
                told = true;
            }
            Err(_) => {}
        }
        tokio::time::sleep(STORE_PAUSE).await;
    }
}

/// Between two tries to store the same.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Starts flow 2: a task each for events, runs, batches and what is held, so that none waits for another's computing. They end when, after
/// `shutdown`, what was under way has ended; one that ends before has failed.
pub fn start(options: &Options, parts: &Parts, registry: &mut Registry) -> [JoinHandle<()>; 4] {
    let metrics = Metrics::register(registry, Arc::clone(&parts.book));
    [
        tokio::spawn(events::route(parts.clone(), options.events_max, metrics.clone())),
        tokio::spawn(runs::work_off(parts.clone(), options.clone(), metrics.clone())),
        tokio::spawn(batches::work_off(parts.clone(), options.clone(), metrics)),
        tokio::spawn(held::release(parts.clone())),
    ]
}
