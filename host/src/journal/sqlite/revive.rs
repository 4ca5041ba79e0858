//! Takes up again what was settled: due at once, or its events through the rules of today. All of it is conditional on what is still so,
//! so that asking twice does nothing twice.

use rusqlite::{OptionalExtension as _, ToSql, params};

use super::{
    error::StoreError,
    order::{self, Holder},
    wire::{Columns, Json, Whole},
    writing::Writing,
};
use crate::{
    event::{BatchId, Name},
    journal::{BatchState, DeadKind, Lane, Revival, Revived},
};

/// Takes up each of these.
pub(super) fn revive(writing: &mut Writing<'_>, revivals: &[Revival]) -> Result<(), StoreError> {
    for revival in revivals {
        let revived = match revival {
            Revival::Delivery { seq, delivered } => delivery(writing, *seq, *delivered)?,
            Revival::Run { seq } => run(writing, *seq)?,
            Revival::Batch { seq, singly: false } => batch(writing, *seq)?,
            Revival::Batch { seq, singly: true } => singly(writing, *seq)?,
            Revival::Letter { kind, seq } => letter(writing, *kind, *seq)?,
            Revival::Event { seq, rule, destination } => event(writing, *seq, rule.as_ref(), destination.as_ref())?,
            Revival::EventToday { seq, rule } => {
                let events = u64::from(event_today(writing, *seq, rule.as_ref())?);
                Revived { events, ..Revived::default() }
            }
        };
        writing.told.revived += revived;
    }
    Ok(())
}

/// A new series of attempts: the number of those on record goes on, and the policy sees none of them.
const NEW_SERIES: &str = "UPDATE deliveries SET state = 0, due_at = ?1, settled_at = NULL, dead_at = NULL, last_code = NULL, \
     attempts_before = attempts, retried_at = ?1, received_at = NULL, blocked = order_key IS NOT NULL";

fn delivery(writing: &mut Writing<'_>, seq: u64, delivered: bool) -> Result<Revived, StoreError> {
    let sql =
        format!("{NEW_SERIES} WHERE seq = ?2 AND (state = 2 OR ?3 AND state = 1) RETURNING workspace, destination, order_key");
    let now = writing.now;
    let letters = series(writing, &sql, params![now, Whole(seq), delivered])?;
    let sql = "UPDATE deliveries SET due_at = ?1 WHERE seq = ?2 AND state = 0 AND due_at > ?1 AND received_at IS NULL \
               RETURNING workspace, destination";
    let sooner = lanes(writing, sql, params![writing.now, Whole(seq)])?;
    let deliveries = letters + sooner.len() as u64;
    writing.marks.deliveries.extend(sooner);
    Ok(Revived { deliveries, letters, ..Revived::default() })
}

/// Begins new series, each at its place where there is an order, and gives how many.
fn series(writing: &mut Writing<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<u64, StoreError> {
    let mut statement = writing.sql.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        let mut columns = Columns::of(row);
        Ok((Lane { workspace: columns.take()?, name: columns.take()? }, columns.take::<Option<String>>()?))
    })?;
    let begun = rows.collect::<Result<Vec<_>, _>>()?;
    drop(statement);
    for (lane, key) in &begun {
        match key {
            Some(key) => order::line_up(writing, lane, key)?,
            None => drop(writing.marks.deliveries.insert(lane.clone())),
        }
    }
    Ok(begun.len() as u64)
}

/// Runs by the rule they are pinned to: as they were.
const RUN_AGAIN: &str = "UPDATE runs SET state = 0, due_at = ?1, dead_at = NULL, attempts_before = attempts, conflicts = 0, \
     failure = NULL, retried_at = ?1";

fn run(writing: &mut Writing<'_>, seq: u64) -> Result<Revived, StoreError> {
    let sql = format!("{RUN_AGAIN} WHERE seq = ?2 AND state = 5 RETURNING workspace, rule");
    let again = lanes(writing, &sql, params![writing.now, Whole(seq)])?;
    let runs = again.len() as u64;
    writing.marks.runs.extend(again);
    Ok(Revived { runs, letters: runs, ..Revived::default() })
}

