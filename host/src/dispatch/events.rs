//! Finds the rules of each event, in the journal's order, and freezes them as runs. A rule without plugins is planned at once.

use std::{pin::pin, time::Instant};

use super::{Parts, STORE_PAUSE, metrics::Metrics, plan, store, traced};
use crate::{
    event::{Message, OrderKeys, RunId},
    failpoint::{self, Step},
    journal::{NewRun, Routed, Unrouted},
    plugin::{Ended, Piece},
};

/// Routes until the host stops.
pub(super) async fn route(parts: Parts, events_max: usize, metrics: Metrics) {
    let mut shutdown = parts.shutdown.clone();
    let mut stopped = pin!(shutdown.wait_for(|stop| *stop));
    tokio::select! {
        () = route_for_ever(&parts, events_max, &metrics) => {}
        _ = &mut stopped => {}
    }
}

/// Being dropped at any await loses nothing: what is not routed in the journal is claimed again after the restart.
async fn route_for_ever(parts: &Parts, events_max: usize, metrics: &Metrics) {
    loop {
        match parts.journal.claim_events(events_max).await {
            Ok(claimed) if claimed.is_empty() => parts.journal.feed().events.notified().await,
            Ok(claimed) => {
                failpoint::reach(Step::EventsClaimed);
                let routed = find_all_rules(parts.clone(), claimed, metrics.clone()).await;
                failpoint::reach(Step::RulesFound);
                if store("routes", || parts.journal.route(routed.clone())).await.is_some() {
                    metrics.routed(&routed);
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "events could not be claimed; trying again");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}

/// Parsing bodies is work that would hold up a thread that serves sockets.
async fn find_all_rules(parts: Parts, claimed: Vec<Unrouted>, metrics: Metrics) -> Vec<Routed> {
    let find_one = move |unrouted: &Unrouted| {
        let (span, begun) = (traced::routing(&parts.tracer, unrouted), Instant::now());
        let routed = find_rules(&parts, unrouted, &metrics);
        metrics.took(begun.elapsed());
        traced::routed(span, unrouted, &routed);
        routed
    };
    let find = move || claimed.iter().map(find_one).collect();
    let finding = tokio::task::spawn_blocking(find);
    finding.await.expect("matching does not panic, and the runtime outlives its flows")
}

fn find_rules(parts: &Parts, unrouted: &Unrouted, metrics: &Metrics) -> Routed {
    let Unrouted { seq, generation, only_rules, event } = unrouted;
    let (seq, generation) = (*seq, *generation);
    // Loaded once for an event: a new rule set takes effect between two events, never within one.
    let book = parts.book.load();
    let Some(rules) = book.workspaces.get(&event.workspace) else {
        return Routed { seq, generation, revision: 0, runs: Vec::new() };
    };
    let mut keys = OrderKeys::of(event);
    let found = rules.index.find(event);
    metrics.found(found.work);
    let matched = found.matching.into_iter().filter_map(|number| rules.rules.get(number));
    let matched = matched.filter(|rule| only_rules.as_ref().is_none_or(|only| only.contains(&rule.name)));
    let runs = matched.map(|rule| {
        let plain = rule.chain.is_empty().then(|| {
            let run = RunId::of(&event.workspace, event.id, generation, &rule.name);
            let piece = Piece { message: Message::of(event), batch_key: None };
            plan::of_run(rule, run, event, Ended::Messages(vec![piece]))
        });
        let holds = if plain.is_none() { plan::holds(rule, &mut keys) } else { Vec::new() };
        NewRun { rule: rule.name.clone(), outcome: plain, holds }
    });
    Routed { seq, generation, revision: rules.revision, runs: runs.collect() }
}
