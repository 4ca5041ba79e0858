//! Events that own services publish: `POST /v1/events`. The API's key stands in the place of a source's verification; all else that the
//! source says holds. Several events of one call are judged each for itself, and those that are good are stored together.

mod answer;
mod call;
mod entry;

use std::sync::Arc;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use prometheus_client::metrics::{counter::Counter, family::Family};

use super::{
    Options, Problem, admission,
    append::Stored,
    receive::{Ingest, ReceivedLabels},
    traced::Receiving,
};
use crate::{
    event::Name,
    failpoint::{self, Step},
};
use answer::Answer;
use call::{Call, Entries, Judged};

/// Takes what own services publish. Who may is not asked here.
#[derive(Clone)]
pub struct Publisher {
    pub(super) ingest: Arc<Ingest>,
    pub(super) published: Family<ReceivedLabels, Counter>,
}

impl Publisher {
    /// Stores the events of a call, and answers it. `source` is that of CloudEvents, which name none of ours.
    ///
    /// What is begun is done, also where whoever called goes away, since the events may be on disk already: so a task.
    pub async fn publish(&self, workspace: Name, source: Option<String>, request: http::Request<Body>) -> Response {
        let publisher = self.clone();
        let task = tokio::spawn(async move { publisher.try_publish(workspace, source.as_deref(), request).await }).await;
        let answer = task.unwrap_or_else(|error| {
            tracing::error!(%error, "a call could not be handled");
            let detail = "this is a fault of the server; try again";
            Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail))
        });
        answer.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    }

    /// The largest body of a call, in bytes, as the settings are now.
    #[must_use]
    pub fn body_bytes_max(&self) -> usize {
        self.ingest.options.load().publish_bytes_max
    }

    async fn try_publish(&self, workspace: Name, source: Option<&str>, request: http::Request<Body>) -> Result<Answer, Problem> {
        admission::space(&*self.ingest.parts.journal)?;
        admission::backlog(&self.ingest.appender)?;
        let now = (self.ingest.parts.clock)();
        let Options { publish_bytes_max, events_per_request_max: events_max, .. } = *self.ingest.options.load();
        self.ingest.workspace_rates.admit(&workspace, &self.ingest.parts.book.load(), events_max, now)?;
        let (mut head, body) = request.into_parts();
        let receiving = Receiving::begin(&self.ingest.parts.tracer, &head.headers);
        let (body, _share) = self.ingest.bodies.read(&mut head.headers, body, publish_bytes_max, &[]).await?;
        failpoint::reach(Step::RequestRead);
        let received_at = (self.ingest.parts.clock)();
        let Entries { judged, is_batch } = {
            // Loaded once: all events of a call meet the same sources.
            let book = self.ingest.parts.book.load();
            let call = Call { workspace: &workspace, book: &book, received_at, events_max };
            call.entries(source, &head.headers, &body)?
        };
        let judged = call::by_schema(&self.ingest.schema_turns, judged).await?;
        failpoint::reach(Step::RequestVerified);
        let good = judged.iter().filter(|one| one.arrival.is_ok()).count();
        self.ingest.workspace_rates.count(&workspace, &self.ingest.parts.book.load(), events_max, received_at, good);
        let outcomes = self.store(&workspace, judged, receiving).await?;
        failpoint::reach(Step::EventStored);
        Ok(Answer { outcomes, is_batch })
    }

    /// Stores those that are good, all in one transaction.
    async fn store(
        &self,
        workspace: &Name,
        judged: Vec<Judged>,
        receiving: Receiving<'_>,
    ) -> Result<Vec<Result<Stored, Problem>>, Problem> {
        let mut arrivals = Vec::with_capacity(judged.len());
        let judged: Vec<_> = judged
            .into_iter()
            .map(|Judged { source, arrival }| (source.map(|(name, _)| name), arrival.map(|arrival| arrivals.push(arrival))))
            .collect();
        let storing = receiving.storing(arrivals.iter_mut());
        let stored = self.ingest.appender.append(arrivals).await?;
        storing.stored(&stored);
        let mut stored = stored.into_iter();
        let outcomes = judged.into_iter().map(|(source, good)| {
            let outcome = good.and_then(|()| stored.next().ok_or_else(not_stored));
            self.count(workspace, source.as_ref(), &outcome);
            outcome
        });
        Ok(outcomes.collect())
    }

    fn count(&self, workspace: &Name, source: Option<&Name>, outcome: &Result<Stored, Problem>) {
        let outcome = outcome.as_ref().map_or_else(|problem| problem.kind, |stored| stored.outcome());
        let source = source.map_or("", Name::as_str);
        self.published.get_or_create(&self.ingest.labels(workspace.as_str(), source, outcome)).inc();
    }
}

/// The journal gave fewer than it was given.
fn not_stored() -> Problem {
    let detail = "the event could not be stored; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable", detail).retry_after(5)
}
