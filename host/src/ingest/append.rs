//! From events to what is on disk.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use prometheus_client::{metrics::gauge::Gauge, registry::Registry};

use super::{Current, Problem, admission::storage_full};
use crate::{
    event::EventId,
    journal::{Arrival, Journal, JournalError, Pending},
};

/// An event that is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) id: EventId,
    /// It was there already, under this id.
    pub(super) duplicate: bool,
    /// It is a dead letter.
    pub(super) given_up: bool,
}

impl Stored {
    /// For metrics.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self { duplicate: true, .. } => "duplicate",
            Self { given_up: true, .. } => "dead-letter",
            Self { .. } => "accepted",
        }
    }
}

/// Appends to the journal, within a time.
pub(super) struct Appender {
    journal: Arc<dyn Journal>,
    options: Current,
    backlog: Gauge,
}

impl Appender {
    pub(super) fn new(options: Current, journal: Arc<dyn Journal>, registry: &mut Registry) -> Self {
        let backlog = Gauge::default();
        registry.register("sluicebox_ingest_append_backlog", "Requests that wait for the journal", backlog.clone());
        Self { journal, options, backlog }
    }

    /// Whether as many wait for the journal as may.
    pub(super) fn is_full(&self) -> bool {
        usize::try_from(self.backlog.get()).is_ok_and(|waiting| waiting >= self.options.load().append_backlog_max)
    }

    /// Stores events, all of them or none; what is given back is on disk, one for each.
    pub(super) async fn append(&self, arrivals: Vec<Arrival>) -> Result<Vec<Stored>, Problem> {
        let own: Vec<(EventId, bool)> = arrivals.iter().map(|arrival| (arrival.event.id, arrival.given_up.is_some())).collect();
        let plain = arrivals.iter().all(|arrival| arrival.once.is_none() && arrival.given_up.is_none());
        let on_record = match plain {
            true if arrivals.is_empty() => Vec::new(),
            true => {
                let events = arrivals.into_iter().map(|arrival| arrival.event).collect();
                self.until_stored(self.journal.append(events)).await?;
                own.iter().map(|(id, _)| *id).collect()
            }
            false => self.until_stored(self.journal.append_once(arrivals)).await?,
        };
        let stored = own.into_iter().zip(on_record).map(|((own, given_up), id)| {
            let duplicate = id != own;
            Stored { id, duplicate, given_up: given_up && !duplicate }
        });
        let stored: Vec<Stored> = stored.collect();
        for Stored { id, duplicate, given_up } in &stored {
            tracing::debug!(event = %id, duplicate, given_up, "accepted");
        }
        Ok(stored)
    }

    async fn until_stored<T>(&self, appending: Pending<T>) -> Result<T, Problem> {
        let _waiting = Waiting::one(&self.backlog);
        let unavailable = |kind, detail| Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail);
        let timeout = Duration::from_millis(self.options.load().append_timeout_ms);
        match tokio::time::timeout(timeout, appending).await {
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
