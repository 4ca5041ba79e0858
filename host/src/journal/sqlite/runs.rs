//! Runs: made when an event is routed, ended once. Whatever follows from an end is stored with it, so that a run that is ended has
//! all its deliveries, and one that is not has none.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    error::StoreError,
    events::{self, Shelf},
    given_up,
    lease::{Bodies, Leases, RunKey, Terms, Waiting},
    order::{self, Holder},
    outcome::{Ending, Source, SourceOf},
    recent::Recent,
    state,
    wire::{self, Columns, Whole},
    writing::Writing,
};
use crate::{
    event::{Name, RunId, Timestamp},
    failpoint::{self, Step},
    journal::{Claim, Lane, NewRun, OrderHold, Routed, Run, RunEnd, RunState},
};

/// Freezes which rules matched. An event that was routed before keeps the runs it has.
pub(super) fn route(writing: &mut Writing<'_>, routed: &[Routed]) -> Result<(), StoreError> {
    for one in routed {
        if let Some(workspace) = events::mark_routed(writing, one.seq, one.generation)? {
            writing.ended.events.push(one.seq);
            for run in &one.runs {
                insert(writing, one, &workspace, run)?;
            }
        }
    }
    Ok(())
}

fn insert(writing: &mut Writing<'_>, routed: &Routed, workspace: &Name, run: &NewRun) -> Result<(), StoreError> {
    let ending = run.outcome.as_ref().map_or_else(|| Ending::none_yet(writing.now), Ending::of);
    let sql = "INSERT INTO runs (workspace, event, generation, rule, revision, state, attempts, created_at, due_at, failure, stages) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, '[]') ON CONFLICT (workspace, event, generation, rule) DO NOTHING \
               RETURNING seq";
    let values = params![
        workspace,
        Whole(routed.seq),
        routed.generation,
        run.rule,
        Whole(routed.revision),
        ending.state,
        ending.counted,
        writing.now,
        ending.due_at,
        ending.failure,
    ];
    let inserted = writing.sql.prepare_cached(sql)?.query_row(values, |row| Columns::of(row).whole()).optional()?;
    let Some(seq) = inserted else { return Ok(()) };
    if ending.is_open() {
        for OrderHold { destination, key } in &run.holds {
            order::hold(writing, workspace, Holder::Run(seq), (destination, key), routed.seq)?;
        }
    }
    mark_waiting(writing, &ending, workspace, &run.rule);
    if ending.state == RunState::Dead {
        given_up::run(writing, workspace, (routed.seq, routed.generation, &run.rule))?;
    }
    let source = Source { workspace, rule: &run.rule, revision: routed.revision, of: SourceOf::Event(routed.seq) };
    ending.follow(writing, &source)
}

/// Ends or puts off runs. One that is not pending any more, or not at the attempt that was claimed, was ended by another copy: the second
/// end changes nothing.
pub(super) fn end(writing: &mut Writing<'_>, ends: &[RunEnd]) -> Result<(), StoreError> {
    for end in ends {
        let workspace = &end.lane.workspace;
        let fits = state::fits(writing, workspace, &end.state)?;
        let ending = if fits { Ending::of(&end.outcome) } else { Ending::conflict(end.state.again_at) };
        if let Some(seq) = update(writing, end, &ending)? {
            if fits {
                state::store(writing, workspace, &end.state)?;
                if !end.state.uses.is_empty() {
                    failpoint::reach(Step::StateStored);
                }
            } else {
                writing.told.conflicts += 1;
            }
            writing.ended.runs.push((end.seq, end.generation, end.lane.name.clone()));
            mark_waiting(writing, &ending, &end.lane.workspace, &end.lane.name);
            if ending.state == RunState::Dead {
                given_up::run(writing, workspace, (end.seq, end.generation, &end.lane.name))?;
            }
            let of = SourceOf::Event(end.seq);
            ending.follow(writing, &Source { workspace, rule: &end.lane.name, revision: end.revision, of })?;
            if !ending.is_open() {
                order::release(writing, workspace, Holder::Run(seq))?;
            }
        }
    }
    Ok(())
}

