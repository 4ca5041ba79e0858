//! Dead letters: listed in one place whatever they were, and taken up again, all that a query finds.
//!
//! What a query finds may be millions. A call takes up so many of them, oldest first, in transactions of a few, so that no sender waits
//! long for one; its answer says where the next call goes on. What dies again meanwhile is not found again by the same series of calls.

use std::time::{Duration, Instant};

use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Parts,
    access::Workspace,
    audit::Remark,
    openapi::{Checked, Json, Routes, Wishes, get, post},
    query::{Moment, bad_query, page_size},
    retry::rule_is_there,
    store_problem,
    wire::{self, KindName, LetterCount, LetterTold, PageTold, RetryAll, TakenUp, TakenUpOrCounted, Through},
};
use crate::{
    event::{Name, Timestamp},
    hub::Scope,
    ingest::Problem,
    journal::{DeadFilter, DeadKind, DeadPlace, DeadSlice, Narrow, Revival},
};

/// The last attempts that a listing shows of each delivery.
const ATTEMPTS_SHOWN: usize = 3;
/// Dead letters that are taken up in one transaction.
const CHUNK_LETTERS: usize = 200;
/// Dead letters that one call looks at, at most.
pub(super) const CALL_MAX: usize = 5_000;
/// A call that has taken longer ends with the transaction at hand.
pub(super) const CALL_TIME: Duration = Duration::from_secs(5);

