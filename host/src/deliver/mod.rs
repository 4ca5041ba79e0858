//! Flow 3: messages on their way out, from the journal to the destinations.
//!
//! Each destination is a lane of its own. The journal's pump works the lanes off; `lanes` tells it how many deliveries each may
//! have under way, as the destination's `pace` allows, `send` tries one: `encode` makes the request, [`net::Client`] sends it, `settle` judges what came back, and the journal
//! is told. A lane holds at most its destination's `concurrency` of the places there are, so one that hangs
//! delays nobody else.
//!
//! Nothing is kept here that the journal does not have: a crash costs at most a repeat with the same `webhook-id`.

mod backoff;
mod bounds;
mod destination;
mod encode;
#[cfg(test)]
mod fake;
mod lanes;
mod metrics;
mod pace;
mod retry;
mod retry_after;
mod send;
mod settle;
mod spec;

use std::{collections::HashMap, sync::Arc};

use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};

pub use destination::{Destination, Format};
pub use pace::{BreakerSettings, BreakerSpec, LaneStatus, Paces, RateSpec};
pub use retry::RetrySpec;
pub use spec::{SECRETS, Spec};

use crate::{
    event::Clock,
    journal::{Bounds, Journal, Lane, pump},
    net,
};
use lanes::Deliveries;
use metrics::Metrics;
use send::Courier;

/// This part's piece of the snapshot.
#[derive(Debug, Default)]
pub struct Book {
    /// All destinations of all workspaces.
    pub destinations: HashMap<Lane, Arc<Destination>>,
}

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {
    /// Deliveries under way at once, all lanes together. One lane holds at most half of them, whatever its concurrency.
    pub in_flight_max: usize,
    /// How long deliveries under way may take to end when the host stops.
    pub drain_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { in_flight_max: 512, drain_ms: 10_000 }
    }
}

/// What this part works with.
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each delivery.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// How fast each destination is delivered to.
    pub paces: Arc<Paces>,
    /// The client.
    pub client: net::Client,
    /// The time.
    pub clock: Clock,
    /// Becomes true when the host stops.
    pub shutdown: watch::Receiver<bool>,
}

/// Starts flow 3. The task ends when, after `shutdown`, what was in flight is settled, or did not end in time.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn start(options: &Options, parts: Parts, registry: &mut Registry) -> JoinHandle<()> {
    let (clock, shutdown) = (Arc::clone(&parts.clock), parts.shutdown.clone());
    let bounds = Bounds { pieces_max: options.in_flight_max, drain_ms: options.drain_ms };
    let (journal, paces) = (Arc::clone(&parts.journal), Arc::clone(&parts.paces));
    let courier = Courier::new(parts, Metrics::new(registry));
    tokio::spawn(pump(Deliveries { journal, paces, courier }, bounds, clock, shutdown))
}
