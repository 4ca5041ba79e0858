//! Flow 3: messages on their way out, from the journal to the destinations.
//!
//! Each destination is a lane of its own. The journal's pump works the lanes off; `lanes` tells it how many deliveries each may
//! have under way, as the destination's `pace` allows, `send` tries one: `encode` makes the request (of `target`, `header`, `template`), `exchange` sends it by
//! [`net::Client`], `settle` judges what came back, and the journal is told. A lane holds at most its destination's `concurrency` of the
//! places there are, and all that hang together hold a part of them, so that they delay nobody else.
//!
//! What cannot be sent to fetches by itself: `pull` has those queues, each a lane without a sender. What another rule of this hub is to see
//! does not leave it: `onward` makes events of it. `confirm` is how a destination says
//! later that it is done. `reach` tells before what cannot be sent to.
//!
//! Nothing is kept here that the journal does not have: a crash costs at most a repeat with the same `webhook-id`.

mod backoff;
mod bounds;
mod confirm;
mod destination;
mod encode;
mod exchange;
#[cfg(test)]
mod fake;
mod header;
mod lanes;
mod metrics;
mod onward;
mod order;
mod pace;
mod pull;
mod reach;
mod retry;
mod retry_after;
mod seats;
mod send;
mod settle;
mod spec;
mod target;
mod template;
mod traced;

use std::{collections::HashMap, sync::Arc};

use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};

pub use confirm::{BaseError, Callbacks, ConfirmSpec, Confirmations, Confirmed};
pub use destination::{Compression, Destination, Format};
pub use onward::{Onward, OnwardSpec};
pub use order::OrderSpec;
pub use pace::{BreakerSettings, BreakerSpec, LaneStatus, Paces, RateSpec};
pub use pull::{Given, Nack, Poll, Pull, PullSpec, QueueError, Queues, Signature, Word};
pub use reach::Reach;
pub use retry::RetrySpec;
pub use seats::{NoSeat, Seat, Seats};
pub use spec::{AuthSpec, FurtherSecret, Kind, SECRETS, Spec, TlsSpec};

use crate::{
    event::Clock,
    journal::{Bounds, Journal, Lane, pump},
    net,
    observe::Tracer,
    sign::TokenKey,
};
use lanes::Deliveries;
use metrics::{Metrics, Places};
use pull::keep;
use send::Courier;

/// This part's piece of the snapshot.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// All destinations of all workspaces that messages are sent to.
    pub destinations: HashMap<Lane, Arc<Destination>>,
    /// Those that they are fetched from.
    pub pulls: HashMap<Lane, Arc<Pull>>,
    /// Those that pass them on to another source.
    pub onwards: HashMap<Lane, Arc<Onward>>,
}

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {
    /// Deliveries under way at once, all lanes together. One lane holds at most half of them, whatever its concurrency. 512.
    pub in_flight_max: usize,
    /// As many of these are only for destinations whose last answer came promptly and that keep none waiting; one that nothing is known
    /// of is tried with one delivery first. 256.
    pub in_flight_healthy_only: usize,
    /// A destination that takes longer for one delivery, its settlement included, is slow until its next prompt one. 2,000.
    pub slow_ms: u64,
    /// How long deliveries under way may take to end when the host stops.
    pub drain_ms: u64,
    /// How often an event, or what it came from, may be passed on to another source of this hub. 8.
    pub hops_max: u32,
    /// Polls that may wait for messages at once, of all queues together; one more is refused with 429.
    pub pull_polls_max: usize,
    /// Of these those of one workspace.
    pub workspace_pull_polls_max: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            in_flight_max: 512,
            in_flight_healthy_only: 256,
            slow_ms: 2_000,
            drain_ms: 10_000,
            hops_max: 8,
            pull_polls_max: 1_000,
            workspace_pull_polls_max: 250,
        }
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
    /// Who is told of what is sent.
    pub tracer: Tracer,
    /// The time.
    pub clock: Clock,
    /// What receipts are known again by.
    pub token_key: TokenKey,
    /// Where destinations confirm.
    pub callbacks: Callbacks,
    /// Becomes true when the host stops.
    pub shutdown: watch::Receiver<bool>,
}

/// Flow 3 at work.
pub struct Flow {
    /// They end when, after `shutdown`, what was in flight is settled, or did not end in time.
    pub tasks: Vec<JoinHandle<()>>,
    /// How it is reached from outside.
    pub ways: Ways,
}

/// How flow 3 is reached from outside.
#[derive(Clone)]
pub struct Ways {
    /// Destinations that are fetched from.
    pub queues: Arc<Queues>,
    /// Where destinations call back.
    pub confirmations: Arc<Confirmations>,
    /// What nothing can be sent to.
    pub reach: Reach,
}

/// Starts flow 3.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn start(options: &Options, parts: Parts, registry: &mut Registry) -> Flow {
    let (clock, shutdown) = (Arc::clone(&parts.clock), parts.shutdown.clone());
    let bounds = Bounds {
        pieces_max: options.in_flight_max,
        healthy_only: options.in_flight_healthy_only,
        slow_ms: options.slow_ms,
        drain_ms: options.drain_ms,
    };
    let (journal, book, paces) = (Arc::clone(&parts.journal), Arc::clone(&parts.book), Arc::clone(&parts.paces));
    let places = Places::new(options.in_flight_max, registry);
    let metrics = Arc::new(Metrics::new(registry));
    let queues = Queues::new(options, &parts, Arc::clone(&metrics), registry);
    let confirmations = Arc::new(Confirmations::new(Arc::clone(&journal), parts.callbacks.clone(), registry));
    let keeping = tokio::spawn(keep(Arc::clone(&queues), shutdown.clone()));
    let reach = Reach::new(parts.client.clone());
    let courier = Courier::new(parts, metrics, options.hops_max);
    let sending = tokio::spawn(pump(Deliveries { journal, book, paces, courier, places }, bounds, clock, shutdown));
    Flow { tasks: vec![sending, keeping], ways: Ways { queues, confirmations, reach } }
}