fn batch(writing: &mut Writing<'_>, seq: u64) -> Result<Revived, StoreError> {
    // One that was taken apart has no members any more.
    let sql = "UPDATE batches AS b SET state = 1, due_at = ?1, dead_at = NULL, attempts_before = attempts, conflicts = 0, \
               failure = NULL, retried_at = ?1 WHERE seq = ?2 AND state = 4 AND EXISTS \
               (SELECT 1 FROM batch_members m WHERE m.workspace = b.workspace AND m.batch = b.seq) RETURNING workspace, rule";
    let again = lanes(writing, sql, params![writing.now, Whole(seq)])?;
    let batches = again.len() as u64;
    if batches > 0 {
        hold(writing, seq)?;
    }
    writing.marks.batches.extend(again);
    Ok(Revived { batches, letters: batches, ..Revived::default() })
}

/// What waits with it in order waits behind it again.
fn hold(writing: &mut Writing<'_>, batch: u64) -> Result<(), StoreError> {
    let sql = "SELECT workspace, place, ordered FROM batches WHERE seq = ?1 AND place IS NOT NULL";
    let found = writing.sql.prepare_cached(sql)?.query_row([Whole(batch)], |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take::<Name>()?, columns.whole()?, columns.take::<Json<Vec<Name>>>()?))
    });
    let Some((workspace, place, Json(ordered))) = found.optional()? else { return Ok(()) };
    for destination in ordered {
        order::hold(writing, &workspace, Holder::Batch(batch), (&destination, ""), place)?;
        order::line_up(writing, &Lane { workspace: workspace.clone(), name: destination }, "")?;
    }
    Ok(())
}

/// Makes a batch of each member, with an id of its own, as closing does.
fn singly(writing: &mut Writing<'_>, seq: u64) -> Result<Revived, StoreError> {
    let members = members(writing, seq)?;
    if members.len() < 2 {
        return batch(writing, seq);
    }
    let sql = "SELECT workspace, rule, key FROM batches WHERE seq = ?1 AND state = 4";
    let found = writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        Ok((Lane { workspace: columns.take()?, name: columns.take()? }, columns.take::<String>()?))
    });
    let Some((lane, key)) = found.optional()? else { return Ok(Revived::default()) };
    for member in &members {
        let id = BatchId::of(&lane.workspace, &lane.name, &key, *member, *member);
        let sql = "INSERT INTO batches (workspace, rule, key, rule_hash, revision, opened_at, events, bytes, state, due_at, id, reason, \
                   retried_at, ordered, place, hops) SELECT b.workspace, b.rule, b.key, b.rule_hash, b.revision, b.opened_at, 1, \
                   coalesce(length(m.body), length(e.body)), ?3, ?4, ?5, b.reason, ?4, b.ordered, b.place, e.hops \
                   FROM batches b JOIN batch_members m ON m.seq = ?2 JOIN events e ON e.seq = m.event WHERE b.seq = ?1";
        let values = params![Whole(seq), Whole(*member), BatchState::Closed, writing.now, id];
        writing.sql.prepare_cached(sql)?.execute(values)?;
        let made = Whole(u64::try_from(writing.sql.last_insert_rowid()).unwrap_or_default());
        let sql = "UPDATE batch_members SET batch = ?2 WHERE seq = ?1";
        writing.sql.prepare_cached(sql)?.execute(params![Whole(*member), made])?;
        hold(writing, made.0)?;
    }
    close_letter(writing, DeadKind::Batch, seq)?;
    writing.marks.batches.insert(lane);
    Ok(Revived { batches: members.len() as u64, letters: 1, ..Revived::default() })
}

