//! Events once more: what became of them as it was, under the same ids, or through the rules of today, under new ones.

use std::time::Instant;

use axum::extract::State;
use http::StatusCode;

use super::{
    Parts,
    access::Workspace,
    audit::Remark,
    dead::{CALL_MAX, CALL_TIME, chunks},
    events::{self, EventQuery},
    openapi::{Checked, Json, Path, Routes, Wishes, post},
    paths::ById,
    query::bad_query,
    retry::{rule_gone, rule_is_there},
    store_problem,
    wire::{EventCount, Replay, ReplayAll, TakenUp, TakenUpOrCounted, Through},
};
use crate::{
    event::{EventId, Name, Timestamp},
    hub::Scope,
    ingest::Problem,
    journal::{EventFilter, Revival},
};

/// Events that are taken up in one transaction.
const CHUNK_EVENTS: usize = 200;

pub(super) fn routes() -> Routes {
    let all = post("/v1/events/replay", Scope::Replay, all)
        .named("replayEvents", "Send again all events that a query finds")
        .told("A call takes up so many, oldest first; where its answer has `next`, the next call goes on there.")
        .refuses(&["query-too-slow", "rule-gone", "storage-unavailable"]);
    let one = post("/v1/events/{id}/replay", Scope::Replay, one).named("replayEvent", "Send an event again").refuses(&[
        "rule-gone",
        "storage-unavailable",
        "unknown-event",
    ]);
    Routes::tagged("Events").add(all).add(one)
}

async fn one(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ById { id }): Path<ById<EventId>>,
    Wishes(wishes): Wishes<Replay>,
) -> Result<Json<TakenUp>, Problem> {
    check(&parts, &workspace, &wishes)?;
    let (record, ..) = events::find(&parts, &workspace, id).await?;
    let revived = parts.journal.revive(vec![revival(record.seq, &wishes)]).await.map_err(|error| store_problem(&error))?;
    let mut taken_up = TakenUp::default();
    taken_up.add(revived);
    Ok(Json(taken_up))
}

async fn all(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    remark: Remark,
    Checked(query): Checked<EventQuery>,
    Wishes(wishes): Wishes<ReplayAll>,
) -> Result<Json<TakenUpOrCounted<EventCount>>, Problem> {
    let ReplayAll { through, rule, destination, dry_run, next } = wishes;
    let wishes = Replay { through, rule, destination };
    check(&parts, &workspace, &wishes)?;
    if !query.chooses() {
        return Err(bad_query("say which events: by source, type, subject, external_id, since or until"));
    }
    if query.is_paged() {
        return Err(bad_query("after, limit: all that the query finds is replayed; `next` in the body goes on after an answer"));
    }
    let mut filter = query.filter(workspace, CHUNK_EVENTS);
    if dry_run {
        remark.changes_nothing();
        let counts = parts.journal.count_events(filter).await.map_err(|error| store_problem(&error))?;
        return Ok(Json(TakenUpOrCounted::events(counts)));
    }
    let (until, after) = match &next {
        Some(text) => progress(text).ok_or_else(|| bad_query("next: not what an answer gave"))?,
        None => ((parts.clock)().plus_ms(1), 0),
    };
    filter.until = Some(filter.until.map_or(until, |asked| asked.min(until)));
    filter.after = Some(after);
    Ok(Json(TakenUpOrCounted::TakenUp(take_up(&parts, filter, &wishes, until).await?)))
}

/// When the series of calls began, so that what came since is not its, and the last event that it took up.
fn progress(text: &str) -> Option<(Timestamp, u64)> {
    let (until, after) = text.split_once('.')?;
    Some((Timestamp(until.parse().ok()?), after.parse().ok()?))
}

async fn take_up(parts: &Parts, mut filter: EventFilter, wishes: &Replay, until: Timestamp) -> Result<TakenUp, Problem> {
    let (mut taken_up, mut seen, started) = (TakenUp::default(), 0, Instant::now());
    loop {
        let page = parts.journal.events(filter.clone()).await.map_err(|error| store_problem(&error))?;
        seen += page.items.len();
        // What its schema does not fit goes on only where somebody names it, or looks for dead letters.
        let alive = page.items.iter().filter(|record| record.dead.is_none());
        for chunk in chunks(alive.map(|record| revival(record.seq, wishes))) {
            taken_up.add(parts.journal.revive(chunk).await.map_err(|error| store_problem(&error))?);
        }
        let Some(last) = page.next else { return Ok(taken_up) };
        filter.after = Some(last);
        if seen >= CALL_MAX || started.elapsed() >= CALL_TIME {
            taken_up.next = Some(format!("{}.{last}", until.0));
            return Ok(taken_up);
        }
    }
}

fn revival(seq: u64, wishes: &Replay) -> Revival {
    match wishes.through {
        Through::AsItWas => Revival::Event { seq, rule: wishes.rule.clone(), destination: wishes.destination.clone() },
        Through::Today => Revival::EventToday { seq, rule: wishes.rule.clone() },
    }
}

/// Through the rules of today a rule says where it goes to.
fn check(parts: &Parts, workspace: &Name, wishes: &Replay) -> Result<(), Problem> {
    if wishes.through == Through::AsItWas {
        return Ok(());
    }
    if wishes.destination.is_some() {
        let detail = "destination: the rules of today say where an event goes; name a rule instead, or replay it as it was";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-document", detail));
    }
    match &wishes.rule {
        Some(rule) if !rule_is_there(parts, workspace, rule) => Err(rule_gone(rule)),
        _ => Ok(()),
    }
}
