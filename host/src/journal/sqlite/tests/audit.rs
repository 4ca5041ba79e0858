//! The audit log as it lies on disk.

use super::*;
use crate::journal::{AuditEnd, AuditEntry, AuditFilter, AuditOutcome, AuditRecord, Expiry, Retention};

fn entry(workspace: Option<&str>, action: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        workspace: workspace.map(name),
        at,
        key: Some("admin".to_owned()),
        action: action.to_owned(),
        kind: "sources".to_owned(),
        name: Some("shop".to_owned()),
        revision_before: Some(3),
        address: Some("2001:db8::7".parse().expect("an address")),
        user_agent: Some("curl/8".to_owned()),
        request_id: None,
        times: 1,
        end: None,
    }
}

const DONE: AuditEnd = AuditEnd { outcome: AuditOutcome::Done, status: Some(200), revision_after: Some(4), of_host: false };

fn listed(world: &World, filter: AuditFilter) -> Vec<AuditRecord> {
    done(world.journal.audit_log(AuditFilter { limit: 100, ..filter })).items
}

#[test]
fn an_entry_is_kept_as_it_was_begun_and_as_it_ended() {
    let world = World::new();
    let (first, second) = (entry(Some("default"), "sources.put", START), entry(Some("default"), "sources.delete", START));
    let seq = done(world.journal.audit(first.clone()));
    done(world.journal.audit(second.clone()));
    done(world.journal.audit_end(seq, DONE));
    let world = world.reopen();
    let all = listed(&world, AuditFilter { workspace: Some(name("default")), ..AuditFilter::default() });
    let ended = AuditEntry { end: Some(DONE), ..first };
    assert_eq!(all, [AuditRecord { seq: seq + 1, entry: second }, AuditRecord { seq, entry: ended }]);
}

#[test]
fn a_workspace_sees_its_own_and_the_host_its_own() {
    let world = World::new();
    for (workspace, action) in [(Some("default"), "a"), (Some("other"), "b"), (None, "c")] {
        done(world.journal.audit(entry(workspace, action, START)));
    }
    let actions = |workspace: Option<&str>| {
        let all = listed(&world, AuditFilter { workspace: workspace.map(name), ..AuditFilter::default() });
        all.into_iter().map(|record| record.entry.action).collect::<Vec<_>>()
    };
    assert_eq!(
        (actions(Some("default")), actions(Some("other")), actions(None)),
        (vec!["a".into()], vec!["b".into()], vec!["c".into()])
    );
}

#[test]
fn filters_narrow_and_cursors_go_both_ways() {
    let world = World::new();
    let seqs: Vec<u64> = (0..5)
        .map(|n| {
            let seq = done(world.journal.audit(entry(None, &format!("a{}", n % 2), START.plus_ms(n))));
            if n > 2 {
                done(world.journal.audit_end(seq, DONE));
            }
            seq
        })
        .collect();
    let found = |filter: AuditFilter| listed(&world, filter).into_iter().map(|record| record.seq).collect::<Vec<_>>();
    let none = AuditFilter::default;
    assert_eq!(found(AuditFilter { action: Some("a1".to_owned()), ..none() }), [seqs[3], seqs[1]]);
    assert_eq!(found(AuditFilter { outcome: Some(AuditOutcome::Done), ..none() }), [seqs[4], seqs[3]]);
    assert_eq!(found(AuditFilter { outcome: Some(AuditOutcome::Begun), ..none() }), [seqs[2], seqs[1], seqs[0]]);
    let (since, until) = (Some(START.plus_ms(1)), Some(START.plus_ms(3)));
    assert_eq!(found(AuditFilter { since, until, ..none() }), [seqs[2], seqs[1]]);
    assert!(found(AuditFilter { key: Some("other".to_owned()), ..none() }).is_empty());
    assert_eq!(found(AuditFilter { name: Some("shop".to_owned()), before: Some(seqs[1]), ..none() }), [seqs[0]]);
    let page = done(world.journal.audit_log(AuditFilter { after: Some(seqs[1]), limit: 2, ..none() }));
    assert_eq!(page.items.iter().map(|record| record.seq).collect::<Vec<_>>(), seqs[2..4]);
    assert_eq!(page.next, Some(seqs[3]));
}

#[test]
fn entries_go_when_their_time_is_over_and_not_before() {
    let world = World::new();
    let old = done(world.journal.audit(entry(None, "old", START)));
    let young = done(world.journal.audit(entry(None, "young", START.plus_ms(1))));
    let kept = |audit_before| {
        let at = START.plus_ms(Retention::default().audit_ms);
        let expiry = Expiry { now: at, settled_before: at, dead_before: at, saw_before: at, audit_before, after: 0 };
        done(world.journal.expire(expiry));
        listed(&world, AuditFilter::default()).into_iter().map(|record| record.seq).collect::<Vec<_>>()
    };
    assert_eq!(kept(START), [young, old]);
    assert_eq!(kept(START.plus_ms(1)), [young]);
    let next = done(world.journal.audit(entry(None, "next", START)));
    assert!(kept(START.plus_ms(2)).is_empty());
    assert!(done(world.journal.audit(entry(None, "last", START))) > next, "no place is given twice");
}

#[test]
fn one_entry_stands_for_many_that_were_refused() {
    let world = World::new();
    let seqs = [0, 1, 2].map(|n| done(world.journal.audit(entry(Some("default"), &format!("a{n}"), START.plus_ms(n)))));
    done(world.journal.audit_sum(seqs[1], seqs[1]));
    done(world.journal.audit_sum(seqs[2], seqs[1]));
    let world = world.reopen();
    let all = listed(&world, AuditFilter { workspace: Some(name("default")), ..AuditFilter::default() });
    assert_eq!(all.iter().map(|record| record.seq).collect::<Vec<_>>(), [seqs[1], seqs[0]], "others are as they were");
    let AuditEntry { action, kind, name, times, end, .. } = all[0].entry.clone();
    assert_eq!((&*action, &*kind, name, times), ("calls.refused", "calls", None, 2));
    assert_eq!(end.map(|end| (end.outcome, end.status)), Some((AuditOutcome::Refused, None)));
}