/// By place, oldest first.
fn members(writing: &Writing<'_>, batch: u64) -> Result<Vec<u64>, StoreError> {
    let sql = "SELECT m.seq FROM batches b JOIN batch_members m ON m.workspace = b.workspace AND m.batch = b.seq \
               WHERE b.seq = ?1 ORDER BY m.seq";
    let mut statement = writing.sql.prepare_cached(sql)?;
    let rows = statement.query_map([Whole(batch)], |row| Columns::of(row).whole())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The events behind it, and its rule. A letter whose events are gone stays one.
fn letter(writing: &mut Writing<'_>, kind: DeadKind, seq: u64) -> Result<Revived, StoreError> {
    let sql = match kind {
        DeadKind::Event => return dead_event(writing, seq),
        DeadKind::Run => "SELECT event, rule FROM runs WHERE seq = ?1 AND state = 5 AND dead_at IS NOT NULL",
        DeadKind::Batch => {
            "SELECT DISTINCT m.event, b.rule FROM batches b \
             JOIN batch_members m ON m.workspace = b.workspace AND m.batch = b.seq WHERE b.seq = ?1 AND b.state = 4 AND b.dead_at IS NOT NULL"
        }
        DeadKind::Delivery => {
            "SELECT event, rule FROM deliveries WHERE seq = ?1 AND state = 2 AND dead_at IS NOT NULL AND event IS NOT NULL UNION \
             SELECT m.event, d.rule FROM deliveries d JOIN batch_members m ON m.workspace = d.workspace AND m.batch = d.batch \
             WHERE d.seq = ?1 AND d.state = 2 AND d.dead_at IS NOT NULL"
        }
    };
    let mut statement = writing.sql.prepare_cached(sql)?;
    let behind = statement.query_map([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        Ok((columns.whole()?, columns.take::<Name>()?))
    })?;
    let behind = behind.collect::<Result<Vec<_>, _>>()?;
    drop(statement);
    let (mut events, mut letters) = (0, 0);
    for (event, rule) in behind {
        if event_today(writing, event, Some(&rule))? {
            events += 1;
            letters += close_letters_of(writing, event, &rule)?;
        }
    }
    if events > 0 {
        letters += close_letter(writing, kind, seq)?;
    }
    Ok(Revived { events, letters, ..Revived::default() })
}

/// No rule has seen it, so it goes through those of today, whatever it was given up for.
fn dead_event(writing: &mut Writing<'_>, seq: u64) -> Result<Revived, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM events WHERE seq = ?1 AND dead_at IS NOT NULL)";
    let dead: bool = writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| row.get(0))?;
    let events = u64::from(dead && event_today(writing, seq, None)?);
    Ok(Revived { events, letters: events, ..Revived::default() })
}

/// It stays on record as given up, and is no dead letter any more; 1, or 0 where it was none.
fn close_letter(writing: &Writing<'_>, kind: DeadKind, seq: u64) -> Result<u64, StoreError> {
    let sql = match kind {
        DeadKind::Delivery => "UPDATE deliveries SET dead_at = NULL, retried_at = ?2 WHERE seq = ?1 AND dead_at IS NOT NULL",
        DeadKind::Run => "UPDATE runs SET dead_at = NULL, retried_at = ?2 WHERE seq = ?1 AND dead_at IS NOT NULL",
        DeadKind::Batch => "UPDATE batches SET dead_at = NULL, retried_at = ?2 WHERE seq = ?1 AND dead_at IS NOT NULL",
        DeadKind::Event => "UPDATE events SET dead_at = NULL, retried_at = ?2 WHERE seq = ?1 AND dead_at IS NOT NULL",
    };
    Ok(writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), writing.now])? as u64)
}

