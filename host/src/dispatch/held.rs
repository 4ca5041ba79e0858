//! Work that waits for a plugin which is tripped: whether a chain may run now, and when what was held goes on.
//!
//! Runs and batches are pinned to the revision that matched them. Where a plugin of that revision is tripped, and for all that was held,
//! the rule as it is today counts instead: it is where the operator mends what is broken.

use std::{collections::HashSet, pin::pin, sync::Arc, time::Duration};

use super::{Parts, Rule, runs::rule_of};
use crate::{
    event::{Digest, Failure, Name, Timestamp},
    journal::{Lane, Outcome, Places},
    plugin::{Admission, Bound, Release, TRIPPED, Ticket, canaries},
};

/// How often it is looked whether held runs may go on.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Runs that are released in one transaction.
const RELEASED_AT_ONCE: usize = 512;
/// A rule whose batch plugin is tripped is looked at again after this long.
const BATCHES_AGAIN_MS: u64 = 500;

/// Claimed work, as far as it says which rule it runs by.
pub(super) struct Claimed<'w> {
    pub(super) lane: &'w Lane,
    /// That it is pinned to.
    pub(super) revision: u64,
    /// Why it was put off or held the last time, where it was.
    pub(super) put_off: Option<&'w Failure>,
}

/// Leave to run the chain of a rule.
pub(super) struct Admitted {
    pub(super) rule: Arc<Rule>,
    /// Whose rule it is: the work is pinned to it from now on, so that a repeat, and the batch that it joins, have the same rule.
    pub(super) revision: u64,
    pub(super) ticket: Ticket,
}

/// Leave to run the chain of the rule that the work is pinned to, or of that of today; else what becomes of the work.
pub(super) async fn admit(
    parts: &Parts,
    work: Claimed<'_>,
    chain: impl Fn(&Rule) -> Arc<[Arc<Bound>]>,
    now: Timestamp,
) -> Result<Admitted, Outcome> {
    let Claimed { lane, revision, put_off } = work;
    let breakers = parts.plugins.breakers();
    let was_held = put_off.is_some_and(|failure| failure.code == TRIPPED);
    let today = || rule_of_today(parts, lane).ok_or_else(|| Outcome::Dead(rule_gone(&lane.name)));
    // What was held does not ask for its old rule, which may be of a component that is no longer there.
    let (rule, revision) = match was_held {
        true => today()?,
        false => match rule_of(parts, lane, revision).await? {
            pinned if breakers.any_tripped(&lane.workspace, &chain(&pinned)) => today()?,
            pinned => (pinned, revision),
        },
    };
    match breakers.admit(&lane.workspace, &chain(&rule), was_held, now) {
        Admission::Go(ticket) => Ok(Admitted { rule, revision, ticket }),
        Admission::Hold(failure) => Err(Outcome::Held { at: now, failure }),
        Admission::Dead(failure) => Err(Outcome::Dead(failure)),
    }
}

/// All that held runs of a rule may wait for: its plugins, and such canaries as are tripped.
fn waited_for(parts: &Parts, lane: &Lane, rule: &Rule) -> Vec<Arc<Bound>> {
    let breakers = parts.plugins.breakers();
    let tripped = canaries(&rule.chain).filter(|canary| breakers.any_tripped(&lane.workspace, std::slice::from_ref(*canary)));
    rule.chain.iter().chain(tripped).cloned().collect()
}

/// All that runs when a batch is full.
pub(super) fn only_folder(rule: &Rule) -> Arc<[Arc<Bound>]> {
    rule.folder().cloned().into_iter().collect()
}

/// Of a rule whose batch plugin is tripped no batch is taken up.
pub(super) fn places_of_batches(parts: &Parts, lane: &Lane, places_max: usize) -> Places {
    let Some((rule, _)) = rule_of_today(parts, lane) else { return Places::UpTo(places_max) };
    match parts.plugins.breakers().release(&lane.workspace, &only_folder(&rule), (parts.clock)()) {
        Release::None => Places::NotFor { ms: BATCHES_AGAIN_MS },
        Release::One | Release::All => Places::UpTo(places_max),
    }
}

/// Releases held runs, until the host stops.
pub(super) async fn release(parts: Parts) {
    let mut shutdown = parts.shutdown.clone();
    let mut stopped = pin!(shutdown.wait_for(|stop| *stop));
    tokio::select! {
        () = release_for_ever(&parts) => {}
        _ = &mut stopped => {}
    }
}

/// Being dropped at any await loses nothing: what is held is marked again after the restart.
async fn release_for_ever(parts: &Parts) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut held, mut seen) = (HashSet::new(), Retired::default());
    loop {
        tokio::select! {
            lanes = parts.journal.feed().held.take() => held.extend(lanes),
            _ = look.tick() => {
                retire(parts, &mut seen);
                held = release_some(parts, held).await;
            }
        }
    }
}

/// Gives back the lanes of which none may go on yet, or could not; the others are marked again where they hold more.
async fn release_some(parts: &Parts, held: HashSet<Lane>) -> HashSet<Lane> {
    let (mut waiting, mut released) = (HashSet::new(), Vec::new());
    for lane in held {
        let release = match rule_of_today(parts, &lane) {
            Some((rule, _)) => {
                let chain = waited_for(parts, &lane, &rule);
                parts.plugins.breakers().release(&lane.workspace, &chain, (parts.clock)())
            }
            // What was held of a rule that is no more is given up.
            None => Release::All,
        };
        let max = match release {
            Release::All => RELEASED_AT_ONCE,
            Release::One => 1,
            Release::None => {
                waiting.insert(lane);
                continue;
            }
        };
        // All are asked for before one is waited for, so that they share a sync.
        released.push((parts.journal.release_runs(lane.clone(), max), lane));
    }
    for (release, lane) in released {
        // The journal has logged why it failed; the next look tries again.
        if release.await.is_err() {
            waiting.insert(lane);
        }
    }
    waiting
}

/// What [`retire`] has seen: the revisions of all workspaces, and how often something had tripped.
type Retired = (Vec<(Name, u64)>, u64);

/// With each new rule set, and when something has tripped, which may be by work that began with an old one: what no rule has is not shown
/// as tripped.
fn retire(parts: &Parts, seen: &mut Retired) {
    let book = parts.book.load();
    let revisions = book.workspaces.iter().map(|(workspace, rules)| (workspace.clone(), rules.revision)).collect();
    let now = (revisions, parts.plugins.breakers().trips());
    if *seen == now {
        return;
    }
    *seen = now;
    let has = |rule: &Arc<Rule>, plugin: &Name, digest: &Digest| {
        rule.chain.iter().chain(canaries(&rule.chain)).any(|bound| bound.name == *plugin && bound.digest == *digest)
    };
    parts.plugins.breakers().retire(|workspace, plugin, digest| {
        let rules = book.workspaces.get(workspace);
        rules.is_some_and(|rules| rules.rules.iter().any(|rule| has(rule, plugin, digest)))
    });
}

/// The rule as it is now, and the revision that it is of.
fn rule_of_today(parts: &Parts, lane: &Lane) -> Option<(Arc<Rule>, u64)> {
    let book = parts.book.load();
    let rules = book.workspaces.get(&lane.workspace)?;
    rules.named(&lane.name).map(|rule| (Arc::clone(rule), rules.revision))
}

fn rule_gone(rule: &Name) -> Failure {
    Failure::new(TRIPPED, format!("it waited for a plugin that was tripped, and the rule `{rule}` is no longer there"))
}
