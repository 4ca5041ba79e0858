//! One delivery, run or batch once more: at once, whatever its schedule said.

use axum::extract::State;
use http::StatusCode;

use super::{
    Parts,
    access::Workspace,
    openapi::{Json, Path, Routes, Wishes, post},
    paths::ById,
    store_problem,
    wire::{Retry, TakenUp, Through},
};
use crate::{
    event::{BatchId, MessageId, Name, RunId},
    hub::{self, Scope},
    ingest::Problem,
    journal::{BatchState, DeadKind, DeliveryState, Revival, Revived, RunState},
};

pub(super) fn routes() -> Routes {
    let delivery = post("/v1/deliveries/{id}/retry", Scope::Replay, delivery)
        .named("retryDelivery", "Try a delivery again")
        .refuses(&["already-delivered", "not-dead", "nothing-left", "rule-gone", "storage-unavailable", "unknown-delivery"]);
    let run = post("/v1/runs/{id}/retry", Scope::Replay, run).named("retryRun", "Try a run again that was given up").refuses(&[
        "not-dead",
        "nothing-left",
        "rule-gone",
        "storage-unavailable",
        "unknown-run",
    ]);
    let batch = post("/v1/batches/{id}/retry", Scope::Replay, batch)
        .named("retryBatch", "Try a batch again that was given up")
        .refuses(&["not-dead", "nothing-left", "rule-gone", "storage-unavailable", "unknown-batch"]);
    Routes::tagged("Deliveries").add(delivery).add(run).add(batch)
}

/// Where a letter goes through its rule as it is today there has to be one: else it would be lost.
pub(super) fn rule_is_there(parts: &Parts, workspace: &Name, rule: &Name) -> bool {
    parts.hub.get(workspace, hub::Kind::Rule, rule).is_some()
}

/// The refusal where there is none.
pub(super) fn rule_gone(rule: &Name) -> Problem {
    let detail = format!("there is no rule `{rule}` any more; declare it again, or send it as it was");
    Problem::new(StatusCode::CONFLICT, "rule-gone", detail)
}

async fn delivery(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<MessageId>>,
    Wishes(wishes): Wishes<Retry>,
) -> Result<Json<TakenUp>, Problem> {
    let found = parts.journal.delivery(workspace.clone(), id).await.map_err(|error| store_problem(&error))?;
    let (_, record, _) = found.ok_or_else(|| unknown("delivery", &id))?;
    match record.state {
        DeliveryState::Dead => {}
        _ if wishes.through == Through::Today => {
            let detail = format!(
                "delivery {id} was not given up; POST /v1/events/{{id}}/replay sends its event through the rules of today"
            );
            return Err(Problem::new(StatusCode::CONFLICT, "not-dead", detail));
        }
        DeliveryState::Delivered if !wishes.delivered => {
            let detail = format!("delivery {id} was delivered; `\"delivered\": true` sends it again, with the same id");
            return Err(Problem::new(StatusCode::CONFLICT, "already-delivered", detail));
        }
        DeliveryState::Waiting | DeliveryState::Delivered => {}
    }
    let as_it_was = Revival::Delivery { seq: record.seq, delivered: wishes.delivered };
    take_up(&parts, &wishes, (&workspace, &record.rule), as_it_was, (DeadKind::Delivery, record.seq)).await
}

async fn run(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<RunId>>,
    Wishes(wishes): Wishes<Retry>,
) -> Result<Json<TakenUp>, Problem> {
    let found = parts.journal.run_given_up(workspace.clone(), id).await.map_err(|error| store_problem(&error))?;
    let (seq, record) = found.ok_or_else(|| {
        let detail = format!("no run {id} was given up; POST /v1/events/{{id}}/replay runs the rules on an event again");
        Problem::new(StatusCode::NOT_FOUND, "unknown-run", detail)
    })?;
    if record.state != RunState::Dead {
        return Err(not_dead("run", &id));
    }
    take_up(&parts, &wishes, (&workspace, &record.rule), Revival::Run { seq }, (DeadKind::Run, seq)).await
}

async fn batch(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<BatchId>>,
    Wishes(wishes): Wishes<Retry>,
) -> Result<Json<TakenUp>, Problem> {
    let found = parts.journal.batch(workspace.clone(), id).await.map_err(|error| store_problem(&error))?;
    let record = found.ok_or_else(|| unknown("batch", &id))?;
    if record.state != BatchState::Dead {
        return Err(not_dead("batch", &id));
    }
    let as_it_was = Revival::Batch { seq: record.seq, singly: wishes.singly };
    take_up(&parts, &wishes, (&workspace, &record.rule), as_it_was, (DeadKind::Batch, record.seq)).await
}

async fn take_up(
    parts: &Parts,
    wishes: &Retry,
    (workspace, rule): (&Name, &Name),
    as_it_was: Revival,
    (kind, seq): (DeadKind, u64),
) -> Result<Json<TakenUp>, Problem> {
    let revival = match wishes.through {
        Through::AsItWas => as_it_was,
        Through::Today if !rule_is_there(parts, workspace, rule) => return Err(rule_gone(rule)),
        Through::Today => Revival::Letter { kind, seq },
    };
    // A delivery that waits may be under way already: then there is nothing to do, and nothing wrong.
    let may_be_none = matches!(revival, Revival::Delivery { .. });
    let revived = parts.journal.revive(vec![revival]).await.map_err(|error| store_problem(&error))?;
    if revived == Revived::default() && !may_be_none {
        let detail = "nothing is left to take up: its events are no longer stored, or it was taken apart or taken up meanwhile";
        return Err(Problem::new(StatusCode::CONFLICT, "nothing-left", detail));
    }
    let mut taken_up = TakenUp::default();
    taken_up.add(revived);
    Ok(Json(taken_up))
}

fn unknown(what: &'static str, id: &impl std::fmt::Display) -> Problem {
    let kind = if what == "batch" { "unknown-batch" } else { "unknown-delivery" };
    Problem::new(StatusCode::NOT_FOUND, kind, format!("there is no {what} {id}"))
}

fn not_dead(what: &str, id: &impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::CONFLICT, "not-dead", format!("{what} {id} is not given up, so there is nothing to retry"))
}