pub(super) fn routes() -> Routes {
    let list = get("/v1/dead-letters", Scope::Read, list)
        .named("listDeadLetters", "List dead letters")
        .refuses(&["query-too-slow", "storage-unavailable"]);
    let retry = post("/v1/dead-letters/retry", Scope::Replay, retry)
        .named("retryDeadLetters", "Try again all dead letters that a query finds")
        .told("A call takes up so many, oldest first; where its answer has `next`, the next call goes on there.")
        .refuses(&["query-too-slow", "storage-unavailable"]);
    Routes::tagged("Dead letters").add(list).add(retry)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeadQuery {
    kind: Option<KindName>,
    rule: Option<Name>,
    destination: Option<Name>,
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    code: Option<String>,
    text: Option<String>,
    since: Option<Moment>,
    until: Option<Moment>,
    /// `next` of the page before.
    after: Option<String>,
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

impl DeadQuery {
    fn filter(self, workspace: Name) -> Result<DeadFilter, Problem> {
        let kind = self.kind.map(DeadKind::from);
        if self.destination.is_some() && kind.is_some_and(|kind| kind != DeadKind::Delivery) {
            return Err(bad_query("destination: only deliveries have one"));
        }
        Ok(DeadFilter {
            workspace,
            kind,
            rule: self.rule,
            destination: self.destination,
            narrow: Narrow {
                source: self.source,
                event_type: self.event_type,
                code: self.code,
                text: self.text,
                since: self.since.map(Timestamp::from),
                until: self.until.map(Timestamp::from),
            },
        })
    }
}

async fn list(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<DeadQuery>,
) -> Result<Json<PageTold<LetterTold>>, Problem> {
    let limit = page_size(query.limit)?;
    let beyond = query.after.as_deref().map(|text| {
        wire::place_of(text).ok_or_else(|| bad_query("after: no cursor of this listing; give `next` of the page before"))
    });
    let slice = DeadSlice { oldest_first: false, beyond: beyond.transpose()?, limit, attempts_max: ATTEMPTS_SHOWN };
    let page = parts.journal.dead_letters(query.filter(workspace)?, slice).await.map_err(|error| store_problem(&error))?;
    Ok(Json(PageTold::of_letters(&page)))
}

async fn retry(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    remark: Remark,
    Checked(query): Checked<DeadQuery>,
    Wishes(wishes): Wishes<RetryAll>,
) -> Result<Json<TakenUpOrCounted<LetterCount>>, Problem> {
    if query.after.is_some() || query.limit.is_some() {
        return Err(bad_query("after, limit: all that the query finds is taken up; `next` in the body goes on after an answer"));
    }
    let mut filter = query.filter(workspace)?;
    if wishes.dry_run {
        remark.changes_nothing();
        let counts = parts.journal.count_dead_letters(filter).await.map_err(|error| store_problem(&error))?;
        return Ok(Json(TakenUpOrCounted::letters(&counts)));
    }
    let begun = match &wishes.next {
        Some(text) => Progress::read(text).ok_or_else(|| bad_query("next: not what an answer gave"))?,
        None => Progress { until: (parts.clock)().plus_ms(1), beyond: None },
    };
    filter.narrow.until = Some(filter.narrow.until.map_or(begun.until, |until| until.min(begun.until)));
    let taken_up = take_up(&parts, &filter, &wishes, begun).await?;
    Ok(Json(TakenUpOrCounted::TakenUp(taken_up)))
}

/// How far a series of calls has come.
#[derive(Clone, Copy)]
struct Progress {
    /// When it began: what was given up since is not its.
    until: Timestamp,
    beyond: Option<DeadPlace>,
}

impl Progress {
    fn read(text: &str) -> Option<Self> {
        let (until, place) = text.split_once('.')?;
        Some(Self { until: Timestamp(until.parse().ok()?), beyond: Some(wire::place_of(place)?) })
    }
}

async fn take_up(parts: &Parts, filter: &DeadFilter, wishes: &RetryAll, begun: Progress) -> Result<TakenUp, Problem> {
    let (mut taken_up, mut beyond, mut seen, started) = (TakenUp::default(), begun.beyond, 0, Instant::now());
    loop {
        let slice = DeadSlice { oldest_first: true, beyond, limit: CHUNK_LETTERS, attempts_max: 0 };
        let page = parts.journal.dead_letters(filter.clone(), slice).await.map_err(|error| store_problem(&error))?;
        seen += page.items.len();
        let (can, cannot): (Vec<_>, Vec<_>) = page.items.iter().partition(|letter| {
            wishes.through == Through::AsItWas
                || letter.record.rule().is_none_or(|rule| rule_is_there(parts, &filter.workspace, rule))
        });
        taken_up.skipped += cannot.len() as u64;
        for chunk in chunks(can.iter().map(|letter| revival(letter.place, wishes))) {
            taken_up.add(parts.journal.revive(chunk).await.map_err(|error| store_problem(&error))?);
        }
        beyond = page.next;
        let Some(place) = beyond else { return Ok(taken_up) };
        if seen >= CALL_MAX || started.elapsed() >= CALL_TIME {
            taken_up.next = Some(format!("{}.{}", begun.until.0, wire::place(place)));
            return Ok(taken_up);
        }
    }
}

fn revival(DeadPlace { kind, seq, .. }: DeadPlace, wishes: &RetryAll) -> Revival {
    match (wishes.through, kind) {
        (Through::Today, _) => Revival::Letter { kind, seq },
        (Through::AsItWas, DeadKind::Delivery) => Revival::Delivery { seq, delivered: false },
        (Through::AsItWas, DeadKind::Run) => Revival::Run { seq },
        (Through::AsItWas, DeadKind::Batch) => Revival::Batch { seq, singly: wishes.singly },
        // No rule has seen it: what it would have been is what the rules of today make of it.
        (Through::AsItWas, DeadKind::Event) => Revival::Letter { kind, seq },
    }
}

/// Batches that are taken apart weigh more than others.
pub(super) fn chunks(revivals: impl Iterator<Item = Revival>) -> Vec<Vec<Revival>> {
    let (mut chunks, mut weight) = (Vec::<Vec<Revival>>::new(), 0);
    for revival in revivals {
        weight += revival.weight();
        match chunks.last_mut() {
            Some(last) if weight <= CHUNK_LETTERS => last.push(revival),
            _ => {
                weight = revival.weight();
                chunks.push(vec![revival]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_as_heavy_as_a_transaction_may_be() {
        let light = |seq| Revival::Run { seq };
        let heavy = |seq| Revival::Batch { seq, singly: true };
        let lengths = |revivals: Vec<Revival>| chunks(revivals.into_iter()).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths((0..CHUNK_LETTERS as u64 + 1).map(light).collect()), [CHUNK_LETTERS, 1]);
        assert_eq!(lengths(vec![heavy(1), heavy(2), light(3)]), [1, 2]);
        assert!(lengths(Vec::new()).is_empty());
    }

    #[test]
    fn progress_is_read_back() {
        let text = "12.7-run-9";
        let progress = Progress::read(text).expect("it is one");
        assert_eq!((progress.until, progress.beyond.map(wire::place)), (Timestamp(12), Some("7-run-9".to_owned())));
        assert!(Progress::read("12").is_none() && Progress::read("12.x").is_none());
    }
}
