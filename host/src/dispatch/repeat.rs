//! A run once more: the same plugins, in the versions and with the settings that it had, on what it was told when it failed last. Nothing
//! follows from it: the journal is only read, no breaker hears of it, and what the plugins count is seen by nobody.

use std::sync::Arc;

use arc_swap::access::DynAccess;
use serde_json::Value;

use super::{Book, History, Rule, Unavailable, state};
use crate::{
    event::{Event, Name, Timestamp},
    journal::{Journal, JournalError, RunRecord},
    plugin::{Bound, Call, Plugins, Report, chain_for},
};

/// What repeats runs.
#[derive(Clone)]
pub struct Repeater {
    /// What was told them is there.
    pub journal: Arc<dyn Journal>,
    /// The rules of today.
    pub book: Arc<dyn DynAccess<Book> + Send + Sync>,
    /// Rules as they were.
    pub history: Arc<dyn History>,
    /// Runs the chains.
    pub plugins: Arc<Plugins>,
}

/// What came of it.
#[derive(Debug)]
pub struct Repeated {
    /// What the plugins did, and how it ended.
    pub report: Report,
    /// What they were told that the time is.
    pub now: Timestamp,
    /// And which attempt it is.
    pub attempt: u32,
    /// Whether they were told what the run was told that failed. Else they had the state as it is now.
    pub saw: bool,
    /// More was told them than is kept: keys that are missing were not there.
    pub cut: bool,
}

/// Why a run cannot be repeated.
#[derive(Debug, thiserror::Error)]
pub enum NotRepeated {
    /// The rule is not known any more as it was.
    #[error("rule `{rule}` as of revision {revision} is no longer kept")]
    RuleGone {
        /// The rule.
        rule: Name,
        /// The revision that matched the event.
        revision: u64,
    },
    /// It ran with others than its own revision's and today's rule have: it was held, and the rule has changed since.
    #[error("run of rule `{0}` was held, and its rule as it was then, with other versions of its plugins, is no longer kept")]
    VersionsGone(Name),
    /// The rule cannot be had now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// The journal did not answer.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl Repeater {
    /// Runs it on a worker, when it is its turn.
    ///
    /// # Errors
    ///
    /// See [`NotRepeated`]; that the plugins fail is no error here.
    pub async fn repeat(&self, event: &Arc<Event>, run: &RunRecord) -> Result<Repeated, NotRepeated> {
        let chain = self.chain(event, run).await?;
        let saw = self.journal.saw(event.workspace.clone(), event.id, run.rule.clone()).await?;
        let (now, attempt, state) = match &saw {
            Some(saw) => (saw.now, saw.attempt, state::seen_state(saw, &run.rule)),
            None => (event.received_at, 1, state::stored_state(&self.journal, &event.workspace)),
        };
        let call = Call { event: Arc::clone(event), attempt, now, state: Some(state) };
        let report = self.plugins.rehearse(chain, call).await;
        Ok(Repeated { report, now, attempt, saw: saw.is_some(), cut: saw.is_some_and(|saw| saw.cut) })
    }

    /// What ran: of the rule that the run is pinned to or, where it was held, of that of today.
    async fn chain(&self, event: &Event, run: &RunRecord) -> Result<Chain, NotRepeated> {
        let rule = self.history.rule_at(&event.workspace, run.revision, &run.rule).await?;
        let gone = || NotRepeated::RuleGone { rule: run.rule.clone(), revision: run.revision };
        let pinned = chain_for(&rule.ok_or_else(gone)?.chain, event.id);
        if has_run(&pinned, &run.stages) {
            return Ok(without_bypassed(pinned, &run.stages));
        }
        let today = self.book.load().workspaces.get(&event.workspace).and_then(|rules| rules.named(&run.rule).cloned());
        let today = today.map(|rule: Arc<Rule>| chain_for(&rule.chain, event.id)).filter(|chain| has_run(chain, &run.stages));
        today.map(|chain| without_bypassed(chain, &run.stages)).ok_or_else(|| NotRepeated::VersionsGone(run.rule.clone()))
    }
}

type Chain = Arc<[Arc<Bound>]>;

/// Whether a run with these stages can have been one of this chain.
fn has_run(chain: &[Arc<Bound>], stages: &[Value]) -> bool {
    let has = |stage: &Value| {
        let (plugin, digest) = (stage["plugin"].as_str(), stage["digest"].as_str());
        chain.iter().any(|bound| Some(bound.name.as_str()) == plugin && Some(bound.digest.to_string().as_str()) == digest)
    };
    stages.iter().all(has)
}

/// A plugin that was tripped when the run went on without it is left out again.
fn without_bypassed(chain: Chain, stages: &[Value]) -> Chain {
    let bypassed = |bound: &Arc<Bound>| {
        stages.iter().any(|stage| stage["result"] == "bypassed" && stage["plugin"].as_str() == Some(bound.name.as_str()))
    };
    if chain.iter().any(bypassed) { chain.iter().filter(|bound| !bypassed(bound)).cloned().collect() } else { chain }
}