/// Its place in the journal, if it was still as claimed.
fn update(writing: &Writing<'_>, end: &RunEnd, ending: &Ending<'_>) -> Result<Option<u64>, StoreError> {
    let sql = "UPDATE runs SET state = ?1, attempts = attempts + ?2, due_at = ?3, failure = ?4, stages = ?5, conflicts = conflicts + ?11, \
               saw = ?12, revision = ?13 \
               WHERE workspace = ?6 AND event = ?7 AND generation = ?8 AND rule = ?9 AND state = 0 \
               AND attempts - attempts_before = ?10 RETURNING seq";
    let values = params![
        ending.state,
        ending.counted,
        ending.due_at,
        ending.failure,
        wire::stages(&end.stages),
        end.lane.workspace,
        Whole(end.seq),
        end.generation,
        end.lane.name,
        end.attempt.saturating_sub(1),
        ending.conflicts,
        end.saw.as_ref().filter(|_| ending.conflicts == 0).map(wire::saw),
        Whole(end.revision),
    ];
    Ok(writing.sql.prepare_cached(sql)?.query_row(values, |row| Columns::of(row).whole()).optional()?)
}

/// Makes held runs pending, those held longest first; of those that are pending the oldest is due first.
pub(super) fn release(writing: &mut Writing<'_>, lane: &Lane, max: usize) -> Result<(), StoreError> {
    let sql = "UPDATE runs SET state = 0, due_at = created_at WHERE seq IN (SELECT seq FROM runs \
               WHERE workspace = ?1 AND rule = ?2 AND state = 1 ORDER BY due_at, seq LIMIT ?3)";
    let released = writing.sql.prepare_cached(sql)?.execute(params![lane.workspace, lane.name, Whole(max as u64)])?;
    if released > 0 {
        writing.marks.runs.insert(lane.clone());
    }
    if released == max {
        writing.marks.held.insert(lane.clone());
    }
    Ok(())
}

fn mark_waiting(writing: &mut Writing<'_>, ending: &Ending<'_>, workspace: &Name, rule: &Name) {
    let lanes = match ending.state {
        RunState::Pending => &mut writing.marks.runs,
        RunState::Held => &mut writing.marks.held,
        RunState::Batched | RunState::Planned | RunState::Dropped | RunState::Dead => return,
    };
    lanes.insert(Lane { workspace: workspace.clone(), name: rule.clone() });
}

impl Bodies for Run {
    fn body_bytes(&self) -> u64 {
        self.event.body.len() as u64
    }
}

/// Hands out pending runs of one rule.
pub(super) fn claim(
    sql: &Connection,
    (leases, recent): (&Leases<RunKey>, &Recent),
    lane: &Lane,
    terms: &Terms,
) -> Result<Claim<Run>, StoreError> {
    let waiting = Waiting {
        sql: "SELECT event, generation, due_at FROM runs WHERE workspace = ?1 AND rule = ?2 AND state = 0 ORDER BY due_at, seq",
        params: params![lane.workspace, lane.name],
        key: &|row| {
            let mut columns = Columns::of(row);
            let key = (columns.whole()?, columns.take()?, lane.name.clone());
            Ok((key, columns.take()?))
        },
    };
    let mut shelf = Shelf::beside(recent);
    leases.claim(sql, terms, &waiting, |view, (seq, generation, _)| read(view, &mut shelf, lane, *seq, *generation))
}

fn read(view: &Connection, shelf: &mut Shelf<'_>, lane: &Lane, seq: u64, generation: u32) -> Result<Run, StoreError> {
    let event = shelf.event(view, seq)?;
    let id = RunId::of(&lane.workspace, event.id, generation, &lane.name);
    let sql = "SELECT revision, attempts - attempts_before, conflicts, coalesce(retried_at, created_at), failure FROM runs WHERE workspace = ?1 AND event = ?2 AND generation = ?3 AND rule = ?4";
    let values = params![lane.workspace, Whole(seq), generation, lane.name];
    let (revision, failed, conflicts, created_at, put_off) = view.prepare_cached(sql)?.query_row(values, |row| {
        let mut columns = Columns::of(row);
        Ok((columns.whole()?, columns.take::<u32>()?, columns.take()?, columns.take::<Timestamp>()?, columns.take()?))
    })?;
    let attempt = failed.saturating_add(1);
    Ok(Run { id, seq, generation, lane: lane.clone(), revision, attempt, conflicts, created_at, put_off, event })
}
