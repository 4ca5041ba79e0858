//! stub of the deliver part
use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;

use crate::{
    event::{Clock, Invalid, Secret},
    journal::{Journal, Lane},
    net,
};
use arc_swap::access::DynAccess;
use prometheus_client::registry::Registry;
use tokio::{sync::watch, task::JoinHandle};

/// A destination as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Where to.
    pub url: String,
    /// The signing secret.
    pub secret: Option<Secret>,
}

/// Where `Spec` holds secrets.
pub const SECRETS: &[&str] = &["/secret"];

/// A refined destination.
#[derive(Clone, Debug)]
pub struct Destination {}

impl Spec {
    /// Checks the spec.
    pub fn refine(&self) -> Result<Destination, Invalid> {
        Ok(Destination {})
    }
}

/// This part's piece of the snapshot.
#[derive(Debug, Default)]
pub struct Book {
    /// All destinations of all workspaces.
    pub destinations: HashMap<Lane, Arc<Destination>>,
}

/// Settings of this part.
#[derive(Clone, Debug)]
pub struct Options {}

/// What this part works with.
pub struct Parts {
    /// The store.
    pub journal: Arc<dyn Journal>,
    /// The snapshot's piece; read anew for each delivery.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// The client.
    pub client: net::Client,
    /// The time.
    pub clock: Clock,
    /// Becomes true when the host stops.
    pub shutdown: watch::Receiver<bool>,
}

/// Starts flow 3. The task ends when, after `shutdown`, what was in flight is settled.
pub fn start(_options: &Options, _parts: Parts, _registry: &mut Registry) -> JoinHandle<()> {
    tokio::spawn(async {})
}