/// The event goes through the rule once more, to all of its destinations: whatever of both was given up is with that taken up.
fn close_letters_of(writing: &Writing<'_>, event: u64, rule: &Name) -> Result<u64, StoreError> {
    let mut closed = 0;
    for sql in [
        "UPDATE deliveries SET dead_at = NULL, retried_at = ?3 WHERE workspace = (SELECT workspace FROM events WHERE seq = ?1) \
         AND event = ?1 AND rule = ?2 AND dead_at IS NOT NULL",
        "UPDATE runs SET dead_at = NULL, retried_at = ?3 WHERE workspace = (SELECT workspace FROM events WHERE seq = ?1) \
         AND event = ?1 AND rule = ?2 AND dead_at IS NOT NULL",
    ] {
        closed += writing.sql.prepare_cached(sql)?.execute(params![Whole(event), rule, writing.now])? as u64;
    }
    Ok(closed)
}

fn event(writing: &mut Writing<'_>, seq: u64, rule: Option<&Name>, destination: Option<&Name>) -> Result<Revived, StoreError> {
    let sql = "SELECT workspace FROM events WHERE seq = ?1";
    let found = writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| row.get::<_, Name>(0)).optional()?;
    let Some(workspace) = found else { return Ok(Revived::default()) };
    let sql = format!(
        "{NEW_SERIES} WHERE workspace = ?2 AND event = ?3 AND state IN (1, 2) AND (?4 IS NULL OR rule = ?4) \
         AND (?5 IS NULL OR destination = ?5) RETURNING workspace, destination, order_key"
    );
    let now = writing.now;
    let deliveries = series(writing, &sql, params![now, workspace, Whole(seq), rule, destination])?;
    let runs = match destination {
        Some(_) => Vec::new(),
        None => {
            let sql = format!(
                "{RUN_AGAIN} WHERE workspace = ?2 AND event = ?3 AND state = 5 AND (?4 IS NULL OR rule = ?4) \
                 RETURNING workspace, rule"
            );
            lanes(writing, &sql, params![writing.now, workspace, Whole(seq), rule])?
        }
    };
    let mut revived = Revived { deliveries, runs: runs.len() as u64, ..Revived::default() };
    writing.marks.runs.extend(runs);
    // It came to nothing, so what it was is what it will be.
    if rule.is_none() && destination.is_none() {
        revived += dead_event(writing, seq)?;
    }
    Ok(revived)
}

/// Raises an event's generation, so that it is routed again; false where there is no such event. One that waits for its rules anyway gets
/// another generation all the same: whoever has it in hand does not know of the rule that was added.
fn event_today(writing: &mut Writing<'_>, seq: u64, rule: Option<&Name>) -> Result<bool, StoreError> {
    let sql = "SELECT routed, only_rules FROM events WHERE seq = ?1";
    let found = writing.sql.prepare_cached(sql)?.query_row([Whole(seq)], |row| {
        let mut columns = Columns::of(row);
        Ok((columns.take()?, columns.take::<Option<Json<Vec<Name>>>>()?.map(|Json(rules)| rules)))
    });
    let Some((routed, waiting)) = found.optional()? else { return Ok(false) };
    let rules = match (rule, routed, waiting) {
        // Through all rules already.
        (_, false, None) => return Ok(true),
        (None, ..) => None,
        (Some(rule), true, _) => Some(vec![rule.clone()]),
        (Some(rule), false, Some(mut rules)) => {
            if !rules.contains(rule) {
                rules.push(rule.clone());
            }
            Some(rules)
        }
    };
    let sql = "UPDATE events SET routed = 0, generation = generation + 1, only_rules = ?2 WHERE seq = ?1";
    writing.sql.prepare_cached(sql)?.execute(params![Whole(seq), rules.map(Json)])?;
    // Other rules have not seen it yet, so it stays a dead letter where only one is to.
    if rule.is_none() {
        close_letter(writing, DeadKind::Event, seq)?;
    }
    writing.ended.events.push(seq);
    writing.marks.events = true;
    Ok(true)
}

/// Changes rows, and gives their lanes.
fn lanes(writing: &Writing<'_>, sql: &str, values: &[&dyn ToSql]) -> Result<Vec<Lane>, StoreError> {
    let mut statement = writing.sql.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| {
        let mut columns = Columns::of(row);
        Ok(Lane { workspace: columns.take()?, name: columns.take()? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
