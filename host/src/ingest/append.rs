//! From events to what is on disk.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

use super::{Options, Problem, admission::storage_full};
use crate::{
    event::{Event, EventId},
    journal::{Journal, JournalError, Once, Pending},
};

/// An event that came in, and by what it is the same as others.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) event: Event,
    pub(super) once: Option<Once>,
}

/// An event that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) id: EventId,
    /// It was there already, under this id.
    pub(super) duplicate: bool,
}

/// Appends to the journal, within a time.
pub(super) struct Appender {
    journal: Arc<dyn Journal>,
    timeout: Duration,
    backlog: Gauge,
    backlog_max: usize,
}

impl Appender {
    pub(super) fn new(options: &Options, journal: Arc<dyn Journal>, registry: &mut Registry) -> Self {
        let backlog = Gauge::default();
        registry.register("sluicebox_ingest_append_backlog", "Requests that wait for the journal", backlog.clone());
        let timeout = Duration::from_millis(options.append_timeout_ms);
        Self { journal, timeout, backlog, backlog_max: options.append_backlog_max }
    }

    /// Whether as many wait for the journal as may.
    pub(super) fn is_full(&self) -> bool {
        usize::try_from(self.backlog.get()).is_ok_and(|waiting| waiting >= self.backlog_max)
    }

    /// Stores an event; what is given back is on disk.
    pub(super) async fn append(&self, Incoming { event, once }: Incoming) -> Result<Stored, Problem> {
        let id = event.id;
        let stored = match once {
            None => self.until_stored(self.journal.append(vec![event])).await.map(|()| id)?,
            Some(once) => {
                let stored = self.until_stored(self.journal.append_once(vec![(event, once)])).await?;
                stored.first().copied().unwrap_or(id)
            }
        };
        tracing::debug!(event = %stored, duplicate = stored != id, "accepted");
        Ok(Stored { id: stored, duplicate: stored != id })
    }

    async fn until_stored<T>(&self, appending: Pending<T>) -> Result<T, Problem> {
        let _waiting = Waiting::one(&self.backlog);
        let unavailable = |kind, detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
        match tokio::time::timeout(self.timeout, appending).await {
            Ok(Ok(stored)) => Ok(stored),
            Ok(Err(JournalError::Full)) => Err(storage_full()),
            Ok(Err(error)) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an event could not be stored");
                Err(unavailable("storage-unavailable", "the event could not be stored; try again").retry_after(5))
            }
            // It may yet be stored; the sender's repeat is then a duplicate: known as one where the source has `idempotency`, and
            // otherwise what at-least-once allows.
            Err(_) => Err(unavailable("storage-slow", "the event was not stored in time; try again").retry_after(5)),
        }
    }
}

/// One that waits for the journal, also where the wait is called off.
struct Waiting(Gauge);

impl Waiting {
    fn one(backlog: &Gauge) -> Self {
        backlog.inc();
        Self(backlog.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.dec();
    }
}
