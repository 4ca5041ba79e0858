//! Fetching: consumers are given messages under a lease, and say what became of each. What fails singly is told singly; a call as a whole
//! only fails where none of it was done.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Workspace,
    openapi::{Checked, Document, Json, Path, Routes, get, post},
    paths::ByName,
    standing::Standing,
    store_problem,
    wire::{Acked, Extended, MessagesTold, Nacked},
};
use crate::{
    deliver::{Nack, Poll, QueueError, Queues},
    event::Duration,
    hub::Scope,
    ingest::Problem,
    journal::Lane,
};

const REFUSALS: &[&str] = &["bad-query", "disabled", "not-pull", "storage-unavailable", "too-many-polls", "unknown-name"];

pub(super) fn routes() -> Routes {
    let poll = get("/v1/destinations/{name}/messages", Scope::Pull, poll)
        .named("fetchMessages", "Fetch messages")
        .told("Each is given under a lease. Where there is none, the call waits for as long as `wait` says.");
    let ack = post("/v1/destinations/{name}/messages/ack", Scope::Pull, ack).named("ackMessages", "Say that messages are done");
    let nack = post("/v1/destinations/{name}/messages/nack", Scope::Pull, nack).named("nackMessages", "Give messages back");
    let extend =
        post("/v1/destinations/{name}/messages/extend", Scope::Pull, extend).named("extendLeases", "Keep messages for longer");
    let all = [poll, ack, nack, extend].map(|route| route.refuses(REFUSALS));
    all.into_iter().fold(Routes::tagged("Queues"), Routes::add)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PollQuery {
    max: Option<usize>,
    wait: Option<Duration>,
    lease: Option<Duration>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AckRequest {
    receipts: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NackRequest {
    receipts: Vec<String>,
    delay: Option<Duration>,
    reason: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ExtendRequest {
    receipts: Vec<String>,
    lease: Option<Duration>,
}

async fn poll(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    standing: Standing,
    Path(ByName { name }): Path<ByName>,
    Checked(PollQuery { max, wait, lease }): Checked<PollQuery>,
) -> Result<Json<MessagesTold>, Problem> {
    let given = parts
        .delivering
        .queues
        .poll(Lane { workspace, name }, Poll { max, wait, lease }, || standing.is_good())
        .await
        .map_err(|error| standing.check().err().unwrap_or_else(|| problem(&error)))?;
    Ok(Json(MessagesTold::of(&given)))
}

async fn ack(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
    Document(AckRequest { receipts }): Document<AckRequest>,
) -> Result<Json<Acked>, Problem> {
    let (queues, lane) = (parts.delivering.queues, Lane { workspace, name });
    let words =
        to_its_end(queues, move |queues| async move { queues.ack(&lane, &receipts).await.map(|words| (receipts, words)) });
    let (receipts, words) = words.await?;
    Ok(Json(Acked::of(receipts, &words)))
}

async fn nack(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
    Document(NackRequest { receipts, delay, reason }): Document<NackRequest>,
) -> Result<Json<Nacked>, Problem> {
    let (queues, lane, nack) = (parts.delivering.queues, Lane { workspace, name }, Nack { delay, reason });
    let words =
        to_its_end(
            queues,
            move |queues| async move { queues.nack(&lane, &receipts, &nack).await.map(|words| (receipts, words)) },
        );
    let (receipts, words) = words.await?;
    Ok(Json(Nacked::of(receipts, &words)))
}

async fn extend(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
    Document(ExtendRequest { receipts, lease }): Document<ExtendRequest>,
) -> Result<Json<Extended>, Problem> {
    let ends = parts.delivering.queues.extend(&Lane { workspace, name }, &receipts, lease).map_err(|error| problem(&error))?;
    Ok(Json(Extended::of(receipts, &ends)))
}

/// Whoever asked may go away meanwhile: what is begun is done all the same.
async fn to_its_end<T: Send + 'static, F>(queues: Arc<Queues>, work: impl FnOnce(Arc<Queues>) -> F) -> Result<T, Problem>
where
    F: Future<Output = Result<T, QueueError>> + Send + 'static,
{
    let done = tokio::spawn(work(queues)).await.map_err(|error| Problem::of_fault(&error))?;
    done.map_err(|error| problem(&error))
}

fn problem(error: &QueueError) -> Problem {
    let (status, kind) = match error {
        QueueError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown-name"),
        QueueError::NotPull(_) => (StatusCode::CONFLICT, "not-pull"),
        QueueError::Disabled(_) => (StatusCode::CONFLICT, "disabled"),
        QueueError::Refused => (StatusCode::UNAUTHORIZED, "no-key"),
        QueueError::Bounds(_) => (StatusCode::BAD_REQUEST, "bad-query"),
        QueueError::Busy { .. } | QueueError::BusyWorkspace { .. } => {
            return Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-polls", error.to_string()).retry_after(1);
        }
        QueueError::Journal(error) => return store_problem(error),
    };
    Problem::new(status, kind, error.to_string())
}
